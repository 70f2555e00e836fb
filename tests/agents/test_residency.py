"""What was read once is not read again: after a restart, and when agents take turns on one model."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from safetensors import safe_open

from memos import Agent, events
from memos.agents.residency import Residency, _shared
from memos.errors import InputError, StorageError
from memos.events import Event
from memos.generation import Snapshot
from memos.storage.snapshots import SnapshotStore
from memos.testing import ScriptedModel, say


def opened(name: str, model: Any, **options: Any) -> Agent:
    return Agent.open(name, model=model, embedding="none", **{"prefetch": False, "note_facts": False, **options})


def call_of(happened: Iterable[Event]) -> events.Step:
    return next(event for event in happened if isinstance(event, events.Step) and event.purpose == "call")


def resumed(happened: Iterable[Event]) -> list[int]:
    return [event.tokens for event in happened if isinstance(event, events.Resumed) and event.sequence == 0]


def head_of(agent: Agent) -> str:
    model = agent.kernel.queue._model
    assert isinstance(model, ScriptedModel)
    return model.text(agent.kernel.queue.context.fixed.tokens)


LONG = "word " * 100


def test_a_restart_reads_only_what_is_new() -> None:
    with opened("ada", ScriptedModel()) as agent:
        agent.ask(LONG)
        before = agent.context().used
    with opened("ada", ScriptedModel()) as agent:
        (tokens,) = resumed(agent.start_events)
        assert tokens == before
        step = call_of(agent.ask("And now?").events)
        assert step.reused >= tokens and step.evaluated < 60


def test_an_edit_before_a_restart_does_not_cost_the_conversation() -> None:
    """The block's copy in the prompt stays as it was, with the edit behind it in the queue."""
    with opened("ada", ScriptedModel()) as agent:
        agent.ask(LONG)
        agent.blocks["user"] = "Likes quinces."
        agent.ask("hello")
        before = agent.context().used
    with opened("ada", ScriptedModel()) as agent:
        assert resumed(agent.start_events)[0] == before
        step = call_of(agent.ask("And now?").events)
        assert step.evaluated < 20 and agent.blocks["user"].text == "Likes quinces."
        agent.evict()
        assert "Likes quinces." in head_of(agent)
    with opened("ada", ScriptedModel(), snapshots=0) as agent:
        assert "Likes quinces." in head_of(agent)


def test_where_nothing_is_spared_the_blocks_are_written_back_at_the_start() -> None:
    with opened("ada", ScriptedModel(), snapshots=0) as agent:
        agent.ask(LONG)
        agent.blocks["user"] = "Likes quinces."
    with opened("ada", ScriptedModel(), snapshots=0) as agent:
        moved = [event for event in agent.start_events if isinstance(event, events.PrefixMoved)]
        assert [event.reason for event in moved] == ["start"]
        assert "Likes quinces." in head_of(agent)


def test_without_a_limit_nothing_is_kept() -> None:
    for _ in range(2):
        with opened("ada", ScriptedModel(), snapshots=0) as agent:
            assert resumed(agent.start_events) == []
            agent.ask(LONG)


def test_an_agent_of_the_same_kind_begins_with_what_is_shared() -> None:
    with opened("ada", ScriptedModel()) as agent:
        agent.ask(LONG)
    with opened("eve", ScriptedModel()) as other:
        (tokens,) = resumed(other.start_events)
        fixed = other.kernel.queue.context.fixed
        assert tokens == len(fixed.instructions) + 1
        assert call_of(other.ask("hello").events).reused >= tokens


def test_agents_take_turns_on_one_model() -> None:
    model = ScriptedModel()
    with opened("ada", model) as ada, opened("eve", model) as eve:
        ada.ask("apple " * 100)
        eve.ask("river " * 100)
        happened = ada.ask("again").events
        assert resumed(happened), "ada's context was saved when eve took the model"
        assert call_of(happened).evaluated < 60
        assert call_of(eve.ask("again").events).evaluated < 60
        ada.close()
        assert eve.ask("still here?").text


def test_an_agent_that_opens_restores_nothing_before_the_model_is_its_own() -> None:
    """Another may be decoding between two turns."""
    happened: list[str] = []

    class Watched(ScriptedModel):
        def claim(self, release: Any) -> bool:
            happened.append("claim")
            return super().claim(release)

        def restore(self, snapshot: Snapshot, sequence: int = 0) -> bool:
            happened.append(f"restore {sequence}")
            return super().restore(snapshot, sequence)

    with opened("ada", Watched(), note_facts=True) as agent:
        agent.ask("I like quinces. " * 8)
    happened.clear()
    with opened("eve", Watched(), note_facts=True):
        assert happened[0] == "claim" and "restore 1" in happened


