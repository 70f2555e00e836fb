"""Talk, read apart: what messages of the past say to a question, which of them say it, and of whom.

In talk the answer stands in a neighbour of what a probe takes for it as often as not, so the likeliest messages are
read together. A small model then answers a question about one person from what another told of themselves, and is as
sure of it. So it is asked the same of the other as well: what is really told of somebody is told less surely of anybody
else. Owns how talk is read, and these judgements. It does not know how messages are searched, what decides that they
are read, nor what becomes of what they say.
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

NEAREST = 3  # of the messages, of which it is asked once more of whom they tell it
LEAD = 0.3  # by how much more a question must be told of whom it is about than of another, as log-odds


@dataclass(frozen=True, slots=True)
class Heard:
    """What talk says to a question.

    Args:
        says: in a few words; empty if it says nothing.
        messages: those that say it, the likeliest first; where nothing is said, all that were read.
        another: who told it of themselves, where it was asked of somebody else who did not; what is said is of them.
    """

    says: str
    messages: tuple[Message, ...]
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
        lines = self._pager.transcript(messages, room)
        messages = messages[: len(lines)]
        other = likeliest_other(messages, named)
        # Before the reading, which then finds the lines read.
        lead = (yield from self._lead(question, named[0], other, lines, cancelled)) if other else 0.0
        says = yield from self._reader.read(question, lines, cancelled)
        told_by = (bearing(lines, says, question) if says else []) or list(range(len(lines)))
        if says and other:
            nearest = [lines[index] for index in reversed(told_by[:NEAREST])]  # the likeliest next to the question
            lead += yield from self._lead(question, named[0], other, nearest, cancelled)
        if cancelled():
            return Heard("", ())
        heard = Heard(says, tuple(messages[index] for index in told_by))
        if not says or not other or lead >= LEAD:
            return heard
        return replace(heard, says=said_of(other, says, named[0]), another=other)

    def _lead(
        self, question: str, named: str, other: str, lines: Sequence[str], cancelled: Callable[[], bool]
    ) -> Generator[Event, None, float]:
        """How much more surely lines tell something of one person than of another, as log-odds.

        Alone, neither probability says much: what a prompt makes likely stands in both, and the difference is without
        it; compare contextual calibration (Zhao et al. 2021, arXiv 2102.09690).
        """
        of_named = yield from self._reader.told(question, lines, cancelled)
        of_other = yield from self._reader.told(said_of(other, question, named), lines, cancelled)
        return log_odds(of_named) - log_odds(of_other)


def likeliest_other(messages: Sequence[Message], named: Sequence[str]) -> str:
    """Who else may have told of themselves what is asked of one person: who says most of what was found; nobody, where
    not one person is named."""
    said = Counter(one.speaker for one in messages if one.speaker and one.speaker not in named)
    return said.most_common(1)[0][0] if said and len(named) == 1 else ""
