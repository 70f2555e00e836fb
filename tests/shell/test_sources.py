"""`memos ingest` and `memos sources` as a user meets them."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from memos.agents import composition
from memos.agents.documents import Answer, Citation
from memos.cli.docs import _print_answer
from memos.cli.docs import command as docs_command
from memos.cli.ingest import command as ingest
from memos.cli.ingesting import Report
from memos.cli.search import command as search
from memos.cli.show import command as show
from memos.cli.sources import command as sources
from memos.errors import InputError, MemosError, ModelError
from memos.ingest import FileFailed, FilesFound, FileSkipped, IngestFinished
from memos.models import store
from memos.printing import printable
from memos.storage import Database


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    try:
        store.resolve("all-minilm-l6-v2")
    except MemosError as error:
        pytest.skip(f"the embedding model is not on this machine: {error}")
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "a.md").write_text("# Keys\n\nThe spare key is in the blue tin.", "utf-8")
    (folder / "b.md").write_text("# Keys\n\nThe spare key is in the blue tin.", "utf-8")
    (folder / "bad\nname.pdf").write_bytes(b"%PDF-1.4 and no more")
    return folder


def test_a_passage_is_shown_as_it_is_written(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMOS_EMBEDDING", "none")
    with Database.open(own_home) as database, database.agent("ada") as agent:
        agent.archival.store_document("notes.md", "a" * 64, [("By the \U0001f469\u200d\U0001f52c\x1b[31m.", "")])
    runner = CliRunner()
    assert (
        "By the \U0001f469\u200d\U0001f52c[31m."
        in runner.invoke(sources, ["show", "notes.md", "--agent", "ada"]).stdout
    )
    assert "1 passage  " in runner.invoke(sources, ["list", "--agent", "ada"]).stdout


@pytest.mark.embedding
def test_a_folder_is_read_listed_shown_and_removed(docs: Path) -> None:
    runner = CliRunner()
    done = runner.invoke(ingest, [str(docs)])
    assert done.exit_code == 1  # one file failed
    assert "bad\\nname.pdf: " in done.stderr
    assert (
        "read                         1   1 passage\n" in done.stdout
        and "failed                       1" in done.stdout
    )
    (listed,) = json.loads(runner.invoke(sources, ["list", "--json"]).stdout)
    assert (listed["source"], listed["copies"], listed["passages"]) == (str(docs / "a.md"), [str(docs / "b.md")], 1)
    assert str(docs / "b.md") in runner.invoke(sources, ["list"]).stdout
    shown = runner.invoke(sources, ["show", str(docs / "b.md")]).stdout
    assert "[Keys] # Keys The spare key" in shown and "stored" in shown
    assert runner.invoke(sources, ["remove", str(docs)], input="n\n").exit_code == 1
    assert json.loads(runner.invoke(sources, ["list", "--json"]).stdout)
    assert runner.invoke(sources, ["remove", str(docs), "--yes"]).stdout == "2 removed.\n"
    assert json.loads(runner.invoke(sources, ["list", "--json"]).stdout) == []
    with pytest.raises(MemosError, match="Nothing of"):
        runner.invoke(sources, ["remove", str(docs), "--yes"], catch_exceptions=False)


@pytest.mark.embedding
def test_events_are_lines_of_json(docs: Path) -> None:
    lines = [json.loads(line) for line in CliRunner().invoke(ingest, [str(docs), "--json"]).stdout.splitlines()]
    assert lines[0]["event"] == "FilesFound" and lines[-1]["event"] == "IngestFinished" and lines[-1]["copied"] == 1


@pytest.fixture
def shelf(own_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that the shell is in, of which `docs/a.md` is stored, and `docs/b.md` has the same bytes."""
    monkeypatch.setenv("MEMOS_EMBEDDING", "none")
    monkeypatch.chdir(tmp_path)
    docs = tmp_path / "docs"
    docs.mkdir()
    with Database.open(own_home) as database, database.agent("ada"):
        library = database.library()
        library.store_document(str(docs / "a.md"), "1" * 64, [("The spare key is in the blue tin.", "Keys")])
        library.share_document(str(docs / "b.md"), "1" * 64)
        library.store_document(str(docs / "c.md"), "2" * 64, [("No key fits the red tin.", "")])
    return tmp_path


@pytest.mark.parametrize("name", ["docs/a.md", "docs/../docs/a.md", "a.md", "docs/b.md"])
def test_a_search_may_name_a_document_as_ingest_was_told_it(shelf: Path, name: str) -> None:
    done = CliRunner().invoke(search, ["ada", "key", "--source", name, "--json"])
    assert [json.loads(line)["source"] for line in done.stdout.splitlines()] == [str(shelf / "docs" / "a.md")]


