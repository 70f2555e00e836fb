"""`memos ingest` as one types it."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from memos.cli.ingest import command
from memos.errors import InputError
from memos.storage import Database


@pytest.mark.parametrize("more", [[], ["--watch"]])
def test_a_path_that_is_not_there_makes_no_agent(own_home: Path, tmp_path: Path, more: list[str]) -> None:
    (tmp_path / "a.md").write_text("the lamp", "utf-8")
    paths = [str(tmp_path / name) for name in ("a.md", "typo.md")]
    with pytest.raises(InputError, match=r"no file or folder .*typo\.md"):
        CliRunner().invoke(command, [*paths, "--agent", "new", *more], catch_exceptions=False)
    with Database.open(own_home) as database:
        assert not list(database.agents())
