"""What the user wants corrected or forgotten: which note it is, and what is noted then."""

from __future__ import annotations

from typing import Any

import pytest

from memos import events, prompts
from memos.amending import said_anew, written_anew
from memos.messages import Call, Kind
from memos.naming import asked_after, shared_words
from memos.testing import say
from tests.kernel.conftest import Bench, probed, replies

TELLS = probed(fact=1.0)
CHANGES = probed(keep=1.0, change=0.9, fact=1.0)
REPLACES = Call("core_memory_replace", {"label": "user", "old_content": "I have a dog.", "new_content": "No dog."})


def told(bench: Bench, *facts: str) -> None:
    """Facts that the user has told, each noted and in view."""
    bench.open(model=TELLS)
    for fact in facts:
        bench.say(fact)


def forgets(*about: str, fact: float = 0.0) -> dict[str, Any]:
    """A model that is asked to forget, and knows which notes are about it by these words, surest by the first."""

    def yes(prompt: str) -> tuple[float, ...]:
        note = prompt.rpartition("Note: ")[2]
        answer = next((0.9 - 0.2 * place for place, word in enumerate(about) if word in note), 0.1)
        return replies(prompt, ask=0.0, keep=1.0, answer=answer, fact=fact, told=0.9, change=0.0, forget=0.9)

    return {"yes": yes}


def notes(bench: Bench) -> list[str]:
    """What is noted, the newest first."""
    return [note.text for note in bench.stored.archival.search("", limit=20).items]


def test_a_correction_replaces_the_note_and_the_line_that_it_is_about(bench: Bench, of: Any) -> None:
    told(bench, "I live in Graz with my cat.", "I work in Graz as a nurse.", "I like lentils.")
    bench.open(model={**CHANGES, "readings": ["I live in Linz with my cat"]})
    happened = bench.say("No, I live in Linz, not Graz. Please correct that.")
    assert notes(bench) == ["I live in Linz with my cat.", "I like lentils.", "I work in Graz as a nurse."]
    assert bench.kernel.working["user"].text == (
        "I live in Linz with my cat.\nI work in Graz as a nurse.\nI like lentils."
    )
    assert of(happened, events.Speech)[0].text == prompts.corrected("I live in Linz with my cat.")
    (changed,) = [one for one in of(happened, events.Probed) if one.question == "change"]
    assert changed.led_to == "archival:4 and block user"
    assert not of(happened, events.CallStarted)


def test_what_is_forgotten_is_found_no_more_and_the_rest_of_it_is(bench: Bench, of: Any) -> None:
    told(bench, "I live in Graz with my cat.", "I like lentils.")
    bench.open(model={**forgets("cat"), "readings": ["I live in Graz", "nothing"]})
    happened = bench.say("Please forget my cat.")
    assert notes(bench) == ["I live in Graz.", "I like lentils."]
    assert of(happened, events.Speech)[0].text == prompts.FORGOTTEN
    bench.say("Forget that I like lentils.")
    assert notes(bench) == ["I live in Graz."]
    assert bench.kernel.working["user"].text == "I live in Graz."


def test_what_was_forgotten_is_not_told_from_the_message_that_told_it(bench: Bench, of: Any) -> None:
    told(bench, "My cat is called Misha.")
    bench.open(model={**forgets("cat"), "readings": ["nothing"]})
    bench.say("Forget how my cat is called.")
    list(bench.kernel.queue.evict("asked"))
    bench.open(model=probed(ask=0.8, answer=0.9))
    bench.say("How is my cat called?")
    assert "Misha" not in bench.view().partition("How is my cat called?")[2]
    told(bench, "My cat is called Misha.")  # once more
    list(bench.kernel.queue.evict("asked"))
    bench.open(model=probed(ask=0.8, answer=0.9))
    bench.say("How is my cat called?")
    assert "Misha" in bench.view().rpartition("How is my cat called?")[0]