def test_paths_mean_what_they_mean_to_ingest(shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (shelf / "here").mkdir()
    monkeypatch.chdir(shelf / "here")
    runner = CliRunner()
    assert len(json.loads(runner.invoke(sources, ["list", "../docs", "--json"]).stdout)) == 2
    assert str(shelf / "docs" / "a.md") in runner.invoke(sources, ["show", "../docs/b.md"]).stdout
    assert runner.invoke(sources, ["remove", "../docs/c.md", "--yes"]).stdout == "1 removed.\n"
    assert runner.invoke(sources, ["remove", "../docs", "--yes"]).stdout == "2 removed.\n"


def test_what_came_of_a_file_is_shown_though_nothing_of_it_is_stored(shelf: Path, own_home: Path) -> None:
    broken, runner = str(shelf / "docs" / "broken.pdf"), CliRunner()
    with Database.open(own_home) as database:
        library = database.library()
        library.note_job(broken, "failed", "The PDF is damaged.")
        library.store_document("/archive/broken.pdf", "3" * 64, [("Another file.", "")])
    shown = runner.invoke(sources, ["show", "docs/broken.pdf"])
    assert shown.exit_code == 0 and shown.stdout.startswith(f"{broken}: nothing of it is stored\n")
    assert shown.stdout.endswith("failed: The PDF is damaged.\n") and "Another" not in shown.stdout
    told = json.loads(runner.invoke(sources, ["show", "docs/broken.pdf", "--json"]).stdout)
    assert (told["source"], told["passages"], [job["outcome"] for job in told["jobs"]]) == (broken, 0, ["failed"])
    with pytest.raises(InputError, match="no document"):
        runner.invoke(sources, ["show", "docs/none.pdf"], catch_exceptions=False)


@pytest.mark.parametrize("arguments", [["list"], ["show", "docs/a.md"], ["remove", "docs/a.md", "--yes"]])
@pytest.mark.usefixtures("shelf")
def test_an_agent_that_is_not_there_is_not_made_by_looking(own_home: Path, arguments: list[str]) -> None:
    with pytest.raises(InputError, match="no agent tpyo"):
        CliRunner().invoke(sources, [*arguments, "--agent", "tpyo"], catch_exceptions=False)
    with Database.open(own_home) as database:
        assert [agent.name for agent in database.agents()] == ["ada"]


def test_a_search_may_name_a_folder(shelf: Path, own_home: Path) -> None:
    with Database.open(own_home) as database:
        library = database.library()
        library.store_document(str(shelf / "docs_2" / "d.md"), "4" * 64, [("A key elsewhere.", "")])
        library.store_document(str(shelf / "DOCS" / "e.md"), "5" * 64, [("Another key elsewhere.", "")])
        library.share_document(str(shelf / "copies" / "c.md"), "2" * 64)
    for folder, names in (("docs", {"a.md", "c.md"}), ("../" + shelf.name + "/copies/", {"c.md"})):
        done = CliRunner().invoke(search, ["ada", "key", "--source", folder, "--json"])
        assert {Path(json.loads(line)["source"]).name for line in done.stdout.splitlines()} == names


@pytest.mark.usefixtures("shelf")
def test_a_search_in_a_document_that_is_not_stored_is_refused() -> None:
    with pytest.raises(InputError, match=r"no document docs/z\.md"):
        CliRunner().invoke(search, ["ada", "key", "--source", "docs/z.md"], catch_exceptions=False)


def test_the_closing_table_gives_reasons(capsys: pytest.CaptureFixture[str]) -> None:
    report = Report(as_json=False)
    report.show(FilesFound(3))
    for name in "ab":
        report.show(FileSkipped(Path(name), "The file is empty (0 bytes)."))
    report.show(FileSkipped(Path("c"), "There is no text in it.", removed=True))
    report.show(FileFailed(Path("\x1b[2J"), "Permission denied."))
    report.show(IngestFinished(read=0, unchanged=5, skipped=3, failed=1, passages=0, embedded=0))
    report.close()
    out, err = capsys.readouterr()
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert lines[:-1] == [
        "read 0",
        "unchanged 5",
        "skipped 3",
        "2 The file is empty (0 bytes).",
        "1 There is no text in it. What was stored of it is removed.",
        "failed 1 Permission denied.",
    ]
    assert "failed \\x1b[2J: Permission denied." in err and "\x1b" not in err


def test_an_error_does_not_stand_on_the_moving_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_paths: object, observe: Callable[[object], None], _options: object) -> None:
        observe(FilesFound(3))
        raise ModelError("The embedding model cannot be loaded.")

    monkeypatch.setattr(composition, "library", lambda *_, **__: nullcontext(SimpleNamespace(ingest=broken)))
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    for terminal in ("xterm", "dumb"):
        monkeypatch.setenv("TERM", terminal)
        with pytest.raises(ModelError):
            ingest.main(["docs"], standalone_mode=False)
        shown = capsys.readouterr().err
        if terminal == "dumb":
            assert not shown, "it would print how the line is taken back"
        else:
            assert "\x1b[?7l  0 of 3 files" in shown, "a line that wraps is not taken back as a whole"
            assert shown.endswith("\r\x1b[2K")


@pytest.mark.usefixtures("shelf")
def test_a_folder_of_which_nothing_is_stored_is_named() -> None:
    assert "Nothing below elsewhere is stored" in CliRunner().invoke(sources, ["list", "elsewhere"]).stderr


def test_what_documents_say_is_no_order_to_the_terminal(
    shelf: Path, own_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    order = "\x1b]52;c;cm0gLXJm\x07\x9b2J\x1b[31m"
    with Database.open(own_home) as database:
        library = database.library()
        library.store_document(str(shelf / "docs" / "d.md"), "4" * 64, [(f"The green{order} key.", f"Keys{order}")])
        (passage,) = library.search("green").items
    for command, arguments in (
        (search, ["ada", "green"]),
        (show, [f"archival:{passage.id}"]),
        (docs_command, ["compare", "docs/c.md", "docs/d.md"]),
    ):
        shown = CliRunner().invoke(command, arguments, color=True).stdout
        assert "green]52;c;cm0gLXJm2J[31m key" in shown and "\x1b]" not in shown and "\x1b[31m" not in shown
    _print_answer(Answer(order, (Citation(passage.id, "d.md", order),), True, 0.9), as_json=False)
    assert not {"\x1b", "\x07", "\x9b"} & set(capsys.readouterr().out)


def test_what_a_terminal_would_obey_is_escaped() -> None:
    assert printable("a\nb\x1b[31m名字\udcff") == "a\\nb\\x1b[31m名字\\udcff"
