"""Hiding messages of the queue: nothing is lost, nothing is read again, and it survives a restart."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from memos import events, tool
from memos.errors import ToolError
from memos.messages import Call, Kind
from memos.testing import say
from memos.tools import HIDING
from tests.kernel.conftest import Bench

QUINCES = "quinces " * 60
OFF: dict[str, Any] = {"prefetch": False, "note_facts": False}


@tool
def weather(city: str) -> str:
    """tell the weather."""
    return f"In {city}: " + "rain " * 60


def call_steps(happened: Iterable[events.Event]) -> list[events.Step]:
    return [event for event in happened if isinstance(event, events.Step) and event.purpose == "call"]


def test_the_model_hides_and_restores_by_calls(bench: Bench, of: Any) -> None:
    calls = [
        say("Nice."),
        Call("hide_messages", {"words": "quinces"}),
        say("Hidden."),
        Call("restore_messages", {"message": "recall:2"}),
        say("Here it is."),
    ]
    bench.open(calls, tools=HIDING, **OFF)
    bench.say(QUINCES)
    before = bench.kernel.queue.context
    tokens, used = before.tokens, before.used
    happened = bench.say("Put that aside, please.")
    assert [event.message_id for event in of(happened, events.Hidden)] == [2]
    assert "quinces quinces" not in bench.view() and before.used < used
    assert all(step.evaluated < 60 for step in call_steps(happened)), "nothing was read again"
    happened = bench.say("And back.")
    assert [event.spared for event in of(happened, events.Restored)] == [True]
    assert all(step.evaluated < 60 for step in call_steps(happened))
    assert before.tokens[: len(tokens)] == tokens, "it stands where it stood"


def test_what_is_not_hidden_cannot_be_restored(bench: Bench, of: Any) -> None:
    bench.open([Call("restore_messages", {"message": "recall:2"})], tools=HIDING, **OFF)
    assert not of(bench.say("hello"), events.CallStarted), "the grammar does not admit it"
    hiding, context = bench.kernel.queue.hiding, bench.kernel.queue.context
    with pytest.raises(ToolError, match="recall:2 is not hidden"):
        hiding.restore(context, 2)
    with pytest.raises(ToolError, match="recall:99 is not in view"):
        hiding.hide(context, 99)


def test_words_that_nothing_has_are_data_for_the_model(bench: Bench, of: Any) -> None:
    bench.open([Call("hide_messages", {"words": "zebra"}), say("Sorry.")], tools=HIDING, **OFF)
    finished = of(bench.say("Hide the zebra."), events.CallFinished)[0]
    assert not finished.ok and "No earlier message in view" in finished.result


def test_long_results_are_hidden_before_anything_is_evicted(bench: Bench, of: Any) -> None:
    calls = [Call("weather", {"city": "Bern"}), say("Rain."), *[say("Hm.")] * 9]
    bench.open(calls, tools=[weather], **OFF)
    bench.say("How is the weather?")
    assert "rain rain" in bench.view()
    happened: list[events.Event] = []
    while not of(happened, events.Hidden):
        happened = bench.say("word " * 40)
        assert not of(happened, events.Evicted)
    assert "rain rain" not in bench.view() and not bench.stored.state.evictions()
    bench.open(calls, tools=[weather], hide_results=False, **OFF)
    assert not of(bench.kernel.queue.make_room(10_000), events.Hidden)


def test_the_result_of_the_running_turn_stays(bench: Bench, of: Any) -> None:
    bench.open([Call("weather", {"city": "Bern"}), say("Rain.")], tools=[weather], **OFF)
    bench.say("How is the weather?")
    turn = bench.stored.recall.last_turn()
    assert not bench.kernel.queue.hiding.hide_long_results(bench.kernel.queue.context, turn)
    assert bench.kernel.queue.hiding.hide_long_results(bench.kernel.queue.context, turn + 1)


def test_a_restart_finds_it_hidden_and_can_restore_it(bench: Bench) -> None:
    bench.open([say("Nice.")], **OFF)
    bench.say(QUINCES)
    bench.kernel.queue.hiding.hide(bench.kernel.queue.context, 2)
    bench.open(**OFF)
    context = bench.kernel.queue.context
    assert "quinces quinces" not in bench.view()
    (restored, _) = bench.kernel.queue.hiding.restore(context, 2)
    assert isinstance(restored, events.Restored) and not restored.spared
    assert "quinces quinces" in bench.view()
    bench.open(**OFF)
    assert "quinces quinces" in bench.view()


def test_what_is_hidden_can_be_evicted_and_is_summed_up(bench: Bench, of: Any) -> None:
    bench.open(**OFF)
    bench.say("My dog Rex likes " + QUINCES)
    bench.kernel.queue.hiding.hide(bench.kernel.queue.context, 2)
    evicted = of(bench.kernel.queue.evict("asked"), events.Evicted)[0]
    assert evicted.first_id <= 2 <= evicted.last_id
    asked = [prompt for prompt, generated in bench.model.prompts if "this and that" in bench.model.text(generated)]
    assert "Rex" in bench.model.text(asked[0]), "its words are named to the model that sums up"
    stored = bench.stored.recall.get(2)
    assert stored is not None and stored.content.startswith("My dog Rex")
    with pytest.raises(ToolError, match="not hidden"):
        bench.kernel.queue.hiding.restore(bench.kernel.queue.context, 2)


def test_there_must_be_room_for_what_comes_back(bench: Bench) -> None:
    bench.open(**OFF)
    bench.say(QUINCES)
    bench.kernel.queue.hiding.hide(bench.kernel.queue.context, 2)
    context = bench.kernel.queue.context
    while context.free > 50:
        bench.kernel.queue.append(Kind.ALERT, "word " * 20, turn=1)
    with pytest.raises(ToolError, match="has 60 tokens, and"):
        bench.kernel.queue.hiding.restore(context, 2)
