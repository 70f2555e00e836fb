"""The kernel's small parts: growing speech, sentences, excerpts, summaries, evidence."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memos import summary
from memos.generation import Surprise
from memos.messages import Call, Kind, Message
from memos.pager import excerpt
from memos.probes import clauses, from_name, log_odds, sentences
from memos.remembering import middle_of
from memos.speech import SpeechReader


@given(st.text(), st.lists(st.integers(1, 7), min_size=1))
def test_speech_reads_any_text_in_any_pieces(text: str, sizes: list[int]) -> None:
    for spelled in (json.dumps(text), json.dumps(text, ensure_ascii=False)):
        call = '{"function": "send_message", "arguments": {"message": ' + spelled + "}}"
        reader, said, position = SpeechReader(), "", 0
        while position < len(call):
            size = sizes[position % len(sizes)]
            said += reader.feed(call[position : position + size])
            position += size
        assert said == text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def test_other_calls_are_not_speech() -> None:
    assert SpeechReader().feed(Call("conversation_search", {"query": '"message": "x"'}).text) == ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ('He said "no." Then left.', ['He said "no."', "Then left."]),
        ("我住在上海。你好吗？", ["我住在上海。", "你好吗？"]),
        ("line one\nline two", ["line one", "line two"]),
        ("“She said, ‘Go there.’” Ada went.", ["“She said, ‘Go there.’”", "Ada went."]),
        ("I met Mr. Huber. He left.", ["I met Mr. Huber.", "He left."]),
        ("Lenas Geburtstag ist am 3. Oktober. Es regnet.", ["Lenas Geburtstag ist am 3. Oktober.", "Es regnet."]),
        ("Wir wohnen im 4. Stock. Bald.", ["Wir wohnen im 4. Stock.", "Bald."]),
        ("Han kommer den 17. mai.", ["Han kommer den 17. mai."]),
        ("We live at number 14. Come by.", ["We live at number 14.", "Come by."]),
        ("We are 14.\nand tired", ["We are 14.", "and tired"]),
        ("Ask Dr.\nHuber", ["Ask Dr.", "Huber"]),
        ("ok", []),
    ],
)
def test_sentences(text: str, expected: list[str]) -> None:
    assert sentences(text) == [part for part in expected if len(part) > 3]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "I was born on 5 May and my boss is Mr. Huber.",
            ["I was born on 5 May.", "my boss is Mr. Huber."],
        ),
        ("Nice idea, but I'm allergic to walnuts!", ["Nice idea.", "I'm allergic to walnuts!"]),
        ("I cook; my son washes up, so we eat at six", ["I cook.", "my son washes up.", "we eat at six."]),
        ("I like bread and butter, and tea.", []),
        (", my dog is called Rex", ["my dog is called Rex."]),
        ("", []),
    ],
)
def test_clauses_say_each_a_thing_of_who_says_them(text: str, expected: list[str]) -> None:
    assert clauses(text) == expected


def test_a_sentence_may_begin_with_a_name_behind_an_initial() -> None:
    assert from_name("He fled to Z. Ada went to the attic.", {"ada"}) == "Ada went to the attic."
    for whole in ("I met Mr. Huber and Ada.", "My friend is Mrs. Ada.", "Ada went to Z. and slept."):
        assert from_name(whole, {"ada"}) == whole


def test_an_excerpt_is_the_part_that_the_question_is_about() -> None:
    text = "It rained. The bus was late. My boss, Henrike Vogt, laughed. Then we ate soup. It was good."
    assert excerpt(text, "Who is my boss?") == "… My boss, Henrike Vogt, laughed. Then we ate soup. …"
    assert excerpt("Short one.", "anything") == "Short one."


def test_a_summary_that_broke_off_ends_with_what_is_whole() -> None:
    assert summary.usable("They met in Bern in May. They ate and then", cut=True) == "They met in Bern in May."
    assert summary.usable("the bridges, the tea from China, the her", cut=True) == "The bridges, the tea from China."
    assert summary.usable("They met in Bern in May.", cut=True) == "They met in Bern in May.", "broke off after its end"
    assert summary.usable("too short", cut=False) == ""
    assert summary.usable("no end at all in this text", cut=True) == ""


def test_a_summary_must_have_the_names_and_numbers_of_every_message() -> None:
    def user(text: str) -> Message:
        return Message(1, Kind.USER, text, datetime(2026, 1, 1, tzinfo=UTC), 1)

    told = [user("I met Ottilie. She's from Bern."), user("We saw 12 herons, I think. Interesting!"), user("Hm.")]
    assert summary.key_words(told) == ["Ottilie", "12", "Bern"]
    assert "Bern" in summary.key_words(told) and "I" not in summary.key_words([user("Ask Iris; I'm sure I know.")])
    many = [user(f"We saw number {n} and Iris{n} there.") for n in range(1, 8)]
    assert summary.key_words(many)[:7] == [str(n) for n in range(1, 8)], "one of each message first"
    assert summary.key_words([user("It was horribly long and boring today.")]) == ["horribly"]


def test_a_summary_keeps_what_it_said_until_its_room_is_spent() -> None:
    def fits(text: str) -> bool:
        return len(text) <= 60

    first = summary.joined("", "They met in Bern.", "recall:1-9", fits)
    assert first == "They met in Bern. [recall:1-9]"
    second = summary.joined(first, "They ate plums.", "recall:1-12", fits)
    assert second == "They met in Bern. They ate plums. [recall:1-12]"
    third = summary.joined(second, "Then it rained, for days.", "recall:1-20", fits)
    former = "[recall:1-12] They met in Bern. They ate plums."  # as it was written once
    assert summary.joined(former, "It snowed.", "recall:1-15", lambda text: True).count("recall:") == 1
    assert third == "They ate plums. Then it rained, for days. [recall:1-20]"


def test_the_words_of_tokens_are_as_surprising_as_their_most_surprising_part() -> None:
    tokens = [
        (" My", 1.0),
        (" Pe", 6.0),
        ("uge", 0.5),
        ("ot", 0.1),
        (",", 2.0),
        (" don", 1.0),
        ("'t", 0.2),
        ("\n9", 3.0),
    ]
    text = [Surprise(piece.encode(), nats) for piece, nats in tokens]
    assert summary.words(text) == [("My", 1.0), ("Peugeot", 6.0), ("don't", 1.0)]
    split = "猫は".encode()
    text = [Surprise(split[:2], 5.0), Surprise(split[2:3], 1.0), Surprise(split[3:], 2.0)]
    assert summary.words(text) == [("猫", 5.0), ("は", 2.0)], "a character may be spelled by several tokens"


def test_a_question_that_everything_seems_to_answer_is_answered_by_what_stands_out() -> None:
    vague, sharp = [0.69, 0.75, 0.79, 0.72, 0.78, 0.8, 0.7], [0.1, 0.2, 0.7, 0.15, 0.1, 0.2, 0.1]
    assert log_odds(max(vague)) - middle_of(vague) < 0.6 < 1.4 < log_odds(max(sharp)) - middle_of(sharp)
    assert log_odds(0.6) - middle_of([0.6]) > 0.6 > log_odds(0.5) - middle_of([0.5]), "a note that is alone"
    assert log_odds(0.0) < log_odds(1.0), "finite"
