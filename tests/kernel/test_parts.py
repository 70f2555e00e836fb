"""The kernel's small parts: growing speech, sentences, pages, excerpts."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memos.messages import Call
from memos.pager import excerpt
from memos.probes import sentences
from memos.queue_manager import whole_sentences
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
        assert said == reader.said == text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def test_other_calls_are_not_speech() -> None:
    assert SpeechReader().feed(Call("conversation_search", {"query": '"message": "x"'}).text) == ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ('He said "no." Then left.', ['He said "no.', "Then left."]),
        ("我住在上海。你好吗？", ["我住在上海。", "你好吗？"]),
        ("line one\nline two", ["line one", "line two"]),
        ("ok", []),
    ],
)
def test_sentences(text: str, expected: list[str]) -> None:
    assert sentences(text) == [part for part in expected if len(part) > 3]


def test_an_excerpt_is_the_part_that_the_question_is_about() -> None:
    text = "It rained. The bus was late. My boss, Henrike Vogt, laughed. Then we ate soup. It was good."
    assert excerpt(text, "Who is my boss?") == "… My boss, Henrike Vogt, laughed. Then we ate soup. …"
    assert excerpt("Short one.", "anything") == "Short one."


def test_a_summary_that_broke_off_ends_with_its_last_whole_sentence() -> None:
    assert whole_sentences("They met in Bern in May. They ate and then", cut=True) == "They met in Bern in May."
    assert whole_sentences("too short", cut=False) == ""
    assert whole_sentences("no end at all in this text", cut=True) == ""
