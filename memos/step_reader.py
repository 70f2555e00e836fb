"""What memory says to a question by steps: the answer to the one that must be answered first is asked on with.

Each step is one search, and one reading of the likeliest notes and messages, or else of the likeliest view of
documents: most questions have no steps, so that they are looked for must cost little. A step that is not surely told
leads astray, so both must be, and what tells the second has what the first found. Owns how a step is answered. It does
not know how questions are taken apart (`stepping`), nor what becomes of what they say.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass

from memos.document_pager import PASSAGE
from memos.document_reader import DocumentReader
from memos.events import Event, TakenApart
from memos.naming import stems
from memos.pager import LONGEST, POINTER, Pager, bearing, passage_line
from memos.reading import Reader
from memos.stepping import Stepping

SURELY = 0.7  # the least probability, by the model, that lines tell a step


@dataclass(frozen=True, slots=True)
class Stepped:
    """What memory says to a question, and the lines that say so.

    Args:
        says: in a few words.
        lines: as a page shows them, in the order of the steps.
    """

    says: str
    lines: tuple[str, ...]


class StepReader:
    """Answers questions by steps from one agent's memory.

    Args:
        stepping: takes questions apart.
        pager: finds what may tell a step.
        reader: reads lines apart.
        documents: reads documents apart.
    """

    def __init__(self, stepping: Stepping, pager: Pager, reader: Reader, documents: DocumentReader) -> None:
        self._stepping, self._pager, self._reader, self._documents = stepping, pager, reader, documents

    def read(
        self, question: str, before_id: int, room: int, cancelled: Callable[[], bool]
    ) -> Generator[Event, None, Stepped | None]:
        """Look for a question's answer that no line, and no few lines together, tell.

        Args:
            question: what is asked.
            before_id: id of the message that asks it.
            room: tokens of notes and messages that are read at once.
            cancelled: asked between tokens.

        Returns:
            What memory says; None if it has no steps, one of them is not told, or it was cancelled.
        """
        steps = yield from self._stepping.steps(question, cancelled)
        if steps is None:
            return None
        yield TakenApart(steps.question, steps.first, steps.rest)
        first = yield from self._step(steps.first, frozenset(), before_id, room, cancelled)
        rest = steps.then(first.says) if first else ""
        if not first or not rest:
            return None
        found = frozenset(stems(first.says) - stems(question))
        last = yield from self._step(rest, found, before_id, room, cancelled)
        return Stepped(last.says, tuple(dict.fromkeys(first.lines + last.lines))) if last else None

    def _step(
        self, question: str, found: frozenset[str], before_id: int, room: int, cancelled: Callable[[], bool]
    ) -> Generator[Event, None, Stepped | None]:
        """Answer one step from what has a word of what the one before found; None if nothing surely tells it."""

        def may_tell(text: str) -> bool:
            return not found or bool(found & stems(text))

        spoken = self._pager.spoken(question, before_id=before_id)
        ranked = sorted(self._pager.candidates(question, spoken.items), key=lambda one: one.rank)
        lines = self._pager.fit((one.line for one in ranked if may_tell(one.text)), room)
        nearest_last = lines[::-1]  # next to the question
        ids = [pointer for line in lines for pointer in POINTER.findall(line)[:1]]
        if lines and (yield from self._reader.told(question, nearest_last, cancelled, ids)) >= SURELY:
            says = yield from self._reader.read(question, nearest_last, cancelled)
            if says and (told_by := bearing(lines, says, question)):
                return Stepped(says, (lines[told_by[0]],))
        quoted = yield from self._documents.read(question, max(room, PASSAGE), cancelled, views=1)
        if quoted is None or not may_tell(quoted.passages[0].text):
            return None
        return Stepped(quoted.says, (self._pager.cut(passage_line(quoted.passages[0]), LONGEST),))
