"""Commands of the plain shell."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from memos import Agent, events
from memos.errors import MemosError
from memos.messages import Kind, Told
from memos.testing import ScriptedModel
from memos.tui.plain import TextPrinter, _command, asked


def test_a_block_is_shown_by_edit_and_emptied_by_nothing_that_was_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    with Agent.open("ada", model=ScriptedModel(window=1024), embedding="none") as agent:
        _command(agent, "/edit user Name is Ada.", TextPrinter())
        for command in ("/edit user", "/edit user "):
            _command(agent, command, TextPrinter())
        assert agent.blocks["user"].text == "Name is Ada."
        assert capsys.readouterr().out.count("  Name is Ada.\n") == 3
        _command(agent, "/edit", TextPrinter())
        assert "There is no block ''" in capsys.readouterr().err


def test_a_terminal_obeys_nothing_that_is_said(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    order = "\x1b]0;owned\x07\x9b2J"
    questions: list[str] = []

    def answered(question: str) -> str:
        questions.append(question)
        return "y"

    monkeypatch.setattr("builtins.input", answered)
    with Agent.open("ada", model=ScriptedModel(window=1024), embedding="none") as agent:
        recall: Any = agent.recall
        recall.import_past([Told(Kind.USER, f"The kiln{order}.", datetime(2026, 5, 1, tzinfo=UTC))])
        for command in (f"/edit user Name is {order}.", "/search kiln"):
            _command(agent, command, TextPrinter())
        request: Any = SimpleNamespace(question=f"May rm({order}) run?")
        assert asked(agent, request)
    for event in (events.SpeechDelta(1, order), events.Notice(order)):
        TextPrinter().show(event)
    TextPrinter().error(MemosError(order))
    shown = capsys.readouterr()
    assert shown.out.count("]0;owned2J") == 3 and shown.err.count("]0;owned2J") == 2
    assert not {"\x1b", "\x07", "\x9b"} & set("".join([shown.out, shown.err, *questions]))