def test_of_several_notes_that_a_request_may_mean_those_stay_that_the_model_leaves_as_they_are(bench: Bench) -> None:
    facts = ("My locker number is 17.", "My landlord is Huber, call 0699.", "My shoe number is 43.")
    told(bench, *facts)
    bench.open(model={**forgets("n"), "readings": ["My landlord is Huber", facts[2], facts[0]]})
    bench.say("Please forget my landlord's number.")
    assert sorted(notes(bench)) == ["My landlord is Huber.", "My locker number is 17.", "My shoe number is 43."]


def test_where_the_model_leaves_all_as_it_is_the_likeliest_is_forgotten_alone(bench: Bench) -> None:
    facts = ("My locker number is 17.", "My shoe number is 43.")
    told(bench, *facts)
    bench.open(model={**forgets("number"), "readings": [facts[1], facts[0]]})
    bench.say("Please forget my number.")
    assert len(notes(bench)) == 1


def test_a_note_is_found_among_many_documents(bench: Bench) -> None:
    told(bench, "My landlord is Huber.")
    passages = [(f"The landlord of contract {number} is a landlord.", "") for number in range(20)]
    bench.stored.archival.store_document("/contracts.md", "hash", passages)
    bench.open(model={**forgets("landlord"), "readings": ["nothing"]})
    bench.say("Please forget my landlord.")
    assert "My landlord is Huber." not in notes(bench)


def test_what_has_an_identifier_is_forgotten_too(bench: Bench, of: Any) -> None:
    told(bench, "My customer number is 77331102.")
    bench.open(model={**forgets("customer"), "readings": ["nothing"]})
    happened = bench.say("Please forget my customer number 77331102.")
    assert notes(bench) == [] and of(happened, events.Speech)[0].text == prompts.FORGOTTEN


def test_what_was_forgotten_is_not_noted_from_the_request(bench: Bench) -> None:
    bench.open()
    bench.kernel.working.append("user", "I am allergic to nuts.", by="assistant")
    bench.open(model={**forgets(fact=1.0), "readings": ["nothing"]})
    bench.say("Please forget that I am allergic to nuts.")
    assert notes(bench) == [] and bench.kernel.working["user"].text == ""
    bench.say("Please forget that I have a bicycle.")  # nothing is noted of it
    assert notes(bench) == []


def test_what_else_a_correcting_message_tells_is_noted(bench: Bench) -> None:
    told(bench, "I live in Graz.")
    bench.open(model={**CHANGES, "readings": ["I live in Linz"]})
    bench.say("My son Leo starts school on Monday. I live in Linz, not Graz. Please correct that.")
    assert sorted(notes(bench)) == ["I live in Linz.", "My son Leo starts school on Monday."]


def test_what_else_a_correcting_message_asks_is_answered(bench: Bench, of: Any) -> None:
    told(bench, "I live in Graz.", "I drink lapsang after dinner.")

    def yes(prompt: str) -> tuple[float, ...]:
        asks, keeps = "Which tea" in prompt, "not Graz" in prompt
        return replies(prompt, ask=0.8 * asks, keep=keeps, answer=0.9, fact=0, told=0.9, change=0.9, forget=0)

    bench.open(model={"yes": yes, "readings": ["I live in Linz"]})
    happened = bench.say("Which tea do I drink after dinner? And I live in Linz, not Graz, please correct that.")
    assert of(happened, events.Speech)[0].text.startswith(prompts.corrected("I live in Linz."))
    assert "I drink lapsang after dinner." in bench.view().partition("And I live in Linz")[2]


