"""Passages fit the embedding model and say where they are from."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memos.errors import InputError, ModelError, ModelNotFound
from memos.ingest import PassageSplitter
from memos.ingest import splitter as module
from memos.ingest.readers import Document, Section, read_document


def test_a_passage_and_its_location_fit_the_model(splitter: PassageSplitter) -> None:
    assert splitter.limit == 74
    text = " ".join(f"word{number}" for number in range(500))
    passages = splitter.split(Document((Section(text, "page 3"),)))
    assert [location for _, location in passages] == ["page 3"] * 13
    assert max(len(passage.split()) for passage, _ in passages) == 40
    assert " ".join(passage for passage, _ in passages) == text


def test_plain_text_is_located_by_lines(splitter: PassageSplitter) -> None:
    text = "\n".join(f"línea 行 {number} " + "x " * 15 for number in range(1, 31))
    passages = splitter.split(read_document(text.encode(), "log.txt"))
    for passage, location in passages:
        first, last = (int(part) for part in location.removeprefix("lines ").split("-"))
        assert passage.startswith(f"línea 行 {first} ")
        assert f"línea 行 {last} " in passage


def test_a_text_of_one_passage_needs_no_lines(splitter: PassageSplitter) -> None:
    assert splitter.split(read_document(b"one\ntwo\n", "a.txt")) == [("one\ntwo", "")]


def test_sections_do_not_run_together(splitter: PassageSplitter) -> None:
    passages = splitter.split(read_document(b"# A\none\n## B\ntwo\n", "a.md"))
    assert passages == [("# A\none", "A"), ("## B\ntwo", "A > B")]


def test_one_endless_word_is_cut_by_characters(splitter: PassageSplitter) -> None:
    passages = splitter.split(Document((Section("A" * 5000, "blob"),)))
    assert max(len(text) for text, _ in passages) <= 40 * 8
    assert sum(len(text) for text, _ in passages) == 5000


def test_text_longer_than_a_window_loses_nothing(splitter: PassageSplitter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_WINDOW", 1000)
    text = "\n".join(f"line {number}" for number in range(1, 1001))
    passages = splitter.split(Document((Section(text, line=1),)))
    assert "\n".join(passage for passage, _ in passages) == text
    assert passages[-1][1].endswith("-1000")


def test_quotes_nested_beyond_reason_do_not_hang(splitter: PassageSplitter) -> None:
    assert splitter.split(Document((Section("> " * 50_000 + "end", markdown=True),)))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(alphabet=st.sampled_from("ab \n\t#>`-=|é行🙂"), max_size=600))
def test_no_character_but_white_space_is_lost(splitter: PassageSplitter, text: str) -> None:
    for markdown in (False, True):
        passages = splitter.split(Document((Section(text, markdown=markdown),)))
        assert all(passage.strip() for passage, _ in passages)
        assert "".join("".join(passage for passage, _ in passages).split()) == "".join(text.split())


def test_long_heading_paths_keep_their_end(splitter: PassageSplitter) -> None:
    ((_, location),) = splitter.split(Document((Section("x", "A > " * 80 + "End"),)))
    assert len(location) == 200
    assert location.endswith("> End")


def test_a_folder_without_a_usable_tokenizer_is_refused(tmp_path: Path, tokenizer_folder: Path) -> None:
    with pytest.raises(ModelNotFound, match=r"tokenizer\.json"):
        PassageSplitter(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{", "utf-8")
    with pytest.raises(ModelError, match="cannot be read"):
        PassageSplitter(tmp_path)
    with pytest.raises(InputError, match="at least 50 tokens"):
        PassageSplitter(tokenizer_folder, limit=49)
