"""What no memory tells: it may stand in view, and else the assistant says that it does not know it."""

from __future__ import annotations

from typing import Any

import pytest

from memos import events, prompts, tool
from memos.messages import Call, Kind
from memos.testing import say
from tests.kernel.conftest import Bench, probed

GUESS = say("Your shoe size is 40.")
SEARCH = Call("conversation_search", {"query": "shoe"})
ASKED = "What is my shoe size?"
CERTAIN = probed(ask=0.95)


@tool
def wardrobe() -> str:
    """look into the wardrobe."""
    return "Shoes of size 41."


def test_what_nothing_tells_is_not_guessed(bench: Bench, of: Any) -> None:
    bench.open([SEARCH, GUESS], model=CERTAIN, note_facts=False)
    happened = bench.say(ASKED)
    assert not of(happened, events.CallStarted), "the kernel has searched already"
    assert of(happened, events.Speech)[0].text.startswith(prompts.UNMENTIONED)
    assert prompts.tell(prompts.UNMENTIONED) in bench.view()


@pytest.mark.parametrize(
    ("asked", "question", "answered"),
    [
        (0.8, ASKED, False),
        (0.75, ASKED, True),
        (0.8, "what should i wear?", True),  # of themselves, but for advice
        (0.92, "What is the capital of Australia?", True),
        (0.94, "Which university is Felix at?", False),
    ],
)
def test_who_asks_of_themselves_is_answered_only_what_is_told(
    bench: Bench, of: Any, asked: float, question: str, answered: bool
) -> None:
    bench.open([GUESS], model=probed(ask=asked), note_facts=False)
    text = of(bench.say(question), events.Speech)[0].text
    assert text == ("Your shoe size is 40." if answered else prompts.UNMENTIONED)


def test_where_other_functions_may_tell_it_the_model_looks_there(bench: Bench, of: Any) -> None:
    bench.open([Call("wardrobe", {}), say("It is 41.")], tools=[wardrobe], model=CERTAIN, note_facts=False)
    assert of(bench.say(ASKED), events.Speech)[0].text == "It is 41."


def test_where_documents_may_tell_it_the_model_looks_there(bench: Bench, of: Any) -> None:
    bench.stored.archival.store_document("/list.txt", "hash", [("Shoes: 41.", "")])
    look = Call("archival_memory_search", {"query": "shoes"})
    bench.open([look, say("It is 41.")], model=CERTAIN, note_facts=False)
    assert of(bench.say(ASKED), events.Speech)[0].text == "It is 41."


def test_what_is_to_be_kept_is_not_called_unmentioned(bench: Bench, of: Any) -> None:
    bench.open([say("Noted.")], model=probed(ask=0.95, keep=0.95), note_facts=False)
    assert of(bench.say("Did I tell you that I am away in May? Keep it."), events.Speech)[0].text == "Noted."


@pytest.mark.parametrize(
    ("speaker", "told"), [(Kind.USER, "My shoes are of size 41."), (Kind.SPEECH, "Your shoe size is 41.")]
)
def test_what_is_in_view_is_shown_next_to_the_question(bench: Bench, of: Any, speaker: Kind, told: str) -> None:
    said = (told, "I see.") if speaker is Kind.USER else ("Guess my shoe size.", told)
    bench.open([say(said[1])], prefetch=False, note_facts=False)
    bench.say(said[0])

    def yes(prompt: str) -> tuple[float, ...]:
        if prompts.ANSWER_PROBE not in prompt:
            return 0.95, 0.0, 0.0, 0.0
        return (0.9, 0.1) if "41" in prompt.rpartition("Note: ")[2] else (0.1, 0.9)

    bench.open([say("It is 41.")], model={"yes": yes}, note_facts=False)
    happened = bench.say(ASKED)
    page = of(happened, events.PagedIn)[0]
    shown = next(one for one in bench.stored.recall.since(0) if one.content == told)
    assert page.sources == (f"recall:{shown.id}",)
    assert of(happened, events.Speech)[0].text == "It is 41."


def test_of_what_was_asked_before_nothing_is_told(bench: Bench, of: Any) -> None:
    """The question itself is in view then; it is no answer."""
    bench.open([GUESS, GUESS], model=CERTAIN, note_facts=False)
    bench.say(ASKED)
    assert of(bench.say(ASKED), events.Speech)[0].text.startswith(prompts.UNMENTIONED)


@pytest.mark.parametrize(("probability", "shown"), [(0.5, True), (0.4, False)])
def test_a_note_that_stands_out_and_is_unlikely_all_the_same_tells_nothing(
    bench: Bench, of: Any, probability: float, shown: bool
) -> None:
    notes = ["I had my shoes mended.", *(f"I have a shoe size for day {number}." for number in range(5))]
    for note in notes:
        bench.stored.archival.insert(note)

    def yes(prompt: str) -> tuple[float, ...]:
        if prompts.ANSWER_PROBE not in prompt:
            return 0.95, 0.0, 0.0, 0.0
        sure = probability if "mended" in prompt.rpartition("Note: ")[2] else 0.02
        return sure, 1 - sure

    bench.open([GUESS], model={"yes": yes}, note_facts=False)
    happened = bench.say(ASKED)
    assert bool(of(happened, events.PagedIn)) is shown
    assert (of(happened, events.Speech)[0].text == prompts.UNMENTIONED) is not shown