@pytest.mark.parametrize("asked", ["Which tea do I drink after dinner?", "What is the capital of Austria?"])
def test_a_request_is_done_though_a_question_follows_it(bench: Bench, of: Any, asked: str) -> None:
    told(bench, "I live in Graz.", "I drink lapsang after dinner.")

    def yes(prompt: str) -> tuple[float, ...]:
        asks, keeps = "Which tea" in prompt, "not Graz" in prompt
        return replies(prompt, ask=0.8 * asks, keep=keeps, answer=0.9, fact=1.0, told=0.9, change=0.9, forget=0)

    bench.open(model={"yes": yes, "readings": ["I live in Linz"]})
    happened = bench.say(f"I live in Linz, not Graz, please correct that.\n\n{asked}")
    assert of(happened, events.Speech)[0].text.startswith(prompts.corrected("I live in Linz."))
    assert sorted(notes(bench)) == ["I drink lapsang after dinner.", "I live in Linz."]
    (turn,) = of(happened, events.TurnFinished)
    assert turn.text != prompts.corrected("I live in Linz.")  # what it asks is answered behind it


def test_what_a_message_wants_kept_is_noted_and_what_else_it_asks_is_answered(bench: Bench, of: Any) -> None:
    asked = "What is the capital of Austria?"

    def yes(prompt: str) -> tuple[float, ...]:
        keeps = "Note that, please" in prompt
        return replies(prompt, ask=0.0, keep=keeps, answer=0.1, fact=0.1, told=0.1, change=0.1, forget=0.1)

    bench.open([say("Vienna.")], model={"yes": yes})
    happened = bench.say(f"My locker is number 17. Note that, please. {asked}")
    assert notes(bench) == ["My locker is number 17. Note that, please."]  # no part of it seems a fact
    assert of(happened, events.Speech)[0].text == f"{prompts.NOTED} Vienna."
    assert not of(happened, events.CallStarted)
    assert prompts.reply(asked) in bench.view()


def test_of_what_a_message_wants_kept_the_facts_are_noted_once(bench: Bench, of: Any) -> None:
    def yes(prompt: str) -> tuple[float, ...]:
        keeps = "Note that it is red" in prompt
        return replies(prompt, ask=0.0, keep=keeps, answer=0.1, fact=0.9, told=0.1, change=0.1, forget=0.1)

    bench.open(model={"yes": yes})
    happened = bench.say("my locker is number 17\nNote that it is red\nwhat is the capital of Austria")
    assert of(happened, events.Speech)[0].text.startswith(prompts.NOTED)
    assert sorted(notes(bench)) == ["Note that it is red", "my locker is number 17"]
    assert bench.kernel.working["user"].text == "my locker is number 17\nNote that it is red"


@pytest.mark.parametrize(
    ("said", "noted"),
    [
        ("I like tea. Could you remember my locker, 17? {}", ["Could you remember my locker, 17?", "I like tea."]),
        ("I like tea. Could you remember that? {}", ["I like tea."]),
        ("Could you remember my locker? It is number 17. {}", ["Could you remember my locker?", "It is number 17."]),
    ],
)
def test_what_asks_to_be_kept_is_noted_beside_facts_if_it_says_something(
    bench: Bench, said: str, noted: list[str]
) -> None:
    def yes(prompt: str) -> tuple[float, ...]:
        keeps = "Could you remember" in prompt
        return replies(prompt, ask=0.0, keep=keeps, answer=0.1, fact=0.9, told=0.1, change=0.1, forget=0.1)

    bench.open(model={"yes": yes})
    bench.say(said.format("What is the capital of Austria?"))
    assert sorted(notes(bench)) == noted


def test_a_correction_has_what_is_said_behind_a_request_that_asks(bench: Bench, of: Any) -> None:
    told(bench, "I live in Graz.")

    def yes(prompt: str) -> tuple[float, ...]:
        keeps = "Could you correct" in prompt
        return replies(prompt, ask=0.0, keep=keeps, answer=0.1, fact=0.9, told=0.1, change=0.9, forget=0.0)

    bench.open(model={"yes": yes, "readings": ["I live in Linz"]})
    happened = bench.say("Could you correct where I live? I live in Linz now. My son is called Leo.")
    assert of(happened, events.Speech)[0].text == prompts.corrected("I live in Linz.")
    assert sorted(notes(bench)) == ["I live in Linz.", "My son is called Leo."]


