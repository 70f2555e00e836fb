"""Whom of the user's own people a question is about, and whether what may tell it speaks of them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from memos import events, prompts
from memos.messages import Kind, Told
from memos.relations import left_out
from tests.kernel.conftest import Bench, probed


@pytest.mark.parametrize(
    ("question", "text", "out"),
    [
        ("What is my husband's job?", "I'm a structural engineer.", True),
        ("What is my husband’s job?", "We got married in May, Tom had just become a plumber.", False),
        ("What is the name of my landlord?", "My boss, Henrike Vogt, was kind.", True),
        ("What is my landlord called?", "The landlady, Mrs Huber, came by.", False),
        ("How old is our younger daughter?", "Our little girl is four now.", False),
        ("What is my brother called?", "My twin Paul lives in Rome.", False),
        ("What is my job?", "I'm a structural engineer.", False),
        ("Where does Tom work?", "I'm a structural engineer.", False),
        ("Who is my landlord?", "Mein Vermieter heißt Huber.", False),  # in no words that are known here
    ],
)
def test_of_whom_a_text_speaks(question: str, text: str, out: bool) -> None:
    assert left_out(question, text) is out


@pytest.mark.parametrize(
    ("other", "out"),
    [
        ("Nadia is my daughter's teacher.", False),
        ("My daughter has a new teacher, Mr. Orlov.", True),
        ("Nadia lives in Riga.", True),
    ],
)
def test_another_text_may_say_who_that_is(other: str, out: bool) -> None:
    asked = "Which instrument does my daughter's teacher play?"
    assert left_out(asked, "Nadia plays the cello in an orchestra.", [other]) is out


@pytest.mark.parametrize("answer", [0.6, 0.9])
@pytest.mark.parametrize(("asked", "told_of"), [("What is my husband's job?", False), ("What is my job?", True)])
def test_what_nobody_told_of_them_is_not_taken_from_the_user(
    bench: Bench, asked: str, told_of: bool, answer: float
) -> None:
    told = "I'm a structural engineer, mostly bridges, it is my job."
    bench.stored.recall.import_past([Told(Kind.USER, told, datetime(2026, 3, 2, tzinfo=UTC), "")])
    bench.stored.archival.insert(told, location="recall:1")
    model = {"readings": ["Structural engineer."], **probed(ask=0.95, answer=answer, told=0.9)}
    bench.open(model=model, window=2048, note_facts=False)
    (speech,) = [event for event in bench.say(asked) if isinstance(event, events.Speech)]
    assert (speech.text != prompts.UNMENTIONED) is told_of


@pytest.mark.parametrize(("other", "told"), [("Nadia is my daughter's teacher.", True), ("Nadia has a cat.", False)])
def test_who_that_is_may_stand_in_a_note_that_does_not_tell_it(bench: Bench, other: str, told: bool) -> None:
    def yes(prompt: str) -> tuple[float, ...]:
        answer = 0.3 if f"Note: {other}" in prompt else 0.9
        reply: tuple[float, ...] = probed(ask=0.95, answer=answer, told=0)["yes"](prompt)
        return reply

    for note in (other, "Nadia plays the cello in an orchestra."):
        bench.stored.archival.insert(note)
    bench.open(model={"yes": yes}, window=2048)
    events_of_it = bench.say("Which instrument does my daughter's teacher play?")
    (speech,) = [event for event in events_of_it if isinstance(event, events.Speech)]
    assert (speech.text != prompts.UNMENTIONED) is told
