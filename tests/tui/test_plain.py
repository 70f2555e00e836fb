"""Commands of the plain shell."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from memos import Agent, events
from memos.consent import ConsentRequest
from memos.errors import MemosError
from memos.messages import Kind, Told
from memos.testing import ScriptedModel
from memos.tui.plain import TextPrinter, _command, answer, asked


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


@pytest.mark.parametrize(("text", "failed"), [("Hi.", False), (" ", True)])
def test_that_one_message_failed_is_an_event_too(text: str, failed: bool, capsys: pytest.CaptureFixture[str]) -> None:
    with Agent.open("ada", model=ScriptedModel(window=1024), embedding="none") as agent:
        assert answer(agent, text, as_json=True) is failed
    told = [json.loads(line)["event"] for line in capsys.readouterr().out.splitlines()]
    assert told[-1] == ("Error" if failed else "TurnFinished")


def test_what_failed_in_the_middle_of_a_word_ends_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    printer = TextPrinter()
    printer.show(events.SpeechDelta(1, "Hel"))
    printer.error(MemosError("The model failed."))
    printer.show(events.SpeechDelta(2, "Hello."))
    assert capsys.readouterr().out == "Hel …\nHello."


def test_a_question_is_seen_where_the_output_leads_elsewhere(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def answered(question: str) -> str:
        print(question, end="")
        return "y"

    monkeypatch.setattr("builtins.input", answered)
    nobody: Any = None
    assert asked(nobody, ConsentRequest("rm", {}))
    shown = capsys.readouterr()
    assert "Allow rm()?" in shown.err and not shown.out


def test_ctrl_c_ends_paging_out_and_a_search_and_nothing_else(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Interrupted(ScriptedModel):
        """Ctrl-C comes while it sums up."""

        def generate(self, *given: Any, **options: Any) -> Iterator[Any]:
            for item in super().generate(*given, **options):
                if options.get("fork") and interrupts:
                    signal.raise_signal(interrupts.pop())
                yield item

    interrupts: list[signal.Signals] = []
    with Agent.open("ada", model=Interrupted(window=1024), embedding="none", ahead=False) as agent:
        for number in range(8):
            agent.ask(f"message {number} {'word ' * 20}")
        before = agent.map()
        interrupts.append(signal.SIGINT)
        _command(agent, "/evict", TextPrinter())
        assert not interrupts and agent.map() == before and not agent.evictions()
        assert "Paging out was stopped" in capsys.readouterr().err
        _command(agent, "/evict", TextPrinter())
        assert len(agent.evictions()) == 1, "the next one is not stopped"

        with monkeypatch.context() as patch:
            patch.setattr(agent.recall, "search", lambda *_, **__: signal.raise_signal(signal.SIGINT))
            _command(agent, "/search message", TextPrinter())
        assert "/search was stopped" in capsys.readouterr().err
        rewind = agent.history.rewind

        def interrupted(number: int) -> tuple[events.Event, ...]:
            signal.raise_signal(signal.SIGINT)
            return rewind(number)

        monkeypatch.setattr(agent.history, "rewind", interrupted)
        _command(agent, "/rewind", TextPrinter())
        assert len(agent.history.asked()) == 7, "what is done at once is done"
        assert agent.ask("And now?").text


def test_a_question_that_ctrl_c_ends_ends_its_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("click.termui.visible_prompt_func", lambda _: signal.raise_signal(signal.SIGINT))
    with Agent.open("ada", model=ScriptedModel(window=1024), embedding="none") as agent:
        _command(agent, "/forget recall:7", TextPrinter())
    told = capsys.readouterr().err
    assert told.endswith("\n") and "forgotten" not in told


def test_where_nothing_can_leave_that_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    with Agent.open("ada", model=ScriptedModel(window=1024), embedding="none") as agent:
        _command(agent, "/evict", TextPrinter())
    assert "nothing to page out" in capsys.readouterr().err


def test_a_message_is_taken_back_and_a_note_is_found_and_forgotten(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter(["n", "y"])
    monkeypatch.setattr("click.termui.visible_prompt_func", lambda _: next(answers))
    with Agent.open("ada", model=ScriptedModel(window=1024), embedding="none") as agent:
        _command(agent, "/rewind", TextPrinter())
        assert "Nothing was said yet" in capsys.readouterr().err
        for text in ("I like tea.", "I like rye bread.", "I like plums."):
            agent.ask(text)
        _command(agent, "/rewind", TextPrinter())
        assert agent.history.asked() == ["I like tea.", "I like rye bread."]
        second = agent.history.last_asked()
        assert second is not None
        for wrong in ("/rewind 999", "/rewind seven"):
            _command(agent, wrong, TextPrinter())
        assert capsys.readouterr().err.count("memos: ") == 2 and len(agent.history.asked()) == 2
        _command(agent, f"/rewind {'9' * 20}", TextPrinter())
        assert "is no message" in capsys.readouterr().err, "no database takes so many digits"
        _command(agent, f"/rewind recall:{second.id}", TextPrinter())
        assert agent.history.asked() == ["I like tea."]
        note = agent.archival.insert("The locker is number 17.")
        _command(agent, "/search locker", TextPrinter())
        assert f"archival:{note.id} note: The locker is number 17." in capsys.readouterr().out
        for left in (note, None):
            _command(agent, f"/forget archival:{note.id}", TextPrinter())
            assert agent.archival.get(note.id) == left, "only after a yes"
        capsys.readouterr()
        for command, told in (("/search locker", "Nothing found"), ("/forget", "/forget ID")):
            _command(agent, command, TextPrinter())
            assert told in capsys.readouterr().err
        _command(agent, "/nonsense", TextPrinter())
        assert "/rewind" in capsys.readouterr().err
