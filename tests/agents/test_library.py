"""The documents of an archive as a user handles them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from memos.agents import library as module
from memos.agents.composition import measure_folder
from memos.agents.library import Library
from memos.agents.opening import opened
from memos.agents.research import open_research
from memos.errors import InputError, ModelNotFound
from memos.ingest import FileGone, Options, watching
from memos.ingest.events import IngestEvent
from memos.settings import load
from memos.storage import Database
from memos.testing import ScriptedModel


@pytest.fixture
def library(own_home: Path) -> Iterator[Library]:
    with Database.open(own_home) as database:
        yield Library(database.library(), load(embedding="none"))


def test_what_is_watched_is_read_anew_once_at_most(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[Options] = []
    monkeypatch.setattr(
        module, "ingest_into", lambda _archive, _settings, _paths, _observe, options: runs.append(options)
    )
    monkeypatch.setattr(watching, "changes", lambda *_: [frozenset(), frozenset({tmp_path})])
    list(library.watch([tmp_path], options=Options(again=True, prune=True)))
    assert [(run.again, run.prune) for run in runs] == [(True, True), (False, True), (False, True)]
    assert [run.may_be_gone for run in runs] == [False, True, True]


def test_what_is_removed_is_told_by_no_summary_though_the_run_is_stopped(library: Library, tmp_path: Path) -> None:
    (file := tmp_path / "a.md").write_text("The lamp is in the pantry.", "utf-8")
    library.ingest([tmp_path])
    with open_research(model=ScriptedModel()) as research:
        digest = research.summaries.summarise(str(file)).id
    file.unlink()

    def stop(event: IngestEvent) -> None:
        if isinstance(event, FileGone):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        library.ingest([tmp_path], stop, Options(prune=True))
    assert not library.sources()
    with pytest.raises(InputError, match="There is no digest"):
        opened(digest)


def test_documents_are_read_where_search_is_by_words_alone(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEMOS_MODELS", str(tmp_path / "models"))
    with pytest.raises(ModelNotFound, match="memos models pull"):
        measure_folder(load())
    file = tmp_path / "a.md"
    file.write_text("The lamp is in the pantry.", "utf-8")
    assert library.ingest([file]).passages == 1
    assert [one.opening for one in library.outline(str(file))] == ["The lamp is in the pantry."]