def test_that_nothing_is_mentioned_is_said_once(bench: Bench, of: Any) -> None:
    def yes(prompt: str) -> tuple[float, ...]:
        asks, keeps = "Where does" in prompt, "shoe size" in prompt
        return replies(prompt, ask=0.95 * asks, keep=keeps, answer=0.1, fact=0.0, told=0.1, change=0.0, forget=0.9)

    bench.open(model={"yes": yes})
    happened = bench.say("Please forget my shoe size. Where does my uncle live?")
    assert of(happened, events.Speech)[0].text == prompts.UNMENTIONED


def test_what_tells_it_is_forgotten_though_it_says_it_in_other_words(bench: Bench) -> None:
    told(bench, "I work as a nurse.", "I drive a blue Skoda.")
    bench.open(model={**forgets("nurse", "Skoda"), "readings": ["nothing"]})
    bench.say("You can forget my job.")
    assert notes(bench) == ["I drive a blue Skoda."]


def test_what_has_words_of_it_and_tells_something_else_stays(bench: Bench, of: Any) -> None:
    told(bench, "My landlord's number is 0699.")
    bench.open(model={**forgets("passport"), "readings": ["nothing"]})
    happened = bench.say("Please forget my passport number.")
    assert notes(bench) == ["My landlord's number is 0699."]
    assert of(happened, events.Speech)[0].text == prompts.UNMENTIONED


@pytest.mark.parametrize(
    ("request_", "asked"),
    [
        ("You can forget my job.", "What is my job?"),
        ("Forget where I live, please.", "where I live?"),
        ("Please delete what you know about my allergy.", "What is my allergy?"),
        ("Remove my dentist appointment from your memory, please.", "What is my dentist appointment?"),
        ("My boss is nice. Forget her number. Thank you!", "What is her number?"),
        ("You need not remember my shoe size any more.", "What is my shoe size?"),
        ("Forget that my boss drives a Skoda.", ""),
        ("I no longer like lentils. Please remove that.", ""),
        ("Vergiss bitte meinen Beruf.", ""),
    ],
)
def test_what_a_request_names_as_a_question(request_: str, asked: str) -> None:
    assert asked_after(request_) == asked


def test_nothing_is_forgotten_that_a_request_does_not_name(bench: Bench, of: Any) -> None:
    told(bench, "I live in Graz.", "I like lentils.")
    bench.open(model={**forgets("bicycle"), "readings": ["nothing"]})
    happened = bench.say("Forget my bicycle.")
    assert len(notes(bench)) == 2
    assert of(happened, events.Speech)[0].text == prompts.UNMENTIONED


def test_a_correction_of_what_is_not_noted_is_kept_as_any_other(bench: Bench, of: Any) -> None:
    told(bench, "I have a dog.")
    bench.open([REPLACES], model=CHANGES)
    happened = bench.say("My bicycle is red, not blue; please correct that.")
    assert notes(bench) == ["My bicycle is red, not blue; please correct that.", "I have a dog."]
    assert not of(happened, events.CallStarted)  # another line is not to be replaced by the model


def test_taking_the_request_back_brings_back_what_it_changed(bench: Bench) -> None:
    told(bench, "I live in Graz.", "I like lentils.")
    bench.open(model={**CHANGES, "readings": ["I live in Linz"]})
    bench.say("I live in Linz, not Graz. Please correct that.")
    request = [one for one in bench.stored.recall.since(0) if one.kind is Kind.USER][-1]
    bench.stored.history.rewind(request.id)
    assert notes(bench) == ["I like lentils.", "I live in Graz."]
    bench.open()
    assert bench.kernel.working["user"].text == "I live in Graz.\nI like lentils."


