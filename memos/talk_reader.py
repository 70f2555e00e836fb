"""Talk, read apart: what messages of the past say to a question, which of them say it, and whether they really do.

In talk the answer stands in a neighbour of what a probe takes for it as often as not, so the likeliest messages are
read together, a few of them: a small model takes its answer from whatever else is there. It answers always, and a
question about one person from what another told of themselves. So it is asked whether the messages tell it, and which
question the message that says it rather answers, the one about this person or the same about the other. Owns how talk
is read, and these judgements. It does not know how messages are searched, what decides that they are read, nor what
becomes of what they say.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace

from memos.events import Event
from memos.messages import Message
from memos.naming import said_of
from memos.pager import Pager, bearing
from memos.probes import log_odds
from memos.reading import Reader

# Chosen on questions of LoCoMo that are not among those published; see docs/prompts.md.
TOLD = 1.45  # the least log-odds that messages tell it, with what speaks for the one whom it is asked of
ODDS_A_NAT = 0.1  # what a nat by which a question about that one is likelier adds to them
MOST = 6.0  # nats that count, either way; where nobody else spoke, all of them count


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
            room: tokens that they may take; what does not fit is not read.
            cancelled: asked between tokens.

        Returns:
            What they say, and of whom; nothing was read if it was cancelled.
        """
        lines = self._pager.transcript(messages, question, room)
        if not lines:
            return Heard("", ())
        said_most = likeliest_other(messages, named)
        messages = messages[: len(lines)]
        nearest_last = lines[::-1]  # next to the question; the middle is overlooked (Liu et al. 2023, arXiv 2307.03172)
        ids = [f"recall:{message.id}" for message in messages]
        told = log_odds((yield from self._reader.told(question, nearest_last, cancelled, ids)))
        says = yield from self._reader.read(question, nearest_last, cancelled)
        told_by = bearing(lines, says, question) if says else []
        teller = messages[told_by[0]].speaker if told_by else ""
        other = teller if said_most and teller not in ("", *named) else said_most
        favours = MOST
        if says and other:
            line = lines[told_by[0] if told_by else 0]
            of_other = said_of(other, question, named[0])
            favours = yield from self._reader.likelier(line, question, of_other, cancelled)
        if cancelled():
            return Heard("", ())
        heard = Heard(says, tuple(messages[index] for index in told_by) or tuple(messages))
        if not says or told + ODDS_A_NAT * max(-MOST, min(MOST, favours)) >= TOLD:
            return heard
        if not other or teller != other:
            return replace(heard, surely=False)
        return replace(heard, says=said_of(other, says, named[0]), surely=False, another=other)


def likeliest_other(messages: Sequence[Message], named: Sequence[str]) -> str:
    """Who else may have told of themselves what is asked of one person: who says most of what was found; nobody, where
    not one person is named."""
    said = Counter(one.speaker for one in messages if one.speaker and one.speaker not in named)
    return said.most_common(1)[0][0] if said and len(named) == 1 else ""
