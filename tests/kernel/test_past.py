"""What the user told, read apart: the answer in other words, the newest of what differs, and nothing that is unsure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from memos import events, prompts
from memos.messages import Kind, Told
from memos.naming import said_to_them, shares_word
from memos.testing import say
from tests.kernel.conftest import Bench, probed, replies

ASKED = "Which book am I in the middle of these days?"
OLD = "My book is Hyperion at the moment, no spoilers please."
NEW = "I gave up on Hyperion, too many priests. The book is a life of Ada Lovelace now."
OTHER = "In the middle of the day the bus broke down."
BEGIN = datetime(2026, 3, 2, 18, tzinfo=UTC)


def tell(bench: Bench, *said: str) -> None:
    """Messages of the user out of view, each told a week after the one before it."""
    told = [Told(Kind.USER, text, BEGIN + timedelta(weeks=week), "") for week, text in enumerate(said)]
    bench.stored.recall.import_past(told)


def sure_of(told: Callable[[Sequence[str], str], float], *, ask: float = 0.95, answer: float = 0.6) -> dict[str, Any]:
    """A model that is so sure of the lines that it is shown and a question."""

    def yes(prompt: str) -> tuple[float, ...]:
        if prompts.EXCERPTOR in prompt:
            shown = prompt.rpartition("</model>")[2]
            lines = [line for line in shown.splitlines() if " user: " in line]
            probability = told(lines, shown.rpartition("Question: ")[2].partition("\n")[0])
            return probability, 1 - probability
        return replies(prompt, ask=ask, keep=0, answer=answer, fact=0, told=0, change=0, forget=0)

    return {"yes": yes}


def said(happened: Sequence[events.Event]) -> str:
    (speech,) = [event for event in happened if isinstance(event, events.Speech)]
    return speech.text


def test_what_is_told_in_other_words_is_read(bench: Bench, of: Any) -> None:
    tell(bench, OTHER, OLD)
    bench.open(model={"readings": ["Hyperion."], **probed(ask=0.95, answer=0.6, told=0.6)}, window=2048)
    happened = bench.say(ASKED)
    assert said(happened) == "Hyperion."
    (page,) = of(happened, events.PagedIn)
    assert page.sources == ("recall:2",), "only what says it"
    together, alone = of(happened, events.Judged)[:2]
    assert set(together.sources) == {"recall:1", "recall:2"} and alone.sources == ("recall:2",)


@pytest.mark.parametrize(("together", "alone"), [(0.35, 0.9), (0.7, 0.4)])
def test_what_is_not_surely_told_is_not_said(bench: Bench, together: float, alone: float) -> None:
    tell(bench, OTHER, OLD)
    model = sure_of(lambda lines, _: together if len(lines) > 1 else alone, answer=0.3)
    bench.open(model={"readings": ["Hyperion."], **model}, window=2048)
    assert said(bench.say(ASKED)) == prompts.UNMENTIONED


@pytest.mark.parametrize(("ask", "told", "read"), [(0.8, 0.54, True), (0.75, 0.54, False), (0.75, 0.6, True)])
def test_the_less_surely_it_is_asked_for_the_more_surely_it_is_told(
    bench: Bench, of: Any, ask: float, told: float, read: bool
) -> None:
    tell(bench, OTHER, OLD)
    bench.open(model={"readings": ["Hyperion."], **probed(ask=ask, answer=told, told=told)}, window=2048)
    assert bool(of(bench.say(ASKED), events.PagedIn)) is read


def test_of_what_differs_the_last_counts(bench: Bench, of: Any) -> None:
    tell(bench, OLD, OTHER, NEW)
    bench.open(model={"readings": ["At the moment.", "Ada Lovelace."], **sure_of(lambda lines, _: 0.7)}, window=2048)
    happened = bench.say(ASKED)
    assert said(happened) == "Ada Lovelace."
    assert of(happened, events.PagedIn)[0].sources == ("recall:3", "recall:1"), "the newest, and what it replaces"


@pytest.mark.parametrize(
    ("reading", "answer"),
    [
        ("A life of Ada Lovelace.", "A life of Ada Lovelace."),  # by what was told later
        ("Spoilers.", "At the moment."),  # by what was told first: the later is of something else
        ("", "At the moment."),
    ],
)
def test_what_was_told_later_is_read_with_what_was_told_first(bench: Bench, of: Any, reading: str, answer: str) -> None:
    tell(bench, OLD, NEW)
    model = sure_of(lambda lines, _: 0.3 if NEW in lines[-1] and len(lines) == 1 else 0.7)
    bench.open(model={"readings": ["At the moment.", reading], **model}, window=2048)
    assert said(bench.say(ASKED)) == answer
    prompt = next(text for one, _ in bench.model.prompts if prompts.UPDATER in (text := bench.model.text(one)))
    assert f"First: {OLD}\nLater: {NEW}" in prompt


@pytest.mark.parametrize(
    ("readings", "answer"),
    [
        (["Biscuit, Golden Retriever.", "Biscuit, beagle."], "Biscuit, beagle."),
        (["Biscuit, Golden Retriever."] * 2, prompts.UNMENTIONED),
        (["The 3 dogs, with Rex."], "The 3 dogs, with Rex."),
        (["3 dogs."], "3 dogs."),  # a count is of no message
        (["Beagle, architect, Rex."], "Beagle, Rex."),
        (["No, they fell asleep."], "No, they fell asleep."),
    ],
)
def test_a_name_that_no_message_has_is_not_said(bench: Bench, readings: list[str], answer: str) -> None:
    tell(bench, OTHER, "Biscuit the beagle, Rex and Bim fell asleep in the middle of these days.")
    bench.open(model={"readings": readings, **probed(ask=0.95, answer=0.45, told=0.9)}, window=2048)
    assert said(bench.say(ASKED)).lower() == answer.lower()


def test_a_name_that_begins_an_answer_is_looked_for_in_the_likeliest_alone(bench: Bench) -> None:
    tell(bench, OTHER, "The old Saab smells of dog and is green, more or less.")
    model = {"readings": ["Ford red.", "Saab green."], **probed(ask=0.95, answer=0.3, told=0.7)}
    bench.open(model=model, window=2048)
    assert said(bench.say("Which car is the old one that is green?")) == "Saab green."


@pytest.mark.parametrize(("sure", "source"), [(0.75, "archival:1"), (0.1, "recall:1")])
def test_a_note_that_tells_something_else_more_surely_goes_before_what_was_read(
    bench: Bench, of: Any, sure: float, source: str
) -> None:
    tell(bench, "He has named the tent in my living room Fort Pancake.")
    bench.stored.archival.insert("They named me Mira.")

    def yes(prompt: str) -> tuple[float, ...]:
        answer = sure if "Note: They named" in prompt else 0.5
        reply: tuple[float, ...] = probed(ask=0.95, answer=answer, told=0.8)["yes"](prompt)
        return reply

    bench.open(model={"yes": yes, "readings": ["Fort Pancake."]}, window=2048)
    happened = bench.say("What am I named?")
    assert [page.sources for page in of(happened, events.PagedIn)] == [(source,)]


def test_a_note_is_weighed_against_the_sentence_that_says_what_was_read(bench: Bench, of: Any) -> None:
    tell(bench, "I keep reading such things on my way. They named me Ottilie, which is a name I like.")
    bench.stored.archival.insert("They named me the cook of the house.")

    def yes(prompt: str) -> tuple[float, ...]:
        note = prompt.rpartition("Note: ")[2]
        answer = 0.75 if "the cook" in note else 0.3 if "such things" in note else 0.9
        reply: tuple[float, ...] = probed(ask=0.95, answer=answer, told=0.8)["yes"](prompt)
        return reply

    bench.open(model={"yes": yes, "readings": ["Ottilie."]}, window=2048)
    happened = bench.say("What am I named?")
    assert [page.sources for page in of(happened, events.PagedIn)] == [("recall:1",)]


def test_a_note_of_somebody_else_does_not_go_before_what_was_read(bench: Bench, of: Any) -> None:
    tell(bench, "My sister Ottilie comes over from Tromsø, where it is dark.")
    bench.stored.archival.insert("I live on the fourth floor of Lindenhof.")

    def yes(prompt: str) -> tuple[float, ...]:
        reply: tuple[float, ...] = probed(ask=0.95, answer=0.75 if "Lindenhof" in prompt else 0.5, told=0.8)["yes"](
            prompt
        )
        return reply

    bench.open(model={"yes": yes, "readings": ["Tromsø."]}, window=2048)
    happened = bench.say("Where does my sister live?")
    assert [page.sources for page in of(happened, events.PagedIn)] == [("recall:1",)]


@pytest.mark.parametrize(
    ("reading", "question"),
    [
        ("Three.", "How many kittens were named?"),
        ("Yes.", "Did I say that kittens were named?"),
        ("Yesterday.", "When did I say that kittens were named?"),
        ("March.", "When did I say that kittens were named?"),
    ],
)
def test_a_count_a_yes_and_a_day_are_not_words_of_nobody(bench: Bench, of: Any, reading: str, question: str) -> None:
    tell(bench, "Yesterday I named my first, my second and my last kitten.")
    bench.stored.archival.insert("They named me the cook of the house.")

    def yes(prompt: str) -> tuple[float, ...]:
        answer = 0.75 if "Note: They" in prompt else 0.78 if "Note: Yesterday" in prompt else 0.2
        reply: tuple[float, ...] = probed(ask=0.95, answer=answer, told=0.8)["yes"](prompt)
        return reply

    bench.open(model={"yes": yes, "readings": [reading]}, window=2048)
    happened = bench.say(question)
    assert [page.sources for page in of(happened, events.PagedIn)] == [("recall:1",)]


@pytest.mark.parametrize(("breed", "answer"), [(0.9, "Biscuit, a beagle."), (0.2, "Biscuit the beagle.")])
def test_of_two_questions_one_message_may_tell_both(bench: Bench, breed: float, answer: str) -> None:
    tell(bench, OTHER, "My dog Biscuit, a beagle, fell asleep.")
    model = sure_of(lambda _, question: breed if question == "What breed is my dog?" else 0.9)
    readings = ["Biscuit.", *(["A beagle."] if breed > 0.5 else []), "Biscuit the beagle."]
    bench.open(model={"readings": readings, **model}, window=2048)
    assert said(bench.say("What is my dog called? What breed is my dog?")).lower() == answer.lower()


def test_what_was_so_may_be_so_no_longer(bench: Bench) -> None:
    tell(bench, OLD, "I took Hyperion back to the library.")
    model = {"readings": ["Yes.", "No, I took it back."], **sure_of(lambda lines, _: 0.7)}
    bench.open(model=model, window=2048)
    assert said(bench.say("Is Hyperion still my book at the moment?")) == "No, you took it back."


def test_the_assistants_words_do_not_stand_in_for_what_the_user_told(bench: Bench, of: Any) -> None:
    tell(bench, OTHER, OLD)
    own = Told(Kind.SPEECH, "In the middle of these days, read The Great Gatsby.", BEGIN + timedelta(weeks=3), "")
    bench.stored.recall.import_past([own])
    bench.open(model={"readings": ["Hyperion."], **probed(ask=0.95, answer=0.9, told=0.9)}, window=2048)
    assert said(bench.say(ASKED)) == "Hyperion."


@pytest.mark.parametrize("later", [NEW, OTHER])
def test_what_is_told_later_and_does_not_tell_it_changes_nothing(bench: Bench, later: str) -> None:
    tell(bench, OLD, later)
    model = sure_of(lambda lines, _: 0.3 if len(lines) == 1 and later in lines[0] else 0.7)
    bench.open(model={"readings": ["At the moment.", "Later."], **model}, window=2048)
    assert said(bench.say(ASKED)) == "At the moment."


def test_what_several_tell_is_not_taken_for_a_change(bench: Bench) -> None:
    tell(bench, OLD, NEW)
    bench.open(model={"readings": ["At the moment.", "Later."], **sure_of(lambda lines, _: 0.8)}, window=2048)
    assert said(bench.say("How many books am I in the middle of?")) == "At the moment."


def test_a_note_that_surely_tells_it_is_looked_for_in_what_was_told_since(bench: Bench) -> None:
    tell(bench, OLD, NEW)
    bench.stored.archival.insert("My book is Hyperion at the moment.", location="recall:1")
    model = sure_of(lambda lines, _: 0.7, answer=0.9)
    bench.open(model={"readings": ["Ada Lovelace."], **model}, window=2048)
    assert said(bench.say(ASKED)) == "Ada Lovelace."


def test_a_note_that_surely_tells_it_and_is_so_still_needs_no_reading(bench: Bench, of: Any) -> None:
    tell(bench, OLD, OTHER)
    bench.stored.archival.insert("I am reading a book, Hyperion, at the moment.", location="recall:1")
    bench.open(model=sure_of(lambda lines, _: 0.9, answer=0.9), window=2048)
    happened = bench.say(ASKED)
    assert not of(happened, events.Judged) and of(happened, events.PagedIn)[0].sources == ("archival:1",)


def test_what_was_forgotten_is_not_read(bench: Bench) -> None:
    tell(bench, OTHER, "Hello. My locker is number 1743.")
    note = bench.stored.archival.insert("My locker is number 1743.", location="recall:2")
    bench.stored.archival.put_away([note.id], by=2)
    bench.open(model=probed(ask=0.95, answer=0.6, told=0.9), window=2048)
    bench.say("What is my locker's number?")
    texts = [bench.model.text(prompt) for prompt, _ in bench.model.prompts]
    read = [text.partition("</system>")[2] for text in texts if text.startswith(f"<s>{prompts.EXCERPTOR}")]
    assert any("user: Hello." in text for text in read) and not any("1743" in text for text in read)


def test_questions_that_were_asked_often_are_not_in_the_way_of_what_was_told(bench: Bench) -> None:
    tell(bench, OLD)
    asked = [
        Told(kind, text, BEGIN + timedelta(weeks=week), "")
        for week in range(1, 13)
        for kind, text in ((Kind.USER, ASKED), (Kind.SPEECH, "Which book you are in the middle of I do not know."))
    ]
    bench.stored.recall.import_past(asked)
    bench.open(model={"readings": ["Hyperion."], **probed(ask=0.95, answer=0.1, told=0.9)}, window=2048)
    assert said(bench.say(ASKED)) == "Hyperion."


def test_that_nothing_was_found_tells_nothing(bench: Bench, of: Any) -> None:
    no = [Told(Kind.SPEECH, prompts.UNMENTIONED, BEGIN + timedelta(days=day), "") for day in range(3)]
    bench.stored.recall.import_past(no)
    bench.open(model=probed(ask=0.95, answer=0.1, told=0.1), window=2048)
    happened = bench.say("Is there any mention of it that you find?")
    assert said(happened) == prompts.UNMENTIONED
    assert prompts.UNMENTIONED not in [one.sentence for one in of(happened, events.Probed)]


def test_the_answer_is_a_sentence_that_says_what_was_read(bench: Bench) -> None:
    tell(bench, OTHER, OLD)
    asked = "Which book am I reading?"
    for spoken, answer in (
        ("You are reading Hyperion.", "You are reading Hyperion."),
        ("You are reading a good book.", "Hyperion."),  # it leaves out what was read
        ("You are reading Hyperion, a novel of 1989 by Simmons.", "Hyperion."),  # nobody told that
        ("I am reading Hyperion.", "Hyperion."),  # in their voice
    ):
        model = {"readings": ["Hyperion."], **probed(ask=0.95, answer=0.6, told=0.9)}
        bench.open([say(spoken)], model=model, window=2048)
        assert said(bench.say(asked)) == answer


def test_a_text_shares_a_word_in_any_form() -> None:
    assert shares_word("I'm reading The Glass Ferry.", "Which book should I read?")
    assert not shares_word("That works, thanks.", "What colour is my car?")


@pytest.mark.parametrize(
    ("text", "to_them"),
    [
        ("No, I sold my bike", "No, you sold your bike"),
        ("My sister's garage", "Your sister's garage"),
        ("I'm on it, we’ve got our own", "you're on it, you've got your own"),
        ("I was with Tom and he told me", "you were with Tom and he told you"),
        ("Il me l'a donné", "Il me l'a donné"),
        ("Charles the First, in the US", "Charles the First, in the US"),
    ],
)
def test_what_they_said_of_themselves_is_said_to_them(text: str, to_them: str) -> None:
    assert said_to_them(text) == to_them
