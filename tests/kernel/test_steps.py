"""Questions that take two searches: what must be known first is asked first, and both must surely be told."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from memos import events, prompts
from memos.messages import Kind, Told
from memos.naming import stem
from memos.probes import asks
from memos.stepping import Steps, of_somebody, taken_apart
from tests.kernel.conftest import Bench, replies

ASKED = "Where does my sister live?"
FIRST, REST = "What is my sister called?", "Where does _ live?"
NOTES = ("My sister is called Ottilie.", "Ottilie has moved to Bergen.")


@pytest.mark.parametrize(
    ("planned", "steps"),
    [
        (f"{FIRST} {REST}", Steps(ASKED, FIRST, REST)),
        (f"{ASKED} Who is _?", None),  # the question itself is no step to it
        ("Where is it that my sister does live? Where does _ live?", None),  # nor is it in other words
        (f"{FIRST} Where did _ grow up?", None),  # something else is asked
        ("What is my name? Where does _ live?", None),
        (f"{FIRST} Who is _?", None),  # that was said
        (f"{FIRST} Where is _?", Steps(ASKED, FIRST, "Where is _?")),
        ("Where does she live? Where does my sister _ live?", None),
        ("Which sister do I live with? Where does _ live?", None),  # it asks the same twice
        (f"{FIRST} Where does Ottilie live?", None),  # the second does not wait for the first
        ("Who is _? Where does _ live?", None),
        (FIRST, None),
        (f"{FIRST} {REST} Why _?", None),
        ("Look for her name. Then for _.", None),
        ("", None),
    ],
)
def test_what_was_planned_is_taken_if_it_leads_on(planned: str, steps: Steps | None) -> None:
    assert taken_apart(ASKED, planned) == steps


@pytest.mark.parametrize(
    ("question", "steps"),
    [
        ("In which city was my best friend born?", ("Who is my best friend?", "In which city was _ born?")),
        ("What is my boss's dog called?", ("Who is my boss?", "What is _'s dog called?")),
        ("Where does our son’s new teacher live?", ("Who is our son’s new teacher?", "Where does _ live?")),
        ("Where does my mother-in-law live?", ("Who is my mother-in-law?", "Where does _ live?")),
        ("How old is my twin brother?", ("Who is my twin brother?", "How old is _?")),
        ("Where do my parents live?", ("Who are my parents?", "Where do _ live?")),
        ("When is my sister's wedding?", ("Who is my sister?", "When is _'s wedding?")),
        ("What is my married name?", None),
        ("When did I lend my bike to dad?", None),
        ("Where does my sister keep my_file?", None),
        ("Who is my boss?", None),
        ("Where does Tom live?", None),
        ("Where is my car?", None),
    ],
)
def test_whoever_a_question_names_is_looked_for_first(question: str, steps: tuple[str, str] | None) -> None:
    assert of_somebody(question) == (Steps(question, *steps) if steps else None)


def test_an_answer_that_the_question_has_already_leads_nowhere() -> None:
    steps = Steps(ASKED, FIRST, REST)
    assert steps.then("Ottilie") == "Where does Ottilie live?"
    assert steps.found("She is called Ottilie.") == {stem("called"), stem("ottilie")}
    assert not steps.found("That is my sister.")


def test_every_example_is_one_that_would_be_taken() -> None:
    for _, question, planned in prompts.STEP_EXAMPLES:
        assert taken_apart(question, planned) and asks(question)


def sure_of(*told: str) -> dict[str, Any]:
    """A model that surely asks memory, finds no note that tells it, and lines to tell these questions."""

    def yes(prompt: str) -> tuple[float, ...]:
        asked = prompt.rsplit("Question: ", 1)[-1]
        sure = 0.9 if asked.startswith(told) else 0.1
        if prompts.QUOTER in prompt:
            return sure, 1 - sure
        return replies(prompt, ask=0.95, keep=0.0, answer=0.1, fact=0.0, told=sure, change=0.0, forget=0.0)

    return {"yes": yes}


def open_with(bench: Bench, *told: str, readings: tuple[str, ...] = (f"{FIRST} {REST}", "Ottilie.", "Bergen.")) -> None:
    bench.open(model={"readings": readings, **sure_of(*told)}, window=2048, note_facts=False)


SECOND = "Where does Ottilie live?"


def test_what_two_notes_tell_together_is_found_in_two_searches(bench: Bench, of: Any) -> None:
    for note in NOTES:
        bench.stored.archival.insert(note)
    open_with(bench, FIRST, SECOND)
    happened = bench.say(ASKED)
    assert of(happened, events.TakenApart) == [events.TakenApart(ASKED, FIRST, REST)]
    assert of(happened, events.Speech)[0].text == "Bergen."
    assert [set(one.sources) for one in of(happened, events.Judged)] == [{"archival:1"}, {"archival:1", "archival:2"}]
    (page,) = of(happened, events.PagedIn)
    assert page.sources == ("archival:1", "archival:2")
    assert all(note in bench.view() for note in NOTES)


def test_where_nothing_is_planned_whoever_is_named_is_looked_for(bench: Bench, of: Any) -> None:
    for note in NOTES:
        bench.stored.archival.insert(note)
    who = "Who is my sister?"
    open_with(bench, who, SECOND, readings=(f"{ASKED} Where is _?", "Ottilie.", "Bergen."))
    happened = bench.say(ASKED)
    assert of(happened, events.TakenApart) == [events.TakenApart(ASKED, who, REST)]
    assert of(happened, events.Speech)[0].text == "Bergen."


@pytest.mark.parametrize(("alone", "answer"), [(0.66, "Bergen."), (0.64, prompts.UNMENTIONED)])
def test_a_line_that_is_about_a_step_may_tell_it_alone(bench: Bench, of: Any, alone: float, answer: str) -> None:
    for note in (*NOTES, "Hanna is called by a sister of Ada's where it is what is called an emergency."):
        bench.stored.archival.insert(note)

    def yes(prompt: str) -> tuple[float, ...]:
        shown, _, asked = prompt.rpartition("</model>")[2].partition("Question: ")
        several = shown.count("[archival:") > 1
        told = 0.9 if asked.startswith(SECOND) else 0.69 if several else alone
        return replies(prompt, ask=0.95, keep=0, answer=0.1, fact=0, told=told, change=0, forget=0)

    readings = (f"{FIRST} {REST}", "Ottilie.", "Bergen.")
    bench.open(model={"readings": readings, "yes": yes}, window=2048, note_facts=False)
    happened = bench.say(ASKED)
    assert of(happened, events.Speech)[0].text == answer
    first, then = [one for one in of(happened, events.Judged) if one.question == FIRST]
    assert len(first.sources) > 1 and then.sources == ("archival:1",)


def test_where_a_note_seems_to_tell_it_no_line_of_a_step_is_read_alone(bench: Bench, of: Any) -> None:
    both = "My sister is called Ottilie, and it is in Bergen that she lives."
    for note in (both, "The sister of Ada is called Hanna."):
        bench.stored.archival.insert(note)

    def yes(prompt: str) -> tuple[float, ...]:
        several = prompt.rpartition("</model>")[2].count("[archival:") > 1
        answer = 0.9 if both in prompt.rpartition("Note: ")[2] else 0.1
        told = 0.5 if several else 0.66
        return replies(prompt, ask=0.95, keep=0, answer=answer, fact=0, told=told, change=0, forget=0)

    bench.open(model={"readings": (f"{FIRST} {REST}", "Ottilie."), "yes": yes}, window=2048, note_facts=False)
    happened = bench.say("Where exactly does my sister live?")
    assert of(happened, events.TakenApart) and [page.sources for page in of(happened, events.PagedIn)] == [
        ("archival:1",)
    ]
    assert all(len(one.sources) > 1 for one in of(happened, events.Judged) if one.question == FIRST)


def test_where_a_note_seems_to_tell_it_whoever_is_named_is_not_looked_for(bench: Bench, of: Any) -> None:
    bench.stored.archival.insert("My sister is called Ottilie, and it is in Bergen that she lives.")
    model = {"yes": lambda prompt: replies(prompt, ask=0.95, keep=0, answer=0.9, fact=0, told=0.9, change=0, forget=0)}
    bench.open(model={"readings": ("None",), **model}, window=2048, note_facts=False)
    happened = bench.say("Where exactly does my sister live?")
    assert of(happened, events.PagedIn) and not of(happened, events.TakenApart)


@pytest.mark.parametrize("told", [(FIRST,), (SECOND,), ()])
def test_where_a_step_is_not_told_nothing_is_guessed(bench: Bench, of: Any, told: tuple[str, ...]) -> None:
    for note in NOTES:
        bench.stored.archival.insert(note)
    open_with(bench, *told)
    happened = bench.say(ASKED)
    assert of(happened, events.TakenApart) and not of(happened, events.PagedIn)
    assert ASKED not in [one.question for one in of(happened, events.Judged)], "no note seems to tell the whole"
    assert of(happened, events.Speech)[0].text == prompts.UNMENTIONED


def test_what_tells_the_second_step_has_what_the_first_found(bench: Bench, of: Any) -> None:
    bench.stored.archival.insert(NOTES[0])
    bench.stored.archival.insert("Hanna lives in Bergen.")
    open_with(bench, FIRST, SECOND)
    happened = bench.say(ASKED)
    assert of(happened, events.TakenApart) and of(happened, events.Speech)[0].text == prompts.UNMENTIONED


def test_a_document_may_tell_a_step(bench: Bench, of: Any) -> None:
    bench.stored.archival.insert(NOTES[0])
    bench.stored.archival.store_document("/moves.txt", "hash", [(f"{NOTES[1]} {'It rained. ' * 120}", "line 1")])
    # No note has a word of what is read from the notes, so documents are read.
    open_with(bench, FIRST, SECOND, readings=(f"{FIRST} {REST}", "Ottilie.", "Bergen.", "Bergen."))
    happened = bench.say(ASKED)
    assert of(happened, events.Speech)[0].text == "Bergen."
    assert "quoted from /moves.txt" in bench.view() and prompts.QUOTATION in bench.view()


HANNA = "Hanna lives in Celle, near the station."


def open_seeming(bench: Bench, *seem: str, told: tuple[str, ...] = (FIRST, SECOND)) -> None:
    """Open an agent whose model takes these notes for what tells the question, and lines to tell these steps."""
    sure: Callable[[str], tuple[float, ...]] = sure_of(*told)["yes"]

    def yes(prompt: str) -> tuple[float, ...]:
        if prompts.QUOTER in prompt:
            return sure(prompt)
        answer = 0.9 if any(note in prompt for note in seem) else 0.1
        return replies(prompt, ask=0.95, keep=0, answer=answer, fact=0, told=sure(prompt)[0], change=0, forget=0)

    bench.open(
        model={"readings": (f"{FIRST} {REST}", "Ottilie.", *["Bergen."] * 3), "yes": yes}, window=2048, note_facts=False
    )


def test_a_note_about_somebody_else_does_not_go_before_what_steps_say(bench: Bench, of: Any) -> None:
    for note in (*NOTES, HANNA):
        bench.stored.archival.insert(note)
    open_seeming(bench, HANNA)
    happened = bench.say(ASKED)
    assert of(happened, events.Speech)[0].text == "Bergen." and HANNA not in bench.view()


@pytest.mark.parametrize("seems", [HANNA, NOTES[0]])
def test_neither_what_is_of_somebody_else_nor_who_it_is_tells_the_rest(bench: Bench, of: Any, seems: str) -> None:
    for note in (NOTES[0], HANNA):
        bench.stored.archival.insert(note)
    open_seeming(bench, seems, told=(FIRST,))
    happened = bench.say(ASKED)
    assert of(happened, events.Speech)[0].text == prompts.UNMENTIONED and not of(happened, events.PagedIn)


@pytest.mark.parametrize("told", ["The flat of my sister is in Bergen.", "Ottilie went to live in Bergen."])
def test_what_is_of_them_is_shown_where_the_second_step_is_not_surely_told(bench: Bench, of: Any, told: str) -> None:
    for note in (NOTES[0], HANNA, told):
        bench.stored.archival.insert(note)
    open_seeming(bench, HANNA, told, told=(FIRST,))
    (page,) = of(bench.say(ASKED), events.PagedIn)
    assert page.sources == ("archival:3",)


@pytest.mark.parametrize("says", ["My sister.", "Ottilie."])
def test_neither_the_question_nor_the_first_answer_is_the_second(bench: Bench, of: Any, says: str) -> None:
    for note in NOTES:
        bench.stored.archival.insert(note)
    open_with(bench, FIRST, SECOND, readings=(f"{FIRST} {REST}", "Ottilie.", says))
    happened = bench.say(ASKED)
    assert of(happened, events.TakenApart) and of(happened, events.Speech)[0].text == prompts.UNMENTIONED


def test_one_note_that_says_who_it_is_may_tell_the_rest_too(bench: Bench, of: Any) -> None:
    bench.stored.archival.insert("Ottilie, who lives in Bergen, is my sister.")
    open_seeming(bench, "Ottilie", told=(FIRST, ASKED))
    assert of(bench.say(ASKED), events.PagedIn)


def test_what_a_document_tells_goes_before_a_note_about_somebody_else(bench: Bench, of: Any) -> None:
    bench.stored.archival.insert(NOTES[0])
    bench.stored.archival.insert(HANNA)
    bench.stored.archival.store_document("/moves.txt", "hash", [("The sister lives in Bergen now.", "line 1")])
    open_seeming(bench, HANNA, told=(FIRST, ASKED))
    happened = bench.say(ASKED)
    assert of(happened, events.Speech)[0].text == "Bergen." and "quoted from /moves.txt" in bench.view()


def test_what_stands_in_a_block_may_tell_a_step(bench: Bench, of: Any) -> None:
    bench.stored.archival.insert(NOTES[1])
    open_seeming(bench, NOTES[1])
    list(bench.kernel.by_hand.edit_block("user", NOTES[0]))
    happened = bench.say(ASKED)
    assert of(happened, events.Speech)[0].text == "Bergen."


def test_what_one_note_tells_is_not_taken_apart(bench: Bench, of: Any) -> None:
    bench.stored.archival.insert("My sister lives in Bergen.")
    model = {"yes": lambda prompt: replies(prompt, ask=0.95, keep=0, answer=0.9, fact=0, told=0.9, change=0, forget=0)}
    bench.open(model=model, window=2048, note_facts=False)
    happened = bench.say(ASKED)
    assert of(happened, events.PagedIn) and not of(happened, events.TakenApart)


def test_several_sentences_are_not_taken_apart(bench: Bench, of: Any) -> None:
    bench.stored.archival.insert(NOTES[0])
    open_with(bench, FIRST, SECOND)
    for text in (f"{ASKED} And where did she live before?", "Where does my_sister live?"):
        assert not of(bench.say(text), events.TakenApart)


def test_of_somebody_who_speaks_in_memory_nothing_is_taken_apart(bench: Bench, of: Any) -> None:
    bench.stored.recall.import_past([Told(Kind.USER, "I have a sister.", datetime(2024, 5, 1, tzinfo=UTC), "Ines")])
    open_with(bench, FIRST, SECOND)
    assert not of(bench.say("Where does the sister of Ines live?"), events.TakenApart)
    assert of(bench.say(ASKED), events.TakenApart)
