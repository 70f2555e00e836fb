"""An answer that a note tells says what was told, and no more."""

from __future__ import annotations

from typing import Any

import pytest

from memos import events, prompts, tool
from memos.grounding import Gate, Ground, Kept, asks_for_what_was_told
from memos.messages import Call, Kind, State
from memos.testing import say
from tests.kernel.conftest import Bench, probed

NOTE = "I'm reading The Glass Ferry."
ASKED = "Which book am I reading?"
KNOWN = "You are reading The Glass Ferry."
MADE_UP = "It is a novel by J.D. Salinger."
QUOTE = prompts.quoted(NOTE, surely=True)
SURE = probed(ask=0.95, answer=0.9)


@pytest.mark.parametrize(
    ("told", "said", "added"),
    [
        (NOTE, KNOWN, ()),
        (NOTE, "The Glass Ferry is a novel by J.D. Salinger.", ("novel", "j.d", "salinger")),
        (NOTE, "The Glass Ferry is a famous novel.", ("famous", "novel")),
        (NOTE, "The Glass Ferry is what you are reading, by Ida.", ("ida",)),
        ("My birthday is on 9 November. When is it?", "It is on the 9th of November.", ()),
        ("My birthday is on 9 November. When is it?", "It is on the 8th of November.", ("8",)),
        ("My PIN is 4821.", "Your PIN is 48213.", ("48213",)),
        ("Lives in Oslo, works at the harbour.", "Yes, you live in Oslo and you're working at the harbour.", ()),
        ("My landlord is called Huber.", "Your landlord's surname is Huber.", ()),
        ("Marian is my aunt.", "Your aunt is called Marianne.", ("marianne",)),
        ("Vera is my best friend. Who is Vera?", "Vera is my best friend.", ("my",)),
        ("We move to Ghent.", "We move to Ghent.", ("We",)),
        ("I saw My Fair Lady.", "You saw My Fair Lady.", ()),
        ("I collect maps and coins.", "1. Maps", ()),
        ("I didn't go.", "You told me that you didn't go, because you were ill.", ()),
        ("My boss is Mr. Huber. I'm Mr. Olsen.", "You are Mr. Huber.", ("Mr. Huber",)),
        ("Karl is my neighbour.", "Your name is Karl.", ("Karl",)),
        ("My best friend is called Vera.", "You're Vera.", ("Vera",)),
        ("My nationality is Dutch.", "You are Dutch.", ()),
        ("My nickname is Mimi, and my sister is Ada.", "You are called Mimi.", ()),
        ("My boss is Mr. Huber.", "Your boss is Mr. Huber.", ()),
        ("My name is Mira Olsen.", "You are Mira Olsen.", ()),
        ("People call me Mira.", "You're called Mira.", ()),
        ("I'm Dr. Olsen's assistant.", "You are Dr. Olsen's assistant.", ()),
        ("I am reading Ulysses.", "You are reading Ulysses.", ()),
    ],
)
def test_what_a_sentence_adds_to_what_was_told(told: str, said: str, added: tuple[str, ...]) -> None:
    assert Ground("", told, "").adds(said) == added


def gated(told: str, question: str, pieces: list[str]) -> tuple[list[str], tuple[str, ...]]:
    gate = Gate(Ground(question, told, ""))
    return [*(gate.feed(piece) for piece in pieces), gate.close()], gate.adds


def test_a_sentence_is_let_through_once_it_is_whole() -> None:
    pieces = ["He is", " Dr.", " Brandt. ", "He is", " at Elm", " Street 4.", " He is", " very good, and famous.", " H"]
    said, adds = gated("My dentist is Dr. Brandt, at Elm Street 4.", "Who is my dentist?", pieces)
    assert [(at, words) for at, words in enumerate(said) if words] == [
        (2, "He is Dr. Brandt."),
        (6, " He is at Elm Street 4."),
    ]
    assert adds == ("good", "famous")


@pytest.mark.parametrize(
    ("said", "through"),
    [
        (["Yes.", " It is The Glass Ferry."], "Yes. It is The Glass Ferry."),
        (["Yes.", " It is a novel by Ida."], ""),
        (["You told me about a book. ", "It is a novel by Ida."], ""),
        (["No."], "No."),
        (["It is famous."], ""),
    ],
)
def test_nothing_is_said_before_something_that_was_told(said: list[str], through: str) -> None:
    assert "".join(gated(NOTE, ASKED, said)[0]) == through