def test_a_copy_of_an_agent_has_what_was_put_away_put_away(bench: Bench) -> None:
    told(bench, "I live in Graz.")
    bench.open(model={**forgets("live"), "readings": ["nothing"]})
    bench.say("Forget where I live.")
    bench.stored.close()
    bench.database.fork_agent("ada", "eve")
    with bench.database.agent("eve") as copy:
        assert not copy.archival.search("", limit=5).items
        assert copy.archival.superseded() == {"I live in Graz."}
        request = [one for one in copy.recall.since(0) if one.kind is Kind.USER][-1]
        copy.history.rewind(request.id)
        assert [note.text for note in copy.archival.search("", limit=5).items] == ["I live in Graz."]


@pytest.mark.parametrize(
    ("text", "request_", "says", "forgets", "new"),
    [
        ("I live in Graz.", "I live in Linz, not Graz.", "I live in Linz", False, "I live in Linz."),
        ("I have two cats.", "I have three cats.", "I have two cats", False, None),  # as before
        ("I sold it.", "I did not sell it.", "nothing", False, None),
        ("I live in Graz.", "I live in Linz, not Graz.", "I live in Vienna", False, None),  # made up
        ("I live in Graz.", "I live in Linz, not Graz.", "", False, None),
        ("I have a cat and a dog.", "Forget my dog.", "I have a cat", True, "I have a cat."),
        ("I have a cat and a dog.", "Forget my dog.", "Nothing.", True, ""),
        ("I have a cat and a dog.", "Forget my dog.", "I have a cat and a dog", True, None),
        ("I have a cat and a dog.", "Forget my dog.", "I have a parrot", True, None),
        ("I have a cat and a dog.", "Forget my dog.", "", True, None),
    ],
)
def test_what_the_model_writes_is_had_only_where_it_can_be(
    text: str, request_: str, says: str, forgets: bool, new: str | None
) -> None:
    assert written_anew(text, request_, says, forgets=forgets) == new


@pytest.mark.parametrize(
    ("text", "request_", "shared"),
    [
        ("I'm allergic to nuts.", "Please delete what you know about my allergy.", 1),
        ("I have two cats.", "Forget my cat.", 1),
        ("I live in Graz and my sister in Linz.", "Forget where I live.", 1),
        ("I like what you said.", "Can you forget my car?", 0),
        ("My boss told me about his trip.", "Forget what I told you about the car.", 0),
        ("My carpet is red.", "Forget my car.", 0),
    ],
)
def test_words_that_a_request_shares_with_a_note(text: str, request_: str, shared: int) -> None:
    assert shared_words(text, request_) == shared


def test_the_line_is_replaced_that_is_meant_and_not_one_that_begins_with_it(bench: Bench) -> None:
    for line in ("Has a dog called Rex", "Has a dog"):
        bench.kernel.working.append("user", line, by="assistant")
    bench.kernel.working.replace("user", "Has a dog", "Has no dog", by="kernel")
    assert bench.kernel.working["user"].text == "Has a dog called Rex\nHas no dog"


@pytest.mark.parametrize(
    ("said", "noted", "shown"),
    [
        ("My sister Lena lives in Linz. What should I cook for her?", [], "My sister Lena lives in Linz."),
        ("I live in Graz. My sister Lena lives in Linz.", ["I live in Graz."], "My sister Lena lives in Linz."),
        ("My sister Lena lives in Linz.", ["sister Lena", ""], "My sister Lena lives in Linz."),
        ("My sister Lena lives in Linz.", ["My sister Lena lives in Linz."], None),
        ("Where does Lena live?", [], None),
    ],
)
def test_a_message_may_tell_what_its_other_sentences_say(
    bench: Bench, said: str, noted: list[str], shown: str | None
) -> None:
    for text in noted:
        bench.stored.archival.insert(text)
    message = bench.stored.recall.append(Kind.USER, said, turn=1)
    found = bench.kernel.remembering._pager.candidates("Where does my sister live?", [message])
    assert [one.text for one in found if one.message_id] == ([shown] if shown else [])


