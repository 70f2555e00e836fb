"""Questions that lean on what was said before are asked of memory as ones that can be understood alone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from memos import events, prompts
from memos.messages import Kind, Told
from memos.rewriting import follows, joined, leans
from tests.kernel.conftest import Bench, probed

FIRST, SECOND, ALONE = (
    "Where does Paula live?",
    "And since when does she live there?",
    "Since when does Paula live there?",
)


@pytest.mark.parametrize(
    "question",
    [
        "And what made her go there?",
        "what colour is it",
        "What about the old one?",
        "Since when?",
        "Und was zahlt er dafür?",
        "Elle en est à quelle ceinture ?",
        "¿Y la otra?",
        "Where's the key for that?",
        "What was it that he can't eat?",
    ],
)
def test_a_question_leans_on_what_it_does_not_name(question: str) -> None:
    assert leans(question)


@pytest.mark.parametrize(
    "question",
    [
        "Where does Paula live?",
        "What did my sister say she wanted?",
        "What is it that I wanted to buy?",
        "Is there a pharmacy near the station?",
        "Wo wohnt meine Tante?",
        "Who is Otto?",
        "How are you?",
        "Where is my car?",
        "Why?",  # it asks to go on, of what is in view
    ],
)
def test_a_question_that_names_it_does_not(question: str) -> None:
    assert not leans(question)


@pytest.mark.parametrize(
    ("new", "may"),
    [
        ("Since when does Paula live in Ghent?", True),
        ("since when does paula live there", False),  # no question by its form
        ("Since when does she live there?", False),  # as it was
        ("Since when does Otto work at the mill?", False),  # of nobody who was spoken of
        ("Paula lives there since May.", False),
        (f"{FIRST} And since when does Paula live there?", False),  # both
        ("", False),
    ],
)
def test_what_was_rewritten_counts_if_it_says_what_was_left_out(new: str, may: bool) -> None:
    assert follows(new, SECOND, [f"user: {FIRST}", "assistant: In Ghent."]) is may


def test_every_example_would_be_taken_or_is_as_it_was() -> None:
    for lines, question, alone in prompts.REWRITES:
        assert (follows(alone, question, lines) and leans(question)) or alone == question


def test_a_question_behind_another_is_one_sentence() -> None:
    assert joined(["Hello. What is the pressure for my road bike?"], "And the gravel one?") == (
        "What is the pressure for my road bike, and the gravel one?"
    )
    assert joined([], "And the gravel one?") == "And the gravel one?"


def asked(bench: Bench, of: Any, second: str, reading: str) -> tuple[list[events.Rewritten], list[str]]:
    bench.open(model={"readings": [reading], **probed(ask=0.1)}, window=2048, note_facts=False)
    bench.say(FIRST)
    happened = bench.say(second)
    return of(happened, events.Rewritten), [one.sentence for one in of(happened, events.Probed)]


def test_it_is_asked_of_memory_as_it_is_understood_and_stays_as_it_was_said(bench: Bench, of: Any) -> None:
    rewritten, probes = asked(bench, of, SECOND, ALONE)
    assert rewritten == [events.Rewritten(SECOND, ALONE)] and set(probes) == {ALONE}
    assert SECOND in bench.view() and ALONE not in bench.view()
    prompt = next(bench.model.text(one) for one, _ in bench.model.prompts if prompts.REWRITER in bench.model.text(one))
    assert f"user: {FIRST}\nassistant: " in prompt and prompt.count(SECOND) == 1


@pytest.mark.parametrize("reading", ["", "And where is Otto?"])
def test_where_nothing_is_made_of_it_both_are_asked_together(bench: Bench, of: Any, reading: str) -> None:
    rewritten, _ = asked(bench, of, SECOND, reading)
    assert rewritten == [events.Rewritten(SECOND, "Where does Paula live, and since when does she live there?")]


def test_what_only_seems_to_lean_stays_as_it_is(bench: Bench, of: Any) -> None:
    assert asked(bench, of, "What time is it?", "") == ([], ["What time is it?"] * 2)
    assert asked(bench, of, "How tall is Otto?", ALONE) == ([], ["How tall is Otto?"] * 2), "it is not rewritten at all"


def test_a_cancelled_turn_rewrites_nothing(bench: Bench, of: Any) -> None:
    bench.open(model={"readings": [ALONE], **probed(ask=0.1)}, window=2048, note_facts=False)
    bench.say(FIRST)
    happened = []
    for event in bench.kernel.controller.turn(SECOND):
        happened.append(event)
        if isinstance(event, events.Progress):
            bench.kernel.controller.cancel()
    assert not of(happened, events.Rewritten) and of(happened, events.TurnFinished)[0].reason == "cancelled"


def test_two_questions_in_one_are_asked_apart(bench: Bench, of: Any) -> None:
    together, second = "What is my sister called, and where does she live?", "Where does my sister live?"
    bench.stored.recall.import_past(
        [Told(Kind.USER, "My sister Ottilie came over from Oslo.", datetime(2026, 3, 2, tzinfo=UTC), "")]
    )
    model = {"readings": [second, "Ottilie.", "Oslo."], **probed(ask=0.95, answer=0.6, told=0.9)}
    bench.open(model=model, window=2048, note_facts=False)
    happened = bench.say(together)
    assert of(happened, events.Rewritten) == [events.Rewritten("Where does she live?", second)]
    asked = {one.question for one in of(happened, events.Judged)}
    assert asked == {"What is my sister called?", second}
    assert of(happened, events.Speech)[0].text == "Ottilie, Oslo."
    assert together in bench.view()
    prompt = next(bench.model.text(one) for one, _ in bench.model.prompts if prompts.REWRITER in bench.model.text(one))
    assert f"user: What is my sister called?\nassistant: {prompts.LISTENING}" in prompt


def test_what_is_theirs_stays_so(bench: Bench, of: Any) -> None:
    together = "What is my sister called, and where does she live?"
    bench.open(model={"readings": ["Where does your sister live?"], **probed(ask=0.1)}, window=2048, note_facts=False)
    (rewritten,) = of(bench.say(together), events.Rewritten)
    assert rewritten.alone == "Where does my sister live?"


def test_two_questions_of_which_none_leans_stay_together(bench: Bench, of: Any) -> None:
    together = "How tall is Otto and where does Paula live?"
    assert asked(bench, of, together, ALONE) == ([], [together] * 2)
