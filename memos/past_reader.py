"""What the user told, read apart: what their messages say to a question, as of the last one that says it.

Asked of sentences one by one, a small model takes what a question is about for what answers it, and misses what is
said in other words or another language; of a few whole messages together it finds the answer. Then it answers always,
so it is asked of all, and of the one that says it twice, whether they tell it. And of several that differ it takes the
first, whatever it is told of their order; shown by examples how what was told later changes what was told first, or is
about something else, it reads two of them right. So each that was told later is read with the one that tells it. Owns
how what was told is read, and these judgements. It does not know how it is searched, what decides that it is read, nor
what becomes of what it says.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from statistics import mean

from memos import prompts
from memos.dates import told_later
from memos.events import Event
from memos.messages import Message
from memos.naming import added, capitals, content, exact, has_digit, said_to_them, stem, stems
from memos.pager import Pager, bearing
from memos.probes import Prober, asks, sentences
from memos.reading import Reader
from memos.zone import local

# Probabilities, by the model; chosen on questions that are not among those published, see docs/prompts.md.
# The least that it is told, on the average of what the model says of all that is read, and of what says it alone as a
# message and as a note: where the past is certainly asked for, where it surely is, and where it may be.
TOLD, LIKELY, SURELY = 0.51, 0.57, 0.65
UNLIKELY = 0.4  # what all together tell less surely is not read
UNCITED = 0.75  # the least of all together, where none of them has a word of the answer, as of "how many"
MOST = 0.8  # of a note's words, which the message has that it is of
UPDATES = 0.5  # the least that one that was told later tells it alone, where the two together do not say which counts
LESS = 0.1  # how much less surely it may do so than what was told before it
MOST_LATER = 3  # that are read with what tells it, the newest first
# What is asked of several things is told by several, none of which takes another's place; in English.
_SEVERAL = re.compile(
    r"\b(?:how many|count|list|(?<!at )all|both|together|total|each|every|(?<!any )more|most|less|least|"
    r"(?:which|who|whose) (?:of|in))\b",
    re.IGNORECASE,
)
# An answer that has no words of what was told: which of the likeliest says it is not seen from it.
_YES_NO = re.compile(r"(?:yes|no|ja|nein|oui|non|s[íì])[,.!]?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Recollection:
    """What the user told says to a question.

    Args:
        says: in a few words.
        by: those that say it, the likeliest first; all that were read, where none of them says it in its own words.
        sure: the probability that they tell it, by the model.
        new: the stems of what it adds to the question, as it was read; none of a yes or no, a count or a list.
    """

    says: str
    by: tuple[Message, ...]
    sure: float
    new: frozenset[str] = frozenset()

    @property
    def of_nobody(self) -> bool:
        """Whether it has words that none of those who say it have: of "I'm Mira, by the way." and a tent that somebody
        named, the tent's name is read."""
        return bool(self.new - content("\n".join(map(prompts.said, self.by))))  # a day may be that of the message

    def is_of(self, note: str) -> bool:
        """Whether one of those that say it is what a note is of."""
        return any(_is_of(note, one) for one in self.by)


