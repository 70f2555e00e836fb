"""What memory says to a question by steps: the answer to the one that must be answered first is asked on with.

Each step is one search, and one reading of the likeliest notes and messages, or else of the likeliest view of
documents: most questions have no steps, so that they are looked for must cost little. A step that is not surely told
leads astray, so both must be, and what tells the second has what the first found. If only the first is told, that says
whom the question is about, and what cannot be its answer. Owns how a step is answered. It does not know how questions
are taken apart (`stepping`), nor what becomes of what they say.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator
from dataclasses import dataclass

from memos.document_pager import PASSAGE
from memos.document_reader import DocumentReader
from memos.events import Event, TakenApart
from memos.naming import mentions, stems
from memos.pager import LONGEST, POINTER, Candidate, Pager, bearing, in_blocks, passage_line
from memos.reading import Reader
from memos.stepping import Stepping
from memos.working_context import WorkingContext

SURELY = 0.7  # the least probability, by the model, that lines tell a step
ALONE = 0.65  # the same of the text that tells the first, read alone for the whole: more than it says who somebody is


@dataclass(frozen=True, slots=True)
class Stepped:
    """What memory says to a question by steps, or only to the first of them.

    Args:
        says: in a few words; empty if the second is not told.
        lines: what says so, as a page shows them, in the order of the steps.
        first: the text that tells the first.
        of: stems of what the first is about, and of what it found.
        whole: whether the text that tells the first tells the whole, too, where it seems to.
    """

    says: str
    lines: tuple[str, ...]
    first: str
    of: frozenset[str]
    whole: bool

    def may_tell(self, text: str) -> bool:
        """Whether a text may tell the whole: one about something else may not, nor one that tells the first alone."""
        return self.whole if text == self.first else mentions(text, self.of)


@dataclass(frozen=True, slots=True)
class _Step:
    """What one step found: in a few words, the line that says so, and its text."""

    says: str
    line: str
    text: str


class StepReader:
    """Answers questions by steps from one agent's memory.

    Args:
        stepping: takes questions apart.
        working: the blocks.
        pager: finds what else may tell a step.
        reader: reads lines apart.
        documents: reads documents apart.
    """

    def __init__(
        self, stepping: Stepping, working: WorkingContext, pager: Pager, reader: Reader, documents: DocumentReader
    ) -> None:
        self._stepping, self._working, self._pager = stepping, working, pager
        self._reader, self._documents = reader, documents

    def read(
        self,
        question: str,
        before_id: int,
        room: int,
        cancelled: Callable[[], bool],
        seeming: Collection[str] = (),
    ) -> Generator[Event, None, Stepped | None]:
        """Look for a question's answer that no line, and no few lines together, tell.

        Args:
            question: what is asked.
            before_id: id of the message that asks it.
            room: tokens of lines that are read at once.
            cancelled: asked between tokens.
            seeming: texts that seem to tell the whole; whether one that tells the first does is asked of these alone.

        Returns:
            What memory says; None if it has no steps, the first is not told or says nothing new, or it was cancelled.
        """
        steps = yield from self._stepping.steps(question, cancelled)
        if steps is None:
            return None
        yield TakenApart(steps.question, steps.first, steps.rest)
        first = yield from self._step(steps.first, frozenset(), before_id, room, cancelled)
        found = steps.found(first.says) if first else None
        if not first or not found:
            return None
        last = yield from self._step(steps.then(first.says), found, before_id, room, cancelled)
        of = steps.of | found
        if last and steps.found(last.says) - found:  # not so "The choir", of who leads it
            return Stepped(last.says, tuple(dict.fromkeys((first.line, last.line))), first.text, of, whole=True)
        sure = 0.0
        if first.text in seeming:
            sure = yield from self._reader.told(question, (first.text,), cancelled, POINTER.findall(first.line)[:1])
        return Stepped("", (first.line,), first.text, of, whole=sure >= ALONE)

    def _step(
        self, question: str, found: frozenset[str], before_id: int, room: int, cancelled: Callable[[], bool]
    ) -> Generator[Event, None, _Step | None]:
        """Answer one step from what has a word of what the one before found; None if nothing surely tells it."""

        def may_tell(text: str) -> bool:
            return not found or bool(found & stems(text))

        ranked = [one for one in self._candidates(question, before_id) if may_tell(one.text)]
        lines = self._pager.fit((one.line for one in ranked), room)
        nearest_last = lines[::-1]  # next to the question
        ids = [pointer for line in lines for pointer in POINTER.findall(line)[:1]]
        if lines and (yield from self._reader.told(question, nearest_last, cancelled, ids)) >= SURELY:
            says = yield from self._reader.read(question, nearest_last, cancelled)
            # When something was said may be what is asked; a note's own number and day never are.
            texts = [one.line if one.message_id else one.text for one in ranked[: len(lines)]]
            if says and (told_by := bearing(texts, says, question)):
                told = ranked[told_by[0]]
                return _Step(says, told.line, told.text)
        quoted = yield from self._documents.read(question, max(room, PASSAGE), cancelled, views=1)
        if quoted is None or not may_tell(quoted.passages[0].text):
            return None
        passage = quoted.passages[0]
        return _Step(quoted.says, self._pager.cut(passage_line(passage), LONGEST), passage.text)

    def _candidates(self, question: str, before_id: int) -> list[Candidate]:
        """What may tell a step, the likeliest first: what stands in a block, notes and messages."""
        spoken = self._pager.spoken(question, before_id=before_id)
        found = sorted(self._pager.candidates(question, spoken.items), key=lambda one: one.rank)
        in_view = in_blocks(self._working.told(), question, {one.text for one in found})
        return [*in_view, *found]
