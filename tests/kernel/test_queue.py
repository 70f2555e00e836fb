"""Paging out and starting again: lossless eviction, summaries, write-back, repairs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from memos import events, prompts
from memos.errors import InputError
from memos.messages import Call, Kind, State
from memos.testing import ScriptedModel, say
from tests.kernel.conftest import Bench, probed

LONG = "word " * 120


def fill(bench: Bench, turns: int = 8) -> list[events.Event]:
    return [event for number in range(turns) for event in bench.say(f"{number} {LONG}")]


def test_a_full_queue_is_flushed_and_nothing_is_lost(bench: Bench, of: Any) -> None:
    happened = fill(bench)
    evictions = of(happened, events.Evicted)
    assert evictions
    for eviction in evictions:
        assert bench.stored.recall.get(eviction.first_id) and bench.stored.recall.get(eviction.last_id)
    said = [m.content.split()[0] for m in bench.stored.recall.since(0) if m.kind is Kind.USER]
    assert said == [str(number) for number in range(8)]
    assert bench.kernel.ledger().used <= bench.kernel.ledger().usable + 128


def test_an_eviction_leaves_about_half_of_the_queues_room(bench: Bench, of: Any) -> None:
    fill(bench, 3)
    before = len(bench.kernel.queue.context.entries)
    list(bench.kernel.queue.evict("asked"))
    context = bench.kernel.queue.context
    room = context.usable - context.fixed_cost
    assert 0 < len(context.entries) < before
    assert context.used - context.fixed_cost <= 0.55 * room


def test_the_models_summary_carries_pointers_and_recurs(bench: Bench, of: Any) -> None:
    bench.open(model={"summaries": ["apples and pears, and Bern.", "plums, and quinces from Basel."]})
    happened = fill(bench, 12)
    first, second = of(happened, events.Evicted)[:2]
    assert first.source == second.source == "model"
    pointers = [f"[recall:1-{one.last_id}, {datetime.now(UTC):%Y-%m-%d}]" for one in (first, second)]
    assert first.summary == f"Apples and pears, and Bern. {pointers[0]}"
    assert second.summary == f"Apples and pears, and Bern. Plums, and quinces from Basel. {pointers[1]}"
    opening = prompts.SUMMARY_OPENING
    asked = [prompt for prompt, generated in bench.model.prompts if opening in bench.model.text(generated)]
    assert "pears, and Bern" in bench.model.text(asked[1]), "the second summary is asked for with the first in view"


def test_a_summary_has_the_days_of_the_user(bench: Bench, of: Any, zone: Callable[[str], None]) -> None:
    name = "Pacific/Kiritimati" if datetime.now(UTC).hour >= 11 else "Etc/GMT+12"  # where it is another day by now
    zone(name)
    (first, *_) = of(fill(bench, 12), events.Evicted)
    assert first.summary.endswith(f", {datetime.now(ZoneInfo(name)):%Y-%m-%d}]")


def test_a_summary_without_the_model_keeps_what_was_said_before(bench: Bench, of: Any) -> None:
    bench.open(model={"summaries": ["apples and pears, and Bern.", *["hm"] * 9]})
    first, second = of(fill(bench, 12), events.Evicted)[:2]
    assert (first.source, second.source) == ("model", "deterministic")
    assert "Apples and pears, and Bern. Topics: speech:" in second.summary


def test_a_summary_stays_in_its_room(bench: Bench, of: Any) -> None:
    bench.open(model={"summaries": [f"the number {n} and {'word ' * 10}end." for n in range(20)]}, summary=60)
    last = of(fill(bench, 20), events.Evicted)[-1]
    newest = int(last.summary.split("The number ")[-1].split()[0])
    kept = [int(part.split()[0]) for part in last.summary.split("The number ")[1:]]
    assert last.source == "model" and kept == [newest - 2, newest - 1, newest] and newest > 2
    assert len(bench.kernel.queue.context.fixed.summary) <= 60


def test_the_summary_is_asked_in_place(bench: Bench, of: Any) -> None:
    """The request continues what is resident: only its own words are evaluated."""
    happened = fill(bench)
    steps = [step for step in of(happened, events.Step) if step.purpose == "summary"]
    assert steps
    assert all(step.evaluated < 70 < step.reused for step in steps)


def test_an_unusable_summary_is_replaced_by_a_deterministic_one(bench: Bench, of: Any) -> None:
    bench.open(model={"summaries": ["hm"] * 9})
    eviction = of(fill(bench), events.Evicted)[0]
    assert eviction.source == "deterministic"
    assert f"recall:1-{eviction.last_id}" in eviction.summary and "user: 0 word" in eviction.summary


def test_a_summary_of_the_most_surprising_words(bench: Bench, of: Any) -> None:
    bench.open(summaries="surprise", prefetch=False, note_facts=False)
    bench.say("So my dentist is Doctor Vasquez-Ypsilanti and I am off to Reykjavik.")
    happened = list(bench.kernel.queue.evict("asked"))
    evicted = of(happened, events.Evicted)[0]
    assert evicted.source == "surprise"
    assert "Said by the user, in key words: " in evicted.summary
    assert "dentist is Doctor Vasquez-Ypsilanti" in evicted.summary, "the scripted model finds long words surprising"
    assert "Reykjavik" in evicted.summary and "[recall:" in evicted.summary
    assert evicted.summary in bench.view(), "what stays behind is what the model sees"


def test_no_more_surprising_words_than_fit_and_the_most_surprising_of_them(bench: Bench, of: Any) -> None:
    bench.open(summaries="surprise", prefetch=False, note_facts=False)
    many = [f"{chr(97 + number % 26) * (3 + number % 11)}{number}" for number in range(120)]
    bench.say(" ".join(many))
    evicted = of(list(bench.kernel.queue.evict("asked")), events.Evicted)[0]
    kept = evicted.summary.partition("key words: ")[2].rpartition(". [")[0].split()
    assert 5 < len(kept) < 60
    assert min(map(len, kept)) >= sorted(map(len, many), reverse=True)[len(kept)] - 1
    assert kept == [word for word in many if word in kept], "in the order in which they were said"


def test_a_plain_summary_asks_the_model_nothing(bench: Bench, of: Any) -> None:
    bench.open(summaries="plain", prefetch=False, note_facts=False)
    bench.say("My parrot is called Cicero.")
    before = len(bench.model.prompts)
    evicted = of(list(bench.kernel.queue.evict("asked")), events.Evicted)[0]
    assert evicted.source == "deterministic" and "My parrot is called Cicero" in evicted.summary
    assert len(bench.model.prompts) == before


def test_an_edit_costs_only_its_call_until_the_next_eviction(bench: Bench, of: Any) -> None:
    save = Call("core_memory_append", {"label": "user", "content": "Likes plums"})
    bench.open([say("hi"), save, say("saved")], model=probed(keep=1.0), note_facts=False)
    bench.say("hello")
    happened = bench.say("please remember that I like plums")
    assert not of(happened, events.PrefixMoved)
    head = bench.model.text(bench.kernel.queue.context.fixed.tokens)
    assert "Likes plums" not in head and bench.kernel.working["user"].text == "Likes plums"
    assert "Likes plums" in bench.view(), "the call itself shows the new value at once"
    list(bench.kernel.queue.evict("asked"))
    assert "Likes plums" in bench.model.text(bench.kernel.queue.context.fixed.tokens)


def test_pressure_is_told_once_between_evictions(bench: Bench, of: Any) -> None:
    happened = fill(bench, 3)
    assert len(of(happened, events.PressureWarning)) == 1
    assert "filling up" not in bench.view(), "the kernel saves, and the model would answer the warning"
    list(bench.kernel.queue.evict("asked"))
    bench.open(note_facts=False)
    happened = fill(bench, 3)
    assert len(of(happened, events.PressureWarning)) == 1
    assert "filling up" in bench.view()


def test_generated_tokens_are_kept_as_they_were(bench: Bench) -> None:
    bench.open([say("exactly these tokens")])
    bench.say("hi")
    spoken = next(m for m in bench.stored.recall.since(0) if m.kind is Kind.SPEECH)
    assert spoken.token_ids == bench.model.prompts[-1][1]
    assert bench.kernel.queue.entry(spoken).tokens == spoken.token_ids
    other = ScriptedModel(name="another")
    bench.open(model={"name": "another"})
    assert bench.kernel.queue.entry(spoken).tokens != spoken.token_ids or other.fingerprint == bench.model.fingerprint


def test_a_restart_sees_the_same_queue(bench: Bench) -> None:
    fill(bench, 2)
    before = [(e.message_id, e.kind) for e in bench.kernel.queue.context.entries]
    bench.open()
    assert [(e.message_id, e.kind) for e in bench.kernel.queue.context.entries] == before
    assert bench.started == []


def test_a_smaller_window_pages_out_at_start(bench: Bench, of: Any) -> None:
    bench.open(window=4096, block=60)
    fill(bench, 12)
    bench.open(window=1024, block=60)
    assert of(bench.started, events.Evicted)[0].source == "deterministic"
    assert bench.kernel.ledger().free >= 0
    assert of(bench.say("hello"), events.TurnFinished)[0].reason == "spoke"


def test_a_reply_that_was_cut_off_by_a_crash_is_kept_as_far_as_it_was_shown(bench: Bench, of: Any) -> None:
    bench.open([say("one two three")])
    bench.say_until("hi", lambda event: isinstance(event, events.SpeechDelta) and event.text.startswith("two"))
    bench.open()
    assert "was cut off" in of(bench.started, events.Repaired)[0].what
    spoken = next(m for m in bench.stored.recall.since(0) if m.kind is Kind.SPEECH)
    assert spoken.content.strip() == "one two" and spoken.state is State.CUT
    assert "one two" in bench.view()


def test_a_call_without_its_result_is_answered_at_the_next_start(bench: Bench, of: Any) -> None:
    bench.open([Call("conversation_search", {"query": "dog"})], model=probed(ask=0.8), note_facts=False)
    bench.say_until("my dog?", lambda event: isinstance(event, events.CallStarted))
    bench.open()
    repairs = [event.what for event in of(bench.started, events.Repaired)]
    assert any("conversation_search was interrupted" in what for what in repairs)
    assert any("never answered" in what for what in repairs)
    assert "interrupted" in bench.view()


# ------------------------------------------------------------------------------------ two ways, and ahead of time


def steps(of: Any, happened: list[events.Event], purpose: str) -> list[events.Step]:
    return [step for step in of(happened, events.Step) if step.purpose == purpose]


def test_an_exact_eviction_reads_what_stays_once(bench: Bench, of: Any) -> None:
    happened = fill(bench)
    evictions = of(happened, events.Evicted)
    assert {eviction.way for eviction in evictions} == {"exact"} and not bench.model.spliced
    assert len(steps(of, happened, "eviction")) == len(evictions)
    for step in steps(of, happened, "call")[1:]:
        assert step.evaluated < 150, "a message and its surroundings, never the queue again"


def test_a_shift_reads_only_the_head_that_is_new(bench: Bench, of: Any) -> None:
    bench.open(eviction="shift")
    fill(bench, 2)
    list(bench.kernel.by_hand.edit_block("user", "Likes quinces."))
    happened = fill(bench, 6)
    assert {eviction.way for eviction in of(happened, events.Evicted)} == {"shift"}
    context = bench.kernel.queue.context
    head = sum(len(tokens) for _, tokens in context.fixed.blocks) + len(context.fixed.summary)
    for step in steps(of, happened, "eviction"):
        assert 0 < step.evaluated <= head + 10
    for step in steps(of, happened, "call"):
        assert step.evaluated < 150
    assert "Likes quinces" in bench.model.text(bench.model.resident()), "the write-back came with it"


def test_a_shift_reads_of_the_summary_only_what_is_new(bench: Bench, of: Any) -> None:
    """Each summary goes on from the one before, and loses the oldest sentences: what stays is not read again."""
    said = [f"{letter} from a garden with many old trees." for letter in "abcdefghijkl"]
    bench.open(eviction="shift", model={"summaries": said})
    happened = fill(bench, 24)
    *_, before, last = of(happened, events.Evicted)
    assert before.summary.split(".")[1] == f" {last.summary.split('.')[0]}", "the oldest sentence has gone"
    size, read = len(bench.model.tokenize(last.summary)), steps(of, happened, "eviction")[-1].evaluated
    assert read < size / 2
    resident = bench.model.resident()
    assert resident == bench.kernel.queue.context.tokens[: len(resident)], "what was moved is the prompt"


def test_a_shift_with_nothing_resident_is_an_exact_eviction(bench: Bench, of: Any) -> None:
    fill(bench, 3)
    bench.open(eviction="shift")
    evicted = of(bench.kernel.queue.evict("asked"), events.Evicted)
    assert [one.way for one in evicted] == ["exact"] and not bench.model.spliced


def test_a_model_that_cannot_be_shifted_is_refused_by_name(bench: Bench) -> None:
    with pytest.raises(InputError, match=r'scripted cannot evict by shift: it squints\. Use eviction = "exact"'):
        bench.open(model={"unmovable": "it squints"}, eviction="shift")


def test_between_turns_room_is_made_for_the_next(bench: Bench, of: Any) -> None:
    happened: list[events.Event] = []
    for number in range(8):
        between = list(bench.kernel.controller.ahead(lambda: False))
        prompt = bench.kernel.queue.context.tokens
        assert bench.model.resident()[: len(prompt)] == prompt
        happened += between
        evicted = of(bench.say(f"{number} {LONG}"), events.Evicted)
        assert not evicted or number == 0, "the user waits for one before a message longer than any before it only"
    assert {one.reason for one in of(happened, events.Evicted)} == {"ahead"}


def test_the_turn_that_was_just_answered_stays_in_view_between_turns(bench: Bench, of: Any) -> None:
    long = "word " * (bench.kernel.queue.longest_message * 2 // 3)
    bench.say(f"Translate this: {long}")
    assert not of(bench.kernel.controller.ahead(lambda: False), events.Evicted)
    assert "Translate this" in bench.view()
    assert of(bench.say(f"And this: {long}"), events.Evicted), "where both have no room, the next one comes first"


def test_room_is_made_for_a_turn_with_calls(bench: Bench, of: Any) -> None:
    searches = (Call("conversation_search", {"query": f"{number} {'quince ' * 14}", "page": 0}) for number in range(20))
    script = [item for search in searches for item in (search, say("Nothing."))]
    bench.open(script, prefetch=False, note_facts=False, eviction="shift")
    ahead: list[events.Event] = []
    for number in range(20):
        ahead += bench.kernel.controller.ahead(lambda: False)
        assert not of(bench.say(f"And {number}?"), events.Evicted) or not number, "the user never waits for one"
    assert of(ahead, events.Evicted)


def test_what_is_not_ready_when_input_arrives_is_dropped(bench: Bench, of: Any) -> None:
    for number in range(8):
        bench.say(f"{number} {LONG}")
        if bench.kernel.queue.context.free < 300:
            break
    before, resident = bench.kernel.queue.context.tokens, bench.model.resident()
    for limit in range(3):
        asked: list[int] = []

        def cancelled(limit: int = limit, asked: list[int] = asked) -> bool:
            asked.append(1)
            return len(asked) > limit

        assert not of(bench.kernel.queue.evict_ahead(cancelled), events.Evicted)
    assert bench.kernel.queue.context.tokens == before and not bench.stored.state.evictions()
    assert bench.model.resident() == resident
    bench.open(ahead=False)
    assert not list(bench.kernel.controller.ahead(lambda: False))