@pytest.mark.parametrize(
    ("message", "does"),
    [
        (ASKED, True),
        ("By when do I have to pay?", True),
        ("which book am i reading", True),
        ("Which book should I read next?", False),
        ("Where do I live? Answer in Spanish.", False),
        ("Hello! Where do I live?", False),
        ("Tell me a story about what I read.", False),
        ("Welches Buch lese ich?", False),
        ("What is good for my knee?", False),
    ],
)
def test_whether_a_message_asks_for_what_was_told_alone(message: str, does: bool) -> None:
    assert asks_for_what_was_told(message) is does


def test_what_nobody_told_is_not_said(bench: Bench, of: Any) -> None:
    bench.stored.archival.insert(NOTE)
    bench.open([say(f"{KNOWN} {MADE_UP} It is good.")], model=SURE, note_facts=False)
    happened = bench.say(ASKED)
    assert of(happened, events.Speech)[0].text == KNOWN
    assert "".join(one.text for one in of(happened, events.SpeechDelta)) == KNOWN
    assert "salinger" in of(happened, events.Unsaid)[0].words
    assert of(happened, events.TurnFinished)[0].reason == "spoke"
    stored = bench.stored.recall.since(0)[-1]
    assert (stored.content, stored.state, stored.kind) == (KNOWN, State.DONE, Kind.SPEECH)
    assert say(KNOWN).text in bench.view()


def test_where_nothing_of_an_answer_was_told_the_note_is_quoted(bench: Bench, of: Any) -> None:
    bench.stored.archival.insert(NOTE)
    bench.open([say(f"The Glass Ferry is {MADE_UP}"), say("All right.")], model=SURE, note_facts=False)
    happened = bench.say(ASKED)
    assert of(happened, events.Speech)[0].text == QUOTE
    assert [one.content for one in bench.stored.recall.since(0) if one.kind is Kind.SPEECH] == [QUOTE]
    assert len(of(happened, events.Unsaid)) == 1


def test_what_is_not_of_who_asks_is_bounded_by_a_note_that_has_all_of_it(bench: Bench, of: Any) -> None:
    bench.stored.archival.insert(NOTE)
    bench.open([say(MADE_UP)], model=SURE, note_facts=False)
    assert of(bench.say("What is The Glass Ferry?"), events.Speech)[0].text == QUOTE


@pytest.mark.parametrize(("probability", "surely"), [(0.75, True), (0.65, False)])
def test_a_note_that_is_less_sure_only_comes_closest(bench: Bench, of: Any, probability: float, surely: bool) -> None:
    """It was about something else, as a rule, where the model does not answer from it."""
    bench.stored.archival.insert(NOTE)
    bench.open([say(MADE_UP)], model=probed(ask=0.95, answer=probability), note_facts=False)
    assert of(bench.say(ASKED), events.Speech)[0].text == prompts.quoted(NOTE, surely=surely)


def test_of_two_notes_the_one_about_what_is_asked_is_quoted(bench: Bench, of: Any) -> None:
    about = "The book I'm reading is The Glass Ferry."
    others = (f"Book number {number}." for number in range(4))
    for note in (about, "In Porto a book fell on my foot.", *others):
        bench.stored.archival.insert(note)

    def yes(prompt: str) -> tuple[float, ...]:
        if prompts.ANSWER_PROBE not in prompt:
            return 0.95, 0.0, 0.0, 0.0
        note = prompt.rpartition("Note: ")[2]
        sure = 0.9 if "Porto" in note else 0.85 if "Ferry" in note else 0.1
        return sure, 1 - sure

    bench.open([say(MADE_UP)], model={"yes": yes}, note_facts=False, window=2048)
    happened = bench.say(ASKED)
    assert of(happened, events.PagedIn)[0].sources == ("archival:2", "archival:1"), "the surest first"
    assert of(happened, events.Speech)[0].text == prompts.quoted(about, surely=True)


def test_what_a_block_and_the_user_have_said_may_be_said(bench: Bench, of: Any) -> None:
    bench.stored.archival.insert(NOTE)
    bench.open([say("I see.")], prefetch=False, note_facts=False)
    list(bench.kernel.by_hand.edit_block("user", "Likes old novels."))
    bench.say("It was written in 1931 by Paul Linde.")
    novel = "The Glass Ferry, an old novel written in 1931 by Paul Linde."
    bench.open([say(novel)], model=SURE, note_facts=False)
    happened = bench.say(ASKED)
    assert of(happened, events.Speech)[0].text == novel
    assert not of(happened, events.Unsaid)


def test_a_note_is_quoted_again_though_its_page_only_points_to_it(bench: Bench, of: Any) -> None:
    bench.stored.archival.insert(NOTE)
    bench.open([say("It is famous."), say("All right."), say("By Ida.")], model=SURE, window=2048, note_facts=False)
    for _ in range(2):
        assert of(bench.say(ASKED), events.Speech)[0].text == QUOTE
    assert "(shown above)" in bench.view()


