"""What memory says to a question by steps: the answer to the one that must be answered first is asked on with.

Each step is one search, and one reading of the likeliest notes and messages, or of the one that is most about it, or
else of the likeliest view of documents: most questions have no steps, so that they are looked for must cost little. A
step that is not surely told leads astray, so both must be, and what tells the second has what the first found. If only
the first is told, that says whom the question is about, and what cannot be its answer. Owns how a step is answered. It
does not know how questions are taken apart (`stepping`), nor what becomes of what they say.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Sequence
from dataclasses import dataclass

from memos.document_pager import PASSAGE
from memos.document_reader import DocumentReader
from memos.events import Event, TakenApart
from memos.naming import mentions, shared_words, stems
from memos.pager import LONGEST, POINTER, Candidate, Pager, bearing, in_blocks, passage_line
from memos.reading import Reader
from memos.stepping import Stepping, of_somebody
from memos.working_context import WorkingContext

SURELY = 0.7  # the least probability, by the model, that lines tell a step
# The same of one line alone; and of the text that tells the first, for the whole: more than it says who somebody is.
ALONE = 0.65


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


@dataclass(frozen=True, slots=True)
class _Search:
    """How steps are looked for.

    Args:
        before_id: id of the message that asks.
        room: tokens of lines that are read at once.
        cancelled: asked between tokens.
        hard: whether nothing seems to tell the whole, so that more is tried.
    """

    before_id: int
    room: int
    cancelled: Callable[[], bool]
    hard: bool


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
        search = _Search(before_id, room, cancelled, hard=not seeming)
        if steps is None and search.hard:
            steps = of_somebody(question)
        if steps is None or cancelled():
            return None
        yield TakenApart(steps.question, steps.first, steps.rest)
        first = yield from self._step(steps.first, frozenset(), search)
        found = steps.found(first.says) if first else None
        if not first or not found:
            return None
        last = yield from self._step(steps.then(first.says), found, search)
        of = steps.of | found
        if last and steps.found(last.says) - found:  # not so "The choir", of who leads it
            return Stepped(last.says, tuple(dict.fromkeys((first.line, last.line))), first.text, of, whole=True)
        sure = 0.0
        if first.text in seeming:
            sure = yield from self._reader.told(question, (first.text,), cancelled, POINTER.findall(first.line)[:1])
        return Stepped("", (first.line,), first.text, of, whole=sure >= ALONE)

    def _step(self, question: str, found: frozenset[str], search: _Search) -> Generator[Event, None, _Step | None]:
        """Answer one step from what has a word of what the one before found; None if nothing surely tells it."""

        def may_tell(text: str) -> bool:
            return not found or bool(found & stems(text))

        ranked = [one for one in self._candidates(question, search.before_id) if may_tell(one.text)]
        told = yield from self._read(question, ranked, search, ALONE if search.hard and len(ranked) == 1 else SURELY)
        # Among lines about others the one that is about it seems less sure. Where a note seems to tell the whole, a
        # step that is found so would only take it away: the car's make is told in the note that has its colour, too.
        about = [one for one in ranked if shared_words(one.text, question)]
        if told is None and search.hard and about and len(ranked) > 1:
            most = max(about, key=lambda one: shared_words(one.text, question))
            told = yield from self._read(question, [most], search, ALONE)
        if told:
            return told
        quoted = yield from self._documents.read(question, max(search.room, PASSAGE), search.cancelled, views=1)
        if quoted is None or not may_tell(quoted.passages[0].text):
            return None
        passage = quoted.passages[0]
        return _Step(quoted.says, self._pager.cut(passage_line(passage), LONGEST), passage.text)

    def _read(
        self, question: str, ranked: Sequence[Candidate], search: _Search, least: float
    ) -> Generator[Event, None, _Step | None]:
        """Answer one step from the likeliest of some that may tell it; None if these do not surely."""
        lines = self._pager.fit((one.line for one in ranked), search.room)
        nearest_last = lines[::-1]  # next to the question
        ids = [pointer for line in lines for pointer in POINTER.findall(line)[:1]]
        if not lines or (yield from self._reader.told(question, nearest_last, search.cancelled, ids)) < least:
            return None
        says = yield from self._reader.read(question, nearest_last, search.cancelled)
        # When something was said may be what is asked; a note's own number and day never are.
        texts = [one.line if one.message_id else one.text for one in ranked[: len(lines)]]
        told_by = bearing(texts, says, question) if says else []
        return _Step(says, ranked[told_by[0]].line, ranked[told_by[0]].text) if told_by else None

    def _candidates(self, question: str, before_id: int) -> list[Candidate]:
        """What may tell a step, the likeliest first: what stands in a block, notes and messages."""
        spoken = self._pager.spoken(question, before_id=before_id)
        found = sorted(self._pager.candidates(question, spoken.items), key=lambda one: one.rank)
        in_view = in_blocks(self._working.told(), question, {one.text for one in found})
        return [*in_view, *found]
