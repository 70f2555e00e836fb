"""Idle time: what is done while the user reads, and that it is over when input arrives."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from memos import Agent, events
from memos.agents import idle
from memos.agents.idle import Idle
from memos.errors import StorageError
from memos.storage.state import State
from memos.testing import ScriptedModel

LONG = "word " * 120


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idle, "IDLE_SECONDS", 0.01)


def opened(model: ScriptedModel, name: str = "ada", **options: Any) -> Agent:
    return Agent.open(name, model=model, embedding="none", **{"prefetch": False, "note_facts": False, **options})


def test_input_ends_what_uses_the_model_and_waits_for_it() -> None:
    began, order = threading.Event(), []

    def ahead(over: Callable[[], bool]) -> None:
        began.set()
        while not over():
            pass
        order.append("ahead is over")

    waiting = Idle(lambda _closing: order.append("beside"), ahead)
    waiting.begin()
    assert began.wait(30)
    waiting.end()
    order.append("input")
    assert order == ["beside", "ahead is over", "input"]
    waiting.begin()
    waiting.close()
    assert not waiting._timer.is_alive()


def test_an_agent_that_cannot_be_opened_after_all_does_nothing_between_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise StorageError("The disk is full.")

    used = threading.Event()

    class Watched(ScriptedModel):
        def prepare(self, *arguments: Any) -> Any:
            used.set()
            return super().prepare(*arguments)

    monkeypatch.setattr(State, "save_model", full)
    with pytest.raises(StorageError):
        opened(Watched())
    assert not used.wait(0.3)


def test_where_no_thread_can_be_started_the_next_message_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_timer: threading.Timer) -> None:
        raise RuntimeError("can't start new thread")

    with opened(ScriptedModel()) as agent:
        with monkeypatch.context() as full_machine, pytest.raises(RuntimeError):
            full_machine.setattr(threading.Timer, "start", full)
            agent.ask("one")
        assert agent.ask("two").text == "All right."


def test_input_that_comes_first_leaves_nothing_to_do() -> None:
    done: list[str] = []
    beside = threading.Event()

    def slow(_closing: Callable[[], bool]) -> None:
        beside.set()
        release.wait(30)

    release = threading.Event()
    waiting = Idle(slow, lambda _over: done.append("ahead"))
    waiting.begin()
    assert beside.wait(30)
    waiting.end()  # does not wait for what may go on beside a turn
    release.set()
    waiting.close()
    assert not done


def test_closing_waits_for_what_went_on_beside_a_turn() -> None:
    began, release, done = threading.Event(), threading.Event(), []

    def slow(_closing: Callable[[], bool]) -> None:
        began.set()
        release.wait(30)
        done.append("indexed")

    waiting = Idle(slow, lambda _over: None)
    waiting.begin()
    assert began.wait(30)
    waiting.begin()  # a turn has come and gone
    threading.Timer(0.2, release.set).start()
    waiting.close()
    assert done and not any(timer.is_alive() for timer in waiting._begun)
    before = waiting._timer
    waiting.begin()
    assert waiting._timer is before, "nothing begins any more"


def test_closing_stops_the_indexing_and_waits_for_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    began, never = threading.Event(), threading.Event()

    def endless(progress: Callable[[int, int], None], *, wait: bool) -> int:
        assert not wait, "another process may be at it for a minute"
        began.set()
        while not never.wait(0.001):
            progress(1, 2)
        return 0

    with opened(ScriptedModel()) as agent:
        monkeypatch.setattr(agent._database.index, "index_pending", endless)
        agent._idle.begin()
        assert began.wait(30)
        agent.ask("hello")
        assert any(timer.is_alive() for timer in agent._idle._begun), "a turn does not stop it"
    assert not any(timer.is_alive() for timer in agent._idle._begun)


def test_idle_time_begins_when_a_turn_is_left_or_memory_was_edited() -> None:
    with opened(ScriptedModel()) as agent:
        turn = agent.stream("hello")
        next(turn)
        for end in (turn.close, lambda: agent.edit_block("user", "Name is Ada")):
            before = agent._idle._timer
            end()
            assert agent._idle._timer is not before


def test_an_agent_evicts_while_nobody_waits_and_tells_it_next_time() -> None:
    model = ScriptedModel(window=1024)
    with opened(model) as agent:
        happened: list[events.Event] = []
        for number in range(8):
            happened += agent.ask(f"{number} {LONG}").events
            before, idle_work = len(agent.evictions()), agent._idle._timer
            idle_work.join(30)
            if len(agent.evictions()) > before:
                break
        told = agent.ask("hello").events
    assert not [event for event in happened if isinstance(event, events.Evicted)]
    assert [event.reason for event in told if isinstance(event, events.Evicted)] == ["ahead"]
    kinds = [type(event) for event in told]
    assert kinds.index(events.Evicted) < kinds.index(events.MessageStored)


def test_it_is_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(ScriptedModel(window=1024), ahead=False) as agent:
        for number in range(8):
            agent.ask(f"{number} {LONG}")
            agent._idle._timer.join(30)
        assert {eviction.reason for eviction in agent.evictions()} == {"flush"}


def test_an_agent_that_gave_the_model_away_does_nothing_with_it() -> None:
    model = ScriptedModel(window=1024)
    with opened(model) as ada, opened(model, "eve") as eve:
        ada.ask(LONG)
        eve.ask(LONG)
        resident = model.resident()
        ada._idle.begin()
        ada._idle._timer.join(30)
        eve._idle._timer.join(30)
        assert model.resident()[: len(resident)] == resident