LANDLORD = "my landlord is Mr. Huber, his number is 0664."
HUBER = f"I'm Petra, I work as a nurse, and {LANDLORD}"


@pytest.mark.parametrize(
    ("text", "changes", "left"),
    [
        (
            HUBER,
            {"my landlord is Mr. Huber, his number is 0664.": "My landlord is Mr. Huber."},
            "and my landlord is Mr. H",
        ),
        (HUBER, {"I work as a nurse": "I work as a midwife."}, "I work as a midwife, and my landlord is Mr. Huber"),
        (HUBER, {"I work as a nurse": ""}, "I'm Petra, and my landlord"),
        (HUBER, {"I'm Petra": "", "I work as a nurse": ""}, "My landlord is Mr. Huber"),
        (HUBER, {"I'm Petra": ""}, "I work as a nurse, and my landlord"),
        ("My shift ends at 7 and I hate it.", {"I hate it.": ""}, "My shift ends at 7."),
        ("Hi, I live in Graz.", {"I live in Graz.": ""}, ""),
        ("I live in Graz.", {"I live in Graz.": "I live in Linz."}, "I live in Linz."),
    ],
)
def test_clauses_of_a_note_are_said_anew_or_left_out(text: str, changes: dict[str, str], left: str) -> None:
    said = said_anew(text, changes)
    assert left in said and bool(left) == bool(said)


def test_what_a_request_does_not_speak_of_stays_word_for_word(bench: Bench) -> None:
    told(bench, HUBER)
    bench.open(model={**CHANGES, "readings": ["My landlord is Mr. Huber, his number is 0676"]})
    bench.say("My landlord's number has changed, it is 0676; please update that.")
    assert notes(bench) == [HUBER.replace("0664", "0676")]
    bench.open(model={**forgets("nurse"), "readings": ["nothing"]})
    bench.say("You can forget my job.")
    assert notes(bench) == [HUBER.replace("0664", "0676").replace(" I work as a nurse,", "")]


def test_a_pin_quotes_what_was_said_whatever_is_corrected(bench: Bench) -> None:
    told(bench, "I live in Oslo.")
    (message,) = bench.stored.recall.page(limit=1, kinds=(Kind.USER,))
    list(bench.kernel.by_hand.pin(f"recall:{message.id}"))
    bench.open(model={**CHANGES, "readings": ["I live in Bergen"] * 2})
    bench.say("I live in Bergen now, please correct that.")
    assert notes(bench) == ["I live in Bergen."], "one note, for the one that it stands for"
    assert bench.kernel.by_hand.pins == (f"recall:{message.id}",)
    assert bench.kernel.working["pinned"].text.endswith("I live in Oslo.")


def test_a_pin_of_what_is_forgotten_goes_as_a_whole(bench: Bench) -> None:
    told(bench, "I live in Oslo with my cat.")
    (message,) = bench.stored.recall.page(limit=1, kinds=(Kind.USER,))
    list(bench.kernel.by_hand.pin(f"recall:{message.id}"))
    bench.open(model={**forgets("cat"), "readings": ["I live in Oslo"] * 3})
    bench.say("Please forget my cat.")
    assert notes(bench) == ["I live in Oslo."] and bench.kernel.by_hand.pins == ()


@pytest.mark.parametrize("noted", [", my name is Anna.", "; I like tea.", " and I like tea"])
def test_a_text_that_begins_with_a_separator_is_no_clause_of_nothing(noted: str) -> None:
    assert said_anew(noted, {noted.strip(" ,;."): "My name is Eva"})
    assert said_anew(noted, {}) != ""


def test_a_note_that_names_an_id_is_no_pin(bench: Bench) -> None:
    bench.stored.archival.insert("The gate code in recall:12 is 4711.")
    bench.open(model={**CHANGES, "readings": ["The gate code in recall:12 is 4712"]})
    bench.say("No, the gate code is 4712, please correct that.")
    assert notes(bench) == ["The gate code in recall:12 is 4712."]
