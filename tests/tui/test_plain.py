"""Commands of the plain shell."""

from __future__ import annotations

import pytest

from memos import Agent
from memos.testing import ScriptedModel
from memos.tui.plain import TextPrinter, _command


def test_a_block_is_shown_by_edit_and_emptied_by_nothing_that_was_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    with Agent.open("ada", model=ScriptedModel(window=1024), embedding="none") as agent:
        _command(agent, "/edit user Name is Ada.", TextPrinter())
        for command in ("/edit user", "/edit user "):
            _command(agent, command, TextPrinter())
        assert agent.blocks["user"].text == "Name is Ada."
        assert capsys.readouterr().out.count("  Name is Ada.\n") == 3
        _command(agent, "/edit", TextPrinter())
        assert "There is no block ''" in capsys.readouterr().err
