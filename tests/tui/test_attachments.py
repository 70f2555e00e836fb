"""Which files a message names, and what becomes of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from memos.tui.attachments import Plan, plan


@pytest.mark.parametrize(
    "text",
    ["Read @notes.md.", "Is @notes.md, or not?", "(see @notes.md)", "(@notes.md)", 'So "@notes.md".', "@./notes.md"],
)
def test_what_ends_a_sentence_is_no_part_of_a_files_name(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes.md").write_text("The locker is number 17.\n")
    assert plan(text) == Plan(f"{text}\n\nnotes.md:\nThe locker is number 17.", (), ())


def test_a_name_with_spaces_stands_in_quotes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my notes.md").write_text("Rex")
    (tmp_path / "odd).").mkdir()
    assert plan('In @"my notes.md", is it?').text.endswith("\n\nmy notes.md:\nRex")
    assert plan('In @"his notes".').missing == ("his notes",)
    assert plan("In @odd).").ingest == (Path("odd)."),)


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("Write to @ada.lovelace, @bob... or @~nobody-there", ()),
        ("Install @types/node and see @pytest.fixture", ()),
        (f"@{'long' * 100}", ()),
        ("Read @none.md.", ("none.md",)),
        ("Read @docs/none", ("docs/none",)),
        ("Read @/none", ("/none",)),
    ],
)
def test_only_what_looks_like_a_path_is_missing(
    text: str, missing: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "docs").mkdir()
    assert plan(text) == Plan(text, (), missing)