class PastReader:
    """Reads what one user told.

    Args:
        pager: finds it, and fits it into the room there is.
        reader: reads lines apart.
        updates: reads what was told first and what was told later, by examples of what that changes.
        prober: says whether one of them tells it, as it does of notes.
    """

    def __init__(self, pager: Pager, reader: Reader, updates: Reader, prober: Prober) -> None:
        self._pager, self._reader, self._updates, self._prober = pager, reader, updates, prober

    def read(
        self, question: str, before_id: int, room: int, cancelled: Callable[[], bool], *, least: float
    ) -> Generator[Event, None, Recollection | None]:
        """Look for a question's answer, or of several questions the answers, each by itself.

        Args:
            question: what is asked.
            before_id: id of the message that asks it.
            room: tokens of messages that are read at once.
            cancelled: asked between tokens.
            least: probability that it is told.

        Returns:
            What was told; None if that does not surely tell any of it, or it was cancelled.
        """
        found: list[Recollection] = []
        parts = [part for part in sentences(question) if asks(part)]
        for part in parts if len(parts) > 1 else ():
            one = yield from self._read_one(part, before_id, room, cancelled, least=least)
            found += [one] if one else []
        if len(found) < max(len(parts), 1):  # one message may tell all of it, where a part alone is less surely told
            whole = yield from self._read_one(question, before_id, room, cancelled, least=least)
            found = [whole] if whole else found
        if not found or cancelled():
            return None
        by = {message.id: message for at in (0, 1) for one in found for message in one.by[at : at + 1]}
        if len(found) == 1:
            return found[0]
        says, new = ", ".join(one.says for one in found), frozenset[str]().union(*(one.new for one in found))
        return Recollection(says, (*by.values(),), min(one.sure for one in found), new)

    def _read_one(
        self, question: str, before_id: int, room: int, cancelled: Callable[[], bool], *, least: float
    ) -> Generator[Event, None, Recollection | None]:
        found = self._pager.past(question, before_id=before_id)
        shown = found[: len(self._pager.transcript(found, question, room))]
        if not shown or (together := (yield from self._told(question, shown, cancelled))) < UNLIKELY:
            return None
        says = yield from self._read(question, shown, cancelled)
        # Of a part that none of several lines tells, the model makes one up; of one line it seldom does.
        if _made_up(says, question, shown, first=True):
            says = yield from self._read(question, shown[:1], cancelled)
            says = "" if _made_up(says, question, shown) else says
        says = _told_parts(says, shown)
        by = [shown[at] for at in bearing([one.content for one in shown], says, question)] if says else []
        if not by and _YES_NO.fullmatch(says):
            by = shown[:1]
        if not by:
            uncited = says and together >= UNCITED and not cancelled()
            return Recollection(says, tuple(shown), together, _new(says, question)) if uncited else None
        told = _newest_of_the_same(by, says, question)
        alone = yield from self._alone(question, told, cancelled)
        sure = mean([together, *alone])
        if sure < least:
            return None
        later = _later(question, told, f"{says} {question}", found, shown)
        last, update = yield from self._update(question, told, mean(alone), later, cancelled)
        if update:
            says = update
        elif last is not by[0] or sum(_has_all(one, says, question) for one in by) > 1:
            anew = yield from self._read(question, [last], cancelled)
            says, last = (anew, last) if anew else (says, by[0])
        by = [last, *(one for one in by if one is not last)]
        return None if cancelled() else _recollection(question, says, by, sure)

    def updated(
        self, question: str, noted: str, before_id: int, cancelled: Callable[[], bool]
    ) -> Generator[Event, None, Recollection | None]:
        """Look for what was told after what a note says.

        Args:
            question: what is asked.
            noted: a note that tells it.
            before_id: id of the message that asks it.
            cancelled: asked between tokens.

        Returns:
            What was told last; None if that is the note, or it was cancelled.
        """
        found = self._pager.past(question, before_id=before_id)
        told = max(found, key=lambda one: len(content(noted) & content(one.content)), default=None)
        if told is None or not _is_of(noted, told):
            return None  # the note is of something else, or older than what is found
        sure = mean((yield from self._alone(question, told, cancelled)))
        later = _later(question, told, f"{noted} {question}", found)
        last, says = yield from self._update(question, told, sure, later, cancelled)
        return _recollection(question, says, (last, told), sure) if says and not cancelled() else None

    def noted(self, question: str, recalled: Recollection) -> float:
        """How surely the likeliest of those that say it tells it, asked of its sentence that has most of what was read,
        as of a note: a whole message, of which one sentence tells it, seems to do so less."""
        said = [one for one in sentences(recalled.by[0].content) if recalled.new & content(one)]
        most = max(said, key=lambda one: len(recalled.new & content(one)), default="")
        asked = self._prober.answered(question, most) if most else None
        return asked.probability if asked else recalled.sure

    def _update(
        self, question: str, told: Message, sure: float, later: Sequence[Message], cancelled: Callable[[], bool]
    ) -> Generator[Event, None, tuple[Message, str]]:
        """The newest that tells a question after what told it, and what it says; or that itself, and nothing."""
        for one in later[:MOST_LATER]:
            lines = [self._pager.apart(told, question, prompts.told_first)]
            lines.append(self._pager.apart(one, question, prompts.told_then))
            says = yield from self._updates.read(question, lines, cancelled)
            if cancelled() or not says:
                break
            new = added(says, question)
            first, then = new & content(told.content), new & content(one.content)
            if then - first and not first - then:
                return one, says
            # Of two that both have its words ("I gave up on Hyperion"), it may be what is no longer so.
            if first == then and mean((yield from self._alone(question, one, cancelled))) >= max(UPDATES, sure - LESS):
                return one, (yield from self._read(question, [one], cancelled))
        return told, ""

    def _alone(self, question: str, one: Message, cancelled: Callable[[], bool]) -> Generator[Event, None, list[float]]:
        """How surely one tells it, as a message and as a note, unless it is too long for that."""
        told = yield from self._told(question, [one], cancelled)
        noted = None if cancelled() else self._prober.answered(question, one.content)
        return [told, noted.probability] if noted else [told]

    def _told(
        self, question: str, some: Sequence[Message], cancelled: Callable[[], bool]
    ) -> Generator[Event, None, float]:
        ids = [f"recall:{one.id}" for one in some]
        return (yield from self._reader.told(question, self._lines(question, some), cancelled, ids))

    def _read(
        self, question: str, some: Sequence[Message], cancelled: Callable[[], bool]
    ) -> Generator[Event, None, str]:
        return (yield from self._reader.read(question, self._lines(question, some), cancelled))

    def _lines(self, question: str, some: Sequence[Message]) -> list[str]:
        """As they are read: the likeliest next to the question, since the middle is overlooked (Liu et al. 2023, arXiv
        2307.03172)."""
        return [self._pager.apart(one, question) for one in reversed(some)]


