"""Reading apart: what lines say, and which of them say it."""

from __future__ import annotations

from collections.abc import Generator

from memos.events import Event, Progress, Step
from memos.pager import bearing
from memos.reading import LONGEST, Reader
from memos.testing import ScriptedModel

LINES = ["[recall:1] Ann: I took turquoise paint.", "[recall:2] Bea: My room needs paint as well."]
ASKED = "Which paint did Ann take for her room?"


def run(work: Generator[Event, None, str]) -> tuple[list[Event], str]:
    happened: list[Event] = []
    while True:
        try:
            happened.append(next(work))
        except StopIteration as end:
            return happened, end.value


def test_lines_are_read_beside_what_is_resident() -> None:
    model = ScriptedModel(readings=["Turquoise  paint."])
    resident = model.tokenize("A conversation that goes on.")
    for _ in model.prepare(resident, lambda: False):
        pass
    model.adopt()
    happened, says = run(Reader(model).read(ASKED, LINES, lambda: False))
    assert says == "Turquoise paint"
    assert [type(one) for one in happened] == [Progress, Step]
    assert model.resident() == resident
    ((prompt, _),) = model.prompts
    assert all(line in model.text(prompt) for line in (*LINES, ASKED))


def test_what_breaks_off_or_is_cancelled_says_nothing() -> None:
    assert run(Reader(ScriptedModel(readings=["word " * (LONGEST + 1)])).read(ASKED, LINES, lambda: False))[1] == ""
    assert run(Reader(ScriptedModel(readings=["Turquoise."])).read(ASKED, LINES, lambda: True))[1] == ""
    assert run(Reader(ScriptedModel()).read(ASKED, LINES, lambda: False))[1] == ""


def test_lines_bear_a_reading_by_the_words_that_the_question_lacks() -> None:
    assert bearing(LINES[::-1], "Turquoise paint", ASKED) == [1]
    assert bearing(LINES, "Her room", ASKED) == [1], "where the question has all of them, these count"
    assert bearing(LINES, "By Tuesday", ASKED) == [], "a reading in other words"