@pytest.mark.parametrize(
    ("asked", "sure"),
    [
        (ASKED, 0.75),
        ("Which book should I read next?", 0.95),
        ("Wer schrieb The Glass Ferry?", 0.95),
        ("Which book am I reading? Who wrote it?", 0.95),
        ("Who wrote The Glass Ferry?", 0.95),  # not of who asks, nor is it all in the note
    ],
)
def test_who_asks_for_more_is_told_more(bench: Bench, of: Any, asked: str, sure: float) -> None:
    bench.stored.archival.insert(NOTE)
    bench.open([say(MADE_UP)], model=probed(ask=sure, answer=0.9), note_facts=False)
    happened = bench.say(asked)
    assert of(happened, events.PagedIn)
    assert of(happened, events.Speech)[0].text == MADE_UP


@tool
def catalogue() -> str:
    """look up a book."""
    return "A novel of 1931."


def test_what_a_function_told_may_be_said(bench: Bench, of: Any) -> None:
    bench.stored.archival.insert(NOTE)
    bench.open([Call("catalogue", {}), say("A novel of 1931.")], tools=[catalogue], model=SURE, note_facts=False)
    assert of(bench.say(ASKED), events.Speech)[0].text == "A novel of 1931."


@pytest.mark.parametrize(
    ("said", "adds"),
    [
        ("I will remember that your boss hates phone calls.", ()),
        ("I have saved it in my notes, and will keep it there.", ()),
        ("I will remember that my boss hates phone calls.", ("my",)),
        ("Our neighbours have a key.", ("Our",)),
        ("I will remember that I have two kids.", ("that I",)),
        ("I'll remember I live in Lyon.", ("remember I",)),
        ("We have a dog.", ("We",)),
        ("Rest assured that I'll remember it, I'm glad that I could help.", ()),
        ("I have saved it to my core memory. My pleasure!", ()),
        ("I have noted: “My boss hates phone calls.”", ()),
    ],
)
def test_what_was_saved_is_not_said_in_the_voice_of_who_said_it(said: str, adds: tuple[str, ...]) -> None:
    assert Kept("").adds(said) == adds


SAVE = Call("core_memory_append", {"label": "user", "content": "My boss hates phone calls."})


@pytest.mark.parametrize(
    ("save", "said", "answer"),
    [
        (
            SAVE,
            "I will remember that your boss hates phone calls.",
            "I will remember that your boss hates phone calls.",
        ),
        (SAVE, "I will remember that my boss hates calls.", "I have noted: “My boss hates phone calls.”"),
        (SAVE, "Noted. My boss hates phone calls.", "Noted."),
        (
            Call("core_memory_append", {"label": "assistant", "content": "My name is Max."}),
            "My name is Max now.",
            "My name is Max now.",
        ),
        (
            Call("core_memory_append", {"label": "user", "content": "x " * 9999}),
            "My block is full.",
            "My block is full.",
        ),
    ],
)
def test_what_the_model_saved_is_said_to_the_user_and_not_for_them(
    bench: Bench, of: Any, save: Call, said: str, answer: str
) -> None:
    """Only if it was saved, and is the user's."""
    bench.open([save, say(said)], model=probed(keep=1.0), note_facts=False)
    happened = bench.say("My boss hates phone calls, please remember that.")
    assert [one.text for one in of(happened, events.Speech)] == [answer]
    assert bool(of(happened, events.Unsaid)) is (said != answer)
    assert of(happened, events.TurnFinished)[0].reason == "spoke"


def test_a_model_that_is_left_to_itself_says_what_it_likes(bench: Bench, of: Any) -> None:
    said = "Saved. My advice: try risotto."
    bench.open([SAVE, say(said)], prefetch=False, note_facts=False)
    assert [one.text for one in of(bench.say("My boss hates phone calls. Any ideas?"), events.Speech)] == [said]


def test_what_is_cancelled_within_a_sentence_is_cancelled(bench: Bench, of: Any) -> None:
    bench.stored.archival.insert(NOTE)
    bench.open([say(f"{KNOWN} And the Glass Ferry is a novel.")], model=SURE, note_facts=False)
    happened: list[events.Event] = []
    for event in bench.kernel.controller.turn(ASKED):
        happened.append(event)
        if isinstance(event, events.SpeechDelta):
            bench.kernel.controller.cancel()
    assert of(happened, events.TurnFinished)[0].reason == "cancelled"
    assert not of(happened, events.Unsaid)
    assert of(happened, events.Speech)[0].text == KNOWN
    assert of(happened, events.Speech)[0].cut
