"""Talk, read apart: what messages say to a question, and of whom."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from memos.events import Event, Judged
from memos.messages import Kind, Message
from memos.naming import said_of
from memos.pager import Pager
from memos.reading import Reader
from memos.storage import Database
from memos.talk_reader import Heard, TalkReader, likeliest_other
from memos.testing import ScriptedModel

ASKED = "Which paint did Ann take for Ann's room?"
OF_BEA = "Which paint did Bea take for Bea's room?"
SAID = [("Ann", "My room needs paint."), ("Bea", "I took turquoise paint."), ("Bea", "It was a bargain!")]


def messages(said: Sequence[tuple[str, str]] = SAID) -> list[Message]:
    when = datetime(2022, 6, 24, tzinfo=UTC)
    return [Message(at, Kind.USER, text, when, 1, speaker=speaker) for at, (speaker, text) in enumerate(said, start=1)]


def drained(work: Generator[Event, None, Heard]) -> tuple[list[Event], Heard]:
    happened: list[Event] = []
    while True:
        try:
            happened.append(next(work))
        except StopIteration as end:
            return happened, end.value


def told(of_ann: float, of_bea: float) -> Callable[[str], float]:
    """A model that takes one question, of whatever lines, for told as surely as this."""
    return lambda prompt: of_bea if OF_BEA in prompt else of_ann


class Reads:
    """A reader of talk on the scripted model, which says the same each time."""

    def __init__(self, folder: Path, yes: Callable[[str], float], says: str = "Ann's is turquoise.") -> None:
        self.model = ScriptedModel(readings=[says], yes=yes)
        with Database.open(folder) as database, database.agent("a") as agent:
            pager = Pager(agent.recall, agent.archival, lambda text: len(text.split()))
            self._talk = TalkReader(pager, Reader(self.model))

    def read(
        self, named: Sequence[str] = ("Ann",), *, room: int = 200, stop: bool = False
    ) -> tuple[list[Event], Heard]:
        return drained(self._talk.read(ASKED, messages(), named, room, lambda: stop))


@pytest.mark.parametrize(
    ("of_ann", "of_bea", "another"),
    [
        (0.9, 0.85, ""),
        (0.8, 0.8, "Bea"),
        (0.5, 0.4, ""),  # how sure it is of either says little
        (0.95, 0.97, "Bea"),
    ],
)
def test_what_is_told_as_surely_of_another_is_told_of_another(
    tmp_path: Path, of_ann: float, of_bea: float, another: str
) -> None:
    happened, heard = Reads(tmp_path, told(of_ann, of_bea)).read()
    assert (heard.says, heard.another) == (f"{another or 'Ann'}'s is turquoise", another), "it is said of who told it"
    assert [message.id for message in heard.messages] == [2], "the one that says it"
    assert [one.question for one in happened if isinstance(one, Judged)] == [ASKED, OF_BEA] * 2


def test_all_lines_and_then_the_nearest_are_said_of_whom_they_tell(tmp_path: Path) -> None:
    """What the two say is added up: here all lines tell it of Bea, and the nearest of Ann, more surely or less."""
    for nearest, another in ((0.9, ""), (0.82, "Bea")):
        reads = Reads(tmp_path, partial(_yes, of_nearest=nearest))
        assert reads.read()[1].another == another


def _yes(prompt: str, *, of_nearest: float) -> float:
    if OF_BEA in prompt:
        return 0.81
    return 0.8 if "bargain" in prompt else of_nearest


@pytest.mark.parametrize("named", [(), ("Ann", "Bea")])
def test_where_not_one_is_named_nobody_is_asked_about(tmp_path: Path, named: Sequence[str]) -> None:
    happened, heard = Reads(tmp_path, told(0.5, 0.9)).read(named)
    assert heard.says == "Ann's is turquoise" and not heard.another
    assert not [one for one in happened if isinstance(one, Judged)]


def test_only_what_fits_is_read(tmp_path: Path) -> None:
    reads = Reads(tmp_path, told(0.9, 0.5))
    _, heard = reads.read(room=10)
    assert [message.id for message in heard.messages] == [1]
    assert "turquoise" not in reads.model.text(reads.model.prompts[0][0])


def test_where_talk_says_nothing_all_of_it_is_heard(tmp_path: Path) -> None:
    _, heard = Reads(tmp_path, told(0.5, 0.5), says="").read()
    assert heard == Heard("", tuple(messages()))


def test_what_is_cancelled_hears_nothing(tmp_path: Path) -> None:
    assert Reads(tmp_path, told(0.5, 0.5)).read(stop=True)[1] == Heard("", ())


def test_the_other_is_who_says_most_of_what_was_found() -> None:
    assert likeliest_other(messages([*SAID, ("Cid", "Paint!")]), ["Ann"]) == "Bea"
    assert likeliest_other(messages([("Ann", "Paint."), ("", "Paint.")]), ["Ann"]) == ""
    assert likeliest_other(messages(), ["Ann", "Bea"]) == ""


@pytest.mark.parametrize(
    ("question", "name", "asked"),
    [
        ("What is Ann's cat called?", "Ann", "What is Bea Low's cat called?"),
        ("what did ann say to Joanna?", "Ann Lee", "what did Bea Low say to Joanna?"),
        ("What did Ann Lee say?", "Ann Lee", "What did Bea Low say?"),
        ("Who is Dr. Lee?", "Ann Lee", "Who is Dr. Bea Low?"),
        ("What is it?", "Ann", "What is it?"),
    ],
)
def test_a_question_is_asked_about_another(question: str, name: str, asked: str) -> None:
    assert said_of("Bea Low", question, name) == asked
