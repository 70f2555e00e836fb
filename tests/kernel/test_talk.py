"""Talk, read apart: what messages say to a question, how surely, and of whom."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from memos import prompts
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


class Reads:
    """A reader of talk on the scripted model.

    Args:
        told: how surely messages tell it, by the model; or a function of what it reads.
        of_bea: nats by which a word of the question is likelier of Bea than of Ann.
        says: what it reads in the likeliest messages, then in the next ones.
    """

    def __init__(
        self,
        folder: Path,
        told: float | Callable[[str], float],
        of_bea: float = 0.0,
        says: str | Sequence[str] = "Ann's is turquoise.",
    ) -> None:
        self.model = ScriptedModel(
            readings=[says] if isinstance(says, str) else says,
            yes=told,
            surprise=lambda prompt: 9.0 - (of_bea if OF_BEA in prompt else 0.0),
        )
        with Database.open(folder) as database, database.agent("a") as agent:
            pager = Pager(agent.recall, agent.archival, lambda text: len(text.split()))
            self._talk = TalkReader(pager, Reader(self.model, prompts.EXCERPTOR))

    def read(
        self,
        named: Sequence[str] = ("Ann",),
        said: Sequence[tuple[str, str]] = SAID,
        *,
        room: int = 200,
        stop: bool = False,
        asked: str = ASKED,
    ) -> tuple[list[Event], Heard]:
        return drained(self._talk.read(asked, messages(said), named, room, lambda: stop))


@pytest.mark.parametrize(
    ("told", "of_bea", "surely"),
    [
        (0.9, 0.0, True),
        (0.9, 1.0, True),  # sure enough, whomever the question fits better
        (0.75, 0.0, False),  # the question fits both
        (0.75, -1.0, True),  # it fits Ann better
        (0.6, -1.0, False),  # but that alone is not enough
        (0.85, 1.0, False),  # it fits Bea better
    ],
)
def test_what_is_told_and_whom_it_is_told_of_are_weighed_together(
    tmp_path: Path, told: float, of_bea: float, surely: bool
) -> None:
    happened, heard = Reads(tmp_path, told, of_bea).read()
    another = "" if surely else "Bea"
    assert (heard.surely, heard.another) == (surely, another)
    assert heard.says == f"{another or 'Ann'}'s is turquoise", "it is said of who told it"
    assert [message.id for message in heard.messages] == [2], "the one that says it"
    (judged,) = [one for one in happened if isinstance(one, Judged)]
    assert judged.question == ASKED and judged.sources == ("recall:1", "recall:2", "recall:3")


def test_only_who_says_it_is_said_to_tell_it(tmp_path: Path) -> None:
    said = [("Bea", "My room needs paint."), ("Ann", "I took turquoise paint."), ("Bea", "It was a bargain!")]
    heard = Reads(tmp_path, 0.6).read(said=said)[1]
    assert not heard.surely and not heard.another and heard.says == "Ann's is turquoise"


def test_the_likeliest_stands_next_to_the_question(tmp_path: Path) -> None:
    reads = Reads(tmp_path, 0.9)
    reads.read()
    text = reads.model.text(reads.model.prompts[0][0])
    assert text.index("bargain") < text.index("turquoise") < text.index("My room needs") < text.index(ASKED)


@pytest.mark.parametrize("named", [(), ("Ann", "Bea")])
def test_where_not_one_is_named_it_is_enough_that_it_is_told(tmp_path: Path, named: Sequence[str]) -> None:
    for told, surely in ((0.72, True), (0.65, False)):
        heard = Reads(tmp_path / f"{told}", told, of_bea=9.0).read(named)[1]
        assert heard.says == "Ann's is turquoise" and heard.surely is surely and not heard.another


def test_only_what_fits_is_read(tmp_path: Path) -> None:
    reads = Reads(tmp_path, 0.9)
    _, heard = reads.read(room=10)
    assert [message.id for message in heard.messages] == [1]
    assert "turquoise" not in reads.model.text(reads.model.prompts[0][0])


NEXT = [("Ann", "My room needs paint, a cheap one."), ("Ann", "The turquoise paint was cheap.")]


@pytest.mark.parametrize(
    ("first", "then", "says", "surely"),
    [
        (0.5, 0.9, "Turquoise", True),
        (0.5, 0.68, "Turquoise", False),  # surer, if not sure
        (0.5, 0.55, "Cheap", False),  # not surer by enough, for what search finds less likely
        (0.9, 0.99, "Cheap", True),  # sure: the next are not read
    ],
)
def test_what_the_likeliest_do_not_surely_tell_the_next_may(
    tmp_path: Path, first: float, then: float, says: str, surely: bool
) -> None:
    reads = Reads(tmp_path, lambda prompt: then if "turquoise" in prompt else first, says=["Cheap.", "Turquoise."])
    happened, heard = reads.read(said=NEXT, room=14)
    assert (heard.says, heard.surely) == (says, surely)
    assert [message.id for message in heard.messages] == ([2] if says == "Turquoise" else [1])
    judged = [one.sources for one in happened if isinstance(one, Judged)]
    assert judged == [("recall:1",), ("recall:2",)][: 1 if first == 0.9 else 2]


@pytest.mark.parametrize(
    ("says", "heard"),
    [
        ("Last Friday.", "Friday, 17 June 2022"),
        ("Last Friday, 17 June 2022.", "Friday, 17 June 2022"),
        ("She took it last Friday.", "She took it last Friday (17 June 2022)"),
        ("A bargain.", "A bargain"),
    ],
)
def test_an_answer_says_which_day_its_last_friday_was(tmp_path: Path, says: str, heard: str) -> None:
    said = [("Ann", "I took the paint last Friday."), ("Ann", "It was a bargain!")]
    assert Reads(tmp_path, 0.9, says=says).read(said=said)[1].says == heard


def test_how_long_it_is_is_not_told_as_a_date(tmp_path: Path) -> None:
    said = [("Ann", "I painted the room two years ago.")]
    says = Reads(tmp_path, 0.9, says="Two years ago.").read(said=said, asked="How long ago did Ann paint it?")[1].says
    assert says == "Two years ago (2020)"


def test_its_yesterday_is_the_day_before_that_of_who_said_it(tmp_path: Path, zone: Callable[[str], None]) -> None:
    zone("America/Los_Angeles")  # at midnight in UTC it is still the day before
    assert Reads(tmp_path, 0.9, says="Turquoise, yesterday.").read()[1].says == "Turquoise, yesterday (22 June 2022)"


def test_where_another_told_it_of_themselves_the_next_are_not_read(tmp_path: Path) -> None:
    said = [("Bea", "My room is in turquoise now, all of it."), NEXT[1]]
    reads = Reads(tmp_path, 0.5, says=["Turquoise.", "Cheap."])
    happened, heard = reads.read(said=said, room=14)
    assert heard.another == "Bea" and len([one for one in happened if isinstance(one, Judged)]) == 1


def test_where_talk_says_nothing_all_of_it_is_heard(tmp_path: Path) -> None:
    _, heard = Reads(tmp_path, 0.5, says="").read()
    assert heard == Heard("", tuple(messages()))


def test_where_there_is_nothing_to_read_the_model_is_not_asked(tmp_path: Path) -> None:
    reads = Reads(tmp_path, 0.1)
    assert reads.read(said=[]) == ([], Heard("", ()))
    assert reads.read(room=1) == ([], Heard("", ()))
    assert not reads.model.prompts


def test_of_three_the_other_is_who_says_it(tmp_path: Path) -> None:
    said = [("Cid", "I took turquoise paint."), ("Bea", "It was a bargain!"), ("Bea", "I like it.")]
    heard = Reads(tmp_path, 0.6).read(said=said)[1]
    assert (heard.surely, heard.another, heard.says) == (False, "Cid", "Cid's is turquoise")


def test_nobody_is_said_to_tell_what_no_message_has_a_word_of(tmp_path: Path) -> None:
    said = [("Bea", "My room needs work."), ("Bea", "It was a bargain!")]
    heard = Reads(tmp_path, 0.2, says="Twelve").read(said=said)[1]
    assert (heard.surely, heard.another, len(heard.messages)) == (False, "", 2)


def test_what_is_cancelled_hears_nothing(tmp_path: Path) -> None:
    assert Reads(tmp_path, 0.5).read(stop=True)[1] == Heard("", ())


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