def _recollection(question: str, says: str, by: Sequence[Message], sure: float) -> Recollection:
    """What was read, as it is told now to who said it."""
    now = told_later(says, question, local(by[0].created_at))
    return Recollection(said_to_them(now), tuple(by), sure, _new(says, question))


def _new(says: str, question: str) -> frozenset[str]:
    """What an answer adds to its question, where it is to have words of what was told."""
    free = _YES_NO.fullmatch(says) or _SEVERAL.search(question)
    return frozenset() if free else added(says, question)


def _is_of(note: str, message: Message) -> bool:
    """Whether a message has most words of a note."""
    words = content(note)
    return len(words & content(message.content)) >= MOST * len(words)


def _later(
    question: str, told: Message, about: str, found: Sequence[Message], shown: Sequence[Message] = ()
) -> list[Message]:
    """Those that may take the place of one, the newest first: they are among the likeliest, or about the same."""
    if _SEVERAL.search(question):
        return []
    words = content(about)
    later = [
        one for one in found if one.created_at > told.created_at and (one in shown or words & content(one.content))
    ]
    return sorted(later, key=lambda one: one.created_at, reverse=True)


def _made_up(says: str, question: str, shown: Sequence[Message], *, first: bool = False) -> bool:
    """Whether an answer has a name that neither the question nor any message has.

    Args:
        says: the answer.
        question: what was asked.
        shown: the messages.
        first: whether the first of several words, which has a capital in any case, may be one: "Ford red".
    """
    told = stems("\n".join([question, *(one.content for one in shown)]))
    named = capitals(says) if first and len(says.split()) > 1 else exact(says)
    return any(stem(word) not in told for word in named if not has_digit(word))


def _told_parts(says: str, shown: Sequence[Message]) -> str:
    """An answer without the parts that no message has a word of: "structural engineer, architect"."""
    told = content("\n".join(one.content for one in shown))
    parts = says.split(", ")
    kept = [part for part in parts if content(part) & told or has_digit(part) or not content(part)]
    return ", ".join(kept) if any(content(part) for part in kept) else says


def _newest_of_the_same(by: Sequence[Message], says: str, question: str) -> Message:
    """Of those that have all words of an answer the newest, since it may say that it is no longer so; or the first."""
    return max((one for one in by if _has_all(one, says, question)), key=lambda one: one.created_at, default=by[0])


def _has_all(one: Message, says: str, question: str) -> bool:
    return added(says, question) <= content(one.content)
