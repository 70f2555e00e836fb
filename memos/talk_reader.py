"""Talk, read apart: what messages of the past say to a question, which of them say it, and whether they really do.

In talk the answer stands in a neighbour of what a probe takes for it as often as not, so the likeliest messages are
read together, a few of them: a small model takes its answer from whatever else is there. It answers always, and a
question about one person from what another told of themselves. So it is asked whether the messages tell it, and which
question the message that says it rather answers, the one about this person or the same about the other. What the
likeliest do not surely tell, the next may, so these are read then, too. Owns how talk is read, and these judgements. It
does not know how messages are searched, what decides that they are read, nor what becomes of what they say.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass

from memos.dates import told_later
from memos.events import Event
from memos.messages import Message
from memos.naming import said_of
from memos.pager import Pager, bearing
from memos.probes import log_odds
from memos.reading import Reader
from memos.zone import local

# Chosen on questions of LoCoMo that are not among those published; see docs/prompts.md.
TOLD = 1.45  # the least log-odds that messages tell it, with what speaks for the one whom it is asked of
ODDS_A_NAT = 0.1  # what a nat by which a question about that one is likelier adds to them
MOST = 6.0  # nats that count, either way; where nobody else spoke, all of them count
LATER = 0.3  # what messages that search finds less likely must be surer by, in log-odds


@dataclass(frozen=True, slots=True)
class Heard:
    """What talk says to a question.

    Args:
        says: in a few words; empty if it says nothing.
        messages: those that say it, the likeliest first; where none has a word of it, or nothing is said, all that
            were read.
        surely: whether it is surely told of whom it was asked.
        another: who told it of themselves, where it is not, and it was asked of somebody else; what is said is of them.
    """

    says: str
    messages: tuple[Message, ...]
    surely: bool = True
    another: str = ""


@dataclass(frozen=True, slots=True)
class _Asked:
    """A question, who is named in it, who else may have told it of themselves, and whether reading is to end."""

    question: str
    named: tuple[str, ...]
    other: str
    cancelled: Callable[[], bool]


@dataclass(frozen=True, slots=True)
class _Reading:
    """Some messages, read.

    Args:
        says: in a few words.
        read: the messages.
        by: those that say it, the likeliest first.
        sure: log-odds that they tell it of whom it was asked.
        another: who told it, if of themselves; it is asked of somebody else.
    """

    says: str = ""
    read: tuple[Message, ...] = ()
    by: tuple[Message, ...] = ()
    sure: float = -math.inf
    another: str = ""

    @property
    def unsure(self) -> bool:
        """Whether what they say may not be told of whom it was asked."""
        return self.sure < TOLD


class TalkReader:
    """Reads messages of one agent's past.

    Args:
        pager: lays messages out as lines.
        reader: reads lines apart.
    """

    def __init__(self, pager: Pager, reader: Reader) -> None:
        self._pager, self._reader = pager, reader

    def read(
        self,
        question: str,
        messages: Sequence[Message],
        named: Sequence[str],
        room: int,
        cancelled: Callable[[], bool],
    ) -> Generator[Event, None, Heard]:
        """Look for a question's answer.

        Args:
            question: what is asked.
            messages: of the past, the likeliest first.
            named: who speaks in memory and is named in the question.
            room: tokens of messages that are read at once; where the likeliest do not surely tell it, as many again.
            cancelled: asked between tokens.

        Returns:
            What they say, and of whom; nothing was read if it was cancelled.
        """
        ask = _Asked(question, tuple(named), likeliest_other(messages, named), cancelled)
        best = yield from self._reading(ask, messages, room)
        if best.unsure and not best.another:
            later = yield from self._reading(ask, messages[len(best.read) :], room)
            if later.says and later.sure - LATER > best.sure:
                best = later
        if cancelled():
            return Heard("", ())
        if not (best.says and best.unsure):
            return Heard(best.says, best.by or best.read)
        says = said_of(best.another, best.says, named[0]) if best.another else best.says
        return Heard(says, best.by or best.read, surely=False, another=best.another)

    def _reading(self, ask: _Asked, messages: Sequence[Message], room: int) -> Generator[Event, None, _Reading]:
        """Read as many messages as there is room for; those that say nothing are not sure of anything."""
        lines = self._pager.transcript(messages, ask.question, room)
        if not lines:
            return _Reading()
        read = tuple(messages[: len(lines)])
        nearest_last = lines[::-1]  # next to the question; the middle is overlooked (Liu et al. 2023, arXiv 2307.03172)
        ids = [f"recall:{message.id}" for message in read]
        told = log_odds((yield from self._reader.told(ask.question, nearest_last, ask.cancelled, ids)))
        says = yield from self._reader.read(ask.question, nearest_last, ask.cancelled)
        if not says:
            return _Reading(read=read)
        told_by = bearing(lines, says, ask.question)
        by = tuple(read[index] for index in told_by)
        if by:  # its "last Friday" is another day than that of who asks
            says = told_later(says, ask.question, local(by[0].created_at))
        teller = by[0].speaker if by else ""
        other = teller if ask.other and teller not in ("", *ask.named) else ask.other
        favours = MOST
        if other:
            line = lines[told_by[0] if told_by else 0]
            of_other = said_of(other, ask.question, ask.named[0])
            favours = yield from self._reader.likelier(line, ask.question, of_other, ask.cancelled)
        sure = told + ODDS_A_NAT * max(-MOST, min(MOST, favours))
        return _Reading(says, read, by, sure, teller if teller == other else "")


def likeliest_other(messages: Sequence[Message], named: Sequence[str]) -> str:
    """Who else may have told of themselves what is asked of one person: who says most of what was found; nobody, where
    not one person is named."""
    said = Counter(one.speaker for one in messages if one.speaker and one.speaker not in named)
    return said.most_common(1)[0][0] if said and len(named) == 1 else ""
