"""Reading apart: what lines say, and which of them say it."""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeVar

from memos import prompts
from memos.events import Event, Judged, Progress, Step
from memos.pager import bearing
from memos.reading import LONGEST, Reader
from memos.testing import ScriptedModel

Result = TypeVar("Result")
LINES = ["[recall:1] Ann: I took turquoise paint.", "[recall:2] Bea: My room needs paint as well."]
ASKED = "Which paint did Ann take for her room?"
EXAMPLE = (("[recall:9] Cid: My cat is grey.",), "Which colour has Cid's cat?", "Grey")


def run(work: Generator[Event, None, Result]) -> tuple[list[Event], Result]:
    happened: list[Event] = []
    while True:
        try:
            happened.append(next(work))
        except StopIteration as end:
            return happened, end.value


def reader(model: ScriptedModel) -> Reader:
    return Reader(model, prompts.EXCERPTOR, [EXAMPLE])


def test_lines_are_read_beside_what_is_resident() -> None:
    model = ScriptedModel(readings=["Turquoise  paint."])
    resident = model.tokenize("A conversation that goes on.")
    for _ in model.prepare(resident, lambda: False):
        pass
    model.adopt()
    happened, says = run(reader(model).read(ASKED, LINES, lambda: False))
    assert says == "Turquoise paint"
    assert [type(one) for one in happened] == [Progress, Step]
    assert model.resident() == resident
    ((prompt, _),) = model.prompts
    assert all(line in model.text(prompt) for line in (*LINES, ASKED))
    example = "My cat is grey.Question: Which colour has Cid's cat?</user><model>Grey</model><user>[recall:1]"
    assert example in model.text(prompt), "with lines of its own, as a talk that went before"
    assert prompt[: len(reader(model).prefix)] == reader(model).prefix


def test_whether_lines_tell_it_is_asked_beside_where_the_examples_are_kept() -> None:
    model = ScriptedModel(yes=0.8)
    happened, told = run(reader(model).told(ASKED, LINES, lambda: False))
    assert told == 0.8 and [one.probability for one in happened if isinstance(one, Judged)] == [0.8]
    kept = model.resident(1)
    assert kept[: len(reader(model).prefix)] == reader(model).prefix
    run(Reader(model, prompts.QUOTER).told(ASKED, LINES, lambda: False))
    assert model.resident(1) == kept, "without examples there is nothing to keep, and much to push out"
    many = ["word " * model.probe_room]
    run(reader(model).told(ASKED, many, lambda: False))
    assert model.resident(1) == kept, "what has no room there is asked on a fork"


def test_a_line_makes_the_question_likelier_that_it_answers() -> None:
    asked = ScriptedModel(surprise=lambda prompt: 0.5 if "Ann" in prompt.partition("</user>")[2] else 1.5)
    others = ASKED.replace("Ann", "Bea")
    words = len(ASKED.split())
    assert run(reader(asked).likelier(LINES[0], ASKED, others, lambda: False))[1] == words
    assert run(reader(asked).likelier(LINES[0], others, ASKED, lambda: False))[1] == -words
    assert run(reader(asked).likelier(LINES[0], ASKED, others, lambda: True))[1] == 0.0


def test_what_breaks_off_or_is_cancelled_says_nothing() -> None:
    assert run(reader(ScriptedModel(readings=["word " * (LONGEST + 1)])).read(ASKED, LINES, lambda: False))[1] == ""
    assert run(reader(ScriptedModel(readings=["Turquoise."])).read(ASKED, LINES, lambda: True))[1] == ""
    assert run(reader(ScriptedModel()).read(ASKED, LINES, lambda: False))[1] == ""


def test_lines_bear_a_reading_by_the_words_that_the_question_lacks() -> None:
    assert bearing(LINES[::-1], "Turquoise paint", ASKED) == [1]
    assert bearing(LINES, "Her room", ASKED) == [1], "where the question has all of them, these count"
    assert bearing(LINES, "By Tuesday", ASKED) == [], "a reading in other words"
