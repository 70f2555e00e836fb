"""Presenting: how what was found for a question comes into view, and what an answer may say of it.

What tells it is laid out as a page behind the message, the surest first, and with it goes how the answer is to begin,
or what it may say and no more. Owns these forms. It does not know what tells a question, or where that is looked for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from memos import prompts
from memos.events import Event
from memos.following import Way
from memos.generation import Opening
from memos.grounding import Ground
from memos.messages import Message
from memos.naming import added, shared_words
from memos.pager import LONGEST, POINTER, Candidate, Form, Pager, passage_line
from memos.past_reader import Recollection
from memos.policy import KernelSettings
from memos.probes import log_odds
from memos.queue_manager import QueueManager
from memos.showing import Line, Showing
from memos.talk_reader import Heard
from memos.working_context import WorkingContext

SURELY = 0.7  # a note that is less sure, and of which the model says something else, only comes closest
RANK = 0.15  # what each place lower in search takes from an answer's log-odds, when lines compete for a page
MOST_LINES = 3  # on a page; more distract a small model
BEARING = 2  # of the messages that were read apart, shown with what they say
WAY = 2  # results' worth of tokens that a way of identifiers may take
OF_ONESELF = re.compile(r"\b(?:[Ii]|[Mm](?:y|e|ine)|[Ww]e|[Oo]urs?|[Uu]s)\b")  # in English

Withheld = frozenset[str]


@dataclass(frozen=True, slots=True)
class Remembered:
    """What memory brought into view for a turn, and what that means for its calls.

    Args:
        told: whether something in view tells what was asked, or that memory does not tell it.
        untold: whether all of memory was looked through, and does not tell it; other places may.
        opening: how the answer begins: what was read apart, which a small model words anew where it is only shown it,
            and adds to what nobody told. So it ends there, too, unless the message asks for more.
        ground: what the answer may say; None: what the model likes.
        quotes_them: whether what tells it is what the user said of themselves, in their voice.
        withheld: memory functions that the turn is not to use: the message does not want them, or it is answered.
    """

    told: bool = False
    untold: bool = False
    opening: Opening | None = None
    ground: Ground | None = None
    quotes_them: bool = False
    withheld: Withheld = frozenset()


@dataclass(frozen=True, slots=True)
class Question:
    """What a message asks of memory.

    Args:
        text: its sentences that ask, each so that it can be understood alone.
        message: the message, as it was said.
        cancelled: asked between probes.
        sure: whether it surely asks for what is in memory; if not, a line must tell it more clearly.
        plain: whether it asks for that alone, so that an answer is to say no more.
        certain: whether it so certainly does that it is said where nothing tells it.
    """

    text: str
    message: Message
    cancelled: Callable[[], bool]
    sure: bool
    plain: bool
    certain: bool


class Presenting:
    """Puts into view for one agent what was found.

    Args:
        pager: lays out pages.
        queue: what is in view.
        showing: puts pages there.
        working: the blocks, which are in view.
        policy: sizes.
    """

    def __init__(
        self, pager: Pager, queue: QueueManager, showing: Showing, working: WorkingContext, policy: KernelSettings
    ) -> None:
        self._pager, self._queue, self._showing = pager, queue, showing
        self._working, self._policy = working, policy

    def way(self, message: Message, way: Way, cancelled: Callable[[], bool]) -> Generator[Event, None, bool]:
        """Show where identifiers lead, in the order of the way, which may take as much as several results; returns
        whether all of it is in view then."""
        question = self._pager.cut(message.content, self._policy.page // 2)
        form = partial(prompts.way, names=way.names)
        complete = False

        def lay_out(lines: Sequence[Line], room: int) -> str:
            nonlocal complete
            page, complete = self._pager.memory_in_order([line for _, line in lines], question, room, form)
            return page

        passages = [(0.0, passage_line(one)) for one in way.passages]
        yield from self._showing.page(passages, lay_out, WAY * self._policy.result, message.turn, cancelled)
        return complete

    def recalled(self, question: Question, recalled: Recollection) -> Generator[Event, None, Remembered]:
        """Put into view what the user told. Asked for that and no more, the model says it in a sentence, which says
        what was read; else the answer is what was read."""
        by, says = recalled.by[:BEARING], recalled.says
        lines = in_order(self._pager.shown(one, f"{says} {question.text}") for one in by)
        if not question.plain or not added(says, question.text):
            return (yield from self.said(question, says, lines))
        told = "\n".join([says, *(one.content for one in by)])
        ground = Ground(f"{question.message.content}\n{question.text}", told, prompts.sentence(says), says)
        form = partial(prompts.recalled, says=says)
        shown = yield from self._show(lines, question, self._asked(question), self._policy.result, form)
        their_own = shown and bool(OF_ONESELF.search(question.text))
        return Remembered(shown, ground=ground if shown else None, quotes_them=their_own)

    def candidates(
        self, question: Question, by: Sequence[tuple[float, Candidate]]
    ) -> Generator[Event, None, Remembered]:
        """Put those candidates into view that tell what is asked: the one that does most surely, since there may be
        room for one, and the others by how surely they do and by what search says."""
        surest = max(by, key=lambda one: one[0])
        wanted = sorted(by, key=lambda one: (one is not surest, RANK * one[1].rank - one[0]))
        lines = [(sure, candidate.line) for sure, candidate in wanted if candidate.line]
        # "What is she called, and where does she live?" may be told by two, of which a page has room for the wrong one.
        most = self._policy.result if len(lines) > 1 else self._policy.page
        shown = yield from self._show(lines[:MOST_LINES], question, question.text, most)
        told_now = shown or len(lines) < len(by)  # what has no line is in view already
        their_own = bool(OF_ONESELF.search(question.text)) and any(candidate.first_hand for _, candidate in by)
        ground = self._ground(question, by) if told_now else None
        return Remembered(told_now, ground=ground, quotes_them=told_now and their_own)

    def _ground(self, question: Question, by: Sequence[tuple[float, Candidate]]) -> Ground | None:
        """What an answer may say that notes tell, if it is to say no more: what is in view of them, and of the user."""
        shown = [one for one in by if self._in_view(one[1], question) and not one[1].message_id]
        if not question.plain or not shown:
            return None
        # Of two that tell it about as surely, the one about what is asked.
        sure, note = max(shown, key=lambda one: (shared_words(one[1].text, question.text), one[0]))
        if added(question.text, note.text) and not OF_ONESELF.search(question.text):
            return None  # "What is the capital of Norway?": the note only seems to tell it
        quoted = self._pager.cut(" ".join(note.text.split()), LONGEST)
        blocks = (line for _, line in self._working.told())
        said = [*blocks, *self._queue.said(), *(one.line if one.message_id else one.text for _, one in by)]
        instead = prompts.quoted(quoted, surely=sure >= log_odds(SURELY))
        return Ground(question.message.content, "\n".join(said), instead)

    def _in_view(self, candidate: Candidate, question: Question) -> bool:
        """Whether a candidate is in a block, or on the page of a question, if only as a word on where it stands."""
        pointer = POINTER.search(candidate.line)
        return pointer is None or any(pointer[0] in page.content for page in self._queue.pages(question.message.turn))

    def heard(self, question: Question, heard: Heard, speakers: Sequence[str]) -> Generator[Event, None, Remembered]:
        """Put into view what messages of several people say, with those that say it; where they say nothing, all of
        them. The answer says so where they do not surely tell it, or another does of themselves."""
        form, opening = partial(prompts.talk, says=heard.says), prompts.sentence(heard.says)
        if heard.another:
            opening = prompts.not_mentioned(speakers[0], heard.another, heard.says)
            form = partial(prompts.declined, instead=opening)
        elif heard.says and not heard.surely:
            opening = prompts.unmentioned(heard.says)
            form = partial(prompts.declined, instead=opening)
        shown = heard.messages[:BEARING] if heard.says else heard.messages
        about = f"{heard.says} {question.text}"
        lines = in_order(self._pager.shown(one, about) for one in shown)
        told_now = yield from self._show(lines, question, self._asked(question), self._policy.result, form)
        return Remembered(told_now, opening=Opening(opening) if opening and told_now else None)

    def said(self, question: Question, says: str, lines: Sequence[Line]) -> Generator[Event, None, Remembered]:
        """Put what was read apart into view with the lines that say it; the answer is that, then."""
        form = partial(prompts.talk, says=says)
        shown = yield from self._show(lines, question, self._asked(question), self._policy.result, form)
        return Remembered(shown, opening=Opening(prompts.sentence(says)) if shown else None)

    def _asked(self, question: Question) -> str:
        """The message that asks, or its beginning: it may say how to answer."""
        return self._pager.cut(question.message.content, self._policy.page // 3)

    def _show(
        self,
        lines: Sequence[Line],
        question: Question,
        asked: str,
        most: int,
        form: Form = prompts.memory,
    ) -> Generator[Event, None, bool]:
        """Put lines into view that tell what is asked, as many as there is room for in `most` tokens; returns whether
        there was for any."""

        def lay_out(shown: Sequence[Line], room: int) -> str:
            return self._pager.memory_page(shown, asked, room, form)

        return (yield from self._showing.page(lines, lay_out, most, question.message.turn, question.cancelled))


def in_order(lines: Iterable[str]) -> list[Line]:
    """Lines for a page, the likeliest first, with numbers that say so."""
    return [(-float(rank), line) for rank, line in enumerate(lines)]