def test_what_lies_beside_the_context_already_is_not_restored_again() -> None:
    head, probes, excerpts = (tuple(range(start, start + 100)) for start in (0, 1000, 2000))
    sides: dict[int, tuple[int, ...]] = {1: (*probes, 7), 2: ()}

    class Sides(ScriptedModel):
        sequences = 3

        def resident(self, sequence: int = 0) -> tuple[int, ...]:
            return sides[sequence] if sequence else head

        def restore(self, snapshot: Snapshot, sequence: int = 0) -> bool:
            sides[sequence] = snapshot.tokens
            return True

    model = Sides()
    kept = {_shared(one): Snapshot(model.snapshot_key, one, b"") for one in (probes, excerpts)}
    store: Any = SimpleNamespace(load=lambda name, _key: kept.get(name))
    Residency(model, store, "ada", lambda: head, lambda: (head, probes, excerpts), nullcontext).open()
    assert sides == {1: (*probes, 7), 2: excerpts}


def test_a_damaged_snapshot_is_told_and_the_agent_opens(own_home: Path) -> None:
    with opened("ada", ScriptedModel()) as agent:
        agent.ask(LONG)
    for file in (own_home / "snapshots").iterdir():
        file.write_bytes(file.read_bytes()[:-9])
    with opened("ada", ScriptedModel([say("Yes.")])) as agent:
        notices = [event.text for event in agent.start_events if isinstance(event, events.Notice)]
        assert any("damaged" in text for text in notices)
        assert agent.ask("Are you there?").text == "Yes."


def test_deleting_an_agent_deletes_its_context(own_home: Path) -> None:
    from memos.agents.composition import open_home

    with opened("ada", ScriptedModel(), snapshots=100) as agent:
        agent.ask("quince " * 100)
    assert len(list((own_home / "snapshots").iterdir())) == 2
    with open_home() as database:
        database.delete_agent("ada")
    assert len(list((own_home / "snapshots").iterdir())) == 1


def test_what_is_forgotten_is_in_no_saved_context_of_any_model() -> None:
    models = [ScriptedModel(name=name) for name in ("parrot", "magpie")]
    for model in models:
        with opened("ada", model) as agent:
            agent.ask("My locker is number 17.")
    with opened("ada", models[1]) as agent:
        store, name = agent._database.snapshots, agent._storage.snapshot_name
        assert all(store.has(name, model.snapshot_key) for model in models)
        agent.memory.forget(f"recall:{agent.recall.since(0)[1].id}")
        assert not any(store.has(name, model.snapshot_key) for model in models)
        agent.ask("And now?")
    assert store.has(name, models[1].snapshot_key), "what is in view is saved again"


def test_nothing_that_was_said_is_shared(own_home: Path) -> None:
    """What is kept for all agents ends where the instructions and the probes' examples do."""
    model = ScriptedModel()
    with opened("ada", model, prefetch=True, note_facts=True) as agent:
        agent.ask("quince " * 80)
        common = agent.kernel.common
        assert any(model.resident(1)[: len(prefix)] == prefix for prefix in common[1:]), "a probe was asked"
    secret = model.tokenize("quince ")[0]
    found = []
    for file in (own_home / "snapshots").iterdir():
        with safe_open(file, framework="numpy") as opened_file:
            found.append(tuple(int(token) for token in opened_file.get_tensor("tokens")))
    assert len(found) == 3, "ada's own, the instructions, and one probe's examples"
    assert [secret in tokens for tokens in found].count(True) == 1
    assert all(tokens in common for tokens in found if secret not in tokens)


def test_a_probes_examples_come_back_for_another_agent() -> None:
    with opened("ada", ScriptedModel(), note_facts=True) as agent:
        agent.ask("I like quinces. " * 8)
    with opened("eve", ScriptedModel(), note_facts=True) as other:
        assert any(isinstance(event, events.Resumed) and event.sequence == 1 for event in other.start_events)


def test_evicting_by_hand_takes_the_model_over_first() -> None:
    model = ScriptedModel()
    with opened("ada", model) as ada, opened("eve", model) as eve:
        ada.ask("apple " * 100)
        eve.ask("river " * 100)
        ada.evict()
        assert call_of(eve.ask("again").events).evaluated < 60, "eve's context was saved before ada's eviction"


def test_a_context_that_cannot_be_saved_is_given_away_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> bool:
        raise StorageError("The disk is full.")

    model = ScriptedModel()
    with opened("ada", model) as ada, opened("eve", model) as eve:
        ada.ask("apple " * 100)
        ada.ask("and what was not saved yet")
        monkeypatch.setattr(SnapshotStore, "save", full)
        eve.ask("hello")
        assert (ada._residency.mine, eve._residency.mine) == (False, True)


def test_an_agent_in_the_middle_of_a_turn_keeps_the_model() -> None:
    model = ScriptedModel()
    with opened("ada", model) as ada, opened("eve", model) as eve:
        ada.ask("hello")
        talking = ada.stream("hello again")
        next(talking)
        with pytest.raises(InputError, match="Agent ada is busy"):
            eve.ask("my turn")
        list(talking)
        assert eve.ask("my turn").text
