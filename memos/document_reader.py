"""What documents say to a question, read apart: which passages are laid before the model, and how much of each.

Passages are read whole, a few at a time: what else is there is what a small model takes its answer from. Where they
only mention what a question names, the sentences that have the name tell it, however far apart they stand, and of what
differs the last one counts. A model answers from whatever it is given, so it is asked of each view first whether it is
told there, and the surest is read. Owns these choices. It does not know how search works, nor what becomes of what was
read.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from memos import prompts
from memos.document_pager import PASSAGE
from memos.events import Event
from memos.messages import Origin, Passage
from memos.naming import asks_more, mentions, names, stems
from memos.pager import bearing, excerpt
from memos.probes import from_name, sentences
from memos.protocols import ArchivalStorage
from memos.reading import Reader

CANDIDATES = 12  # passages that may be read
VIEWS = 3  # of whole passages, one after the other, until one surely tells it
# Probabilities, by the model, that a view tells the answer: the least, and from where on no other is looked at. Of 41
# views that did not tell it none had more than .82, of 41 that did half had .84 and more (docs/prompts.md).
TOLD, SURELY = 0.5, 0.85


@dataclass(frozen=True, slots=True)
class _View:
    """Passages that are laid before the model at once, as lines, how a question stands below these, and how surely they
    must tell it for no other view to be looked at."""

    shown: list[Passage]
    lines: list[str]
    ask: Callable[[str], str] = prompts.asked_of_pages
    enough: float = SURELY


@dataclass(frozen=True, slots=True)
class Quoted:
    """What documents say to a question.

    Args:
        says: in a few words.
        passages: those that say it, the likeliest first, each cut to the part that does.
    """

    says: str
    passages: tuple[Passage, ...]


class DocumentReader:
    """Reads the documents that one agent can see.

    Args:
        archival: the documents.
        reader: reads lines apart.
        count: tokens of a text, by the loaded model.
    """

    def __init__(self, archival: ArchivalStorage, reader: Reader, count: Callable[[str], int]) -> None:
        self._archival, self._reader, self._count = archival, reader, count

    def read(
        self, question: str, room: int, cancelled: Callable[[], bool], *, views: int = VIEWS
    ) -> Generator[Event, None, Quoted | None]:
        """Look for a question's answer.

        Args:
            question: what is asked.
            room: tokens of text that may be read at once, of single sentences; of whole passages it is one of the
                longest, or several short ones.
            cancelled: asked between tokens.
            views: of whole passages, at most.

        Returns:
            What they say; None if they do not, or it was cancelled.
        """
        if not self._archival.document_count():
            return None
        passages = about(question, likeliest(self._archival, question))
        best: Quoted | None = None
        surest = 0.0
        for view in self._views(question, passages, room, views):
            ids = dict.fromkeys(f"archival:{one.id}" for one in view.shown)
            sure = yield from self._reader.told(question, view.lines, cancelled, ids)
            if sure < TOLD or sure <= surest:
                continue
            # Read at once, since its lines still are: to come back to them would cost as much as the view did.
            quoted = yield from self._quoted(question, view, cancelled)
            if quoted and sure >= view.enough:
                return quoted
            if quoted:
                best, surest = quoted, sure
        return None if cancelled() else best

    def _quoted(
        self, question: str, view: _View, cancelled: Callable[[], bool]
    ) -> Generator[Event, None, Quoted | None]:
        """What a view says, and the passages that do; None if none of them has a word of it."""
        says = yield from self._reader.read(question, view.lines, cancelled, ask=view.ask)
        # The last of those that say it: in what stands in order it is the one that counts.
        last_first = view.shown[::-1]
        told_by = bearing([one.text for one in last_first], says, question) if says else []
        if not told_by:
            return None
        wanted = [last_first[at] for at in told_by]
        return Quoted(says, tuple(replace(one, text=excerpt(one.text, f"{says} {question}")) for one in wanted))

    def _views(self, question: str, passages: Sequence[Passage], room: int, most: int) -> Iterator[_View]:
        """What may tell it, the likeliest first."""
        named = names(question, [one.text for one in passages])
        if shown := self._in_order(question, named, passages, room):
            enough = SURELY if asks_more(question, named) else TOLD
            lines = [from_name(one.text, named) for one in shown]
            yield _View(shown, prompts.in_order(lines), prompts.asked_in_order, enough)
        left = list(passages)
        for _ in range(most):
            shown = ends(self._fitting(left, _line, min(room, PASSAGE)))
            if not shown:
                return
            yield _View(shown, [_line(one) for one in shown])
            left = [one for one in left if one not in shown]

    def _in_order(self, question: str, named: frozenset[str], passages: Sequence[Passage], room: int) -> list[Passage]:
        """The sentences that have what a question names, as they stand in their documents; none where passages are
        about it, since what tells it there may not name it again."""
        parts = sentences_of(passages) if named else []
        having = [part for part in parts if mentions(part.text, named)]
        counts = Counter(part.id for part in having)
        # Most that have the name have it in one sentence: they only mention it.
        if 2 * sum(count == 1 for count in counts.values()) <= len(counts):
            return []
        kept = self._fitting(by_rarity(question, having, parts), lambda one: one.text, room)
        parts.sort(key=lambda one: (_counted(one.source), one.id))
        return [one for one in parts if one in kept]

    def _fitting(self, passages: Iterable[Passage], shown: Callable[[Passage], str], room: int) -> list[Passage]:
        """As many passages as there is room for, the first of them first."""
        fit: list[Passage] = []
        for passage in passages:
            size = self._count(shown(passage)) + 1
            if size <= room:
                fit.append(passage)
                room -= size
        return fit


def likeliest(archival: ArchivalStorage, question: str, source: str | None = None) -> list[Passage]:
    """The passages of documents that are likeliest to tell what is asked, the likeliest first: notes that are nearer to
    it do not take their places.

    Args:
        archival: has them.
        question: what is asked.
        source: only of this document, or of those below this folder.
    """
    return list(archival.search(question, limit=CANDIDATES, source=source, origin=Origin.DOCUMENT).items)


def sentences_of(passages: Iterable[Passage]) -> list[Passage]:
    """The sentences of passages, each as its passage cut to it."""
    return [replace(passage, text=part) for passage in passages for part in sentences(passage.text)]


def by_rarity(question: str, some: Iterable[Passage], parts: Sequence[Passage]) -> list[Passage]:
    """Some sentences, those with more of a question's words first that are rare among all these parts."""
    wanted = stems(question)
    seen = Counter(word for part in parts for word in stems(part.text))

    def rarity(part: Passage) -> float:
        return sum(math.log(1 + len(parts) / seen[word]) for word in wanted & stems(part.text))

    return sorted(some, key=rarity, reverse=True)


def about(question: str, passages: Sequence[Passage]) -> list[Passage]:
    """The passages of documents that have one of the names that the question has; all if it has none.

    Search is by words and meaning, so a document that tells of what is named has it in its path or in a passage found.
    """
    named = names(question, [one.text for one in passages])
    if not named:
        return list(passages)
    sources = {one.source for one in passages if mentions(f"{one.source} {one.location} {one.text}", named)}
    return [one for one in passages if one.source in sources]


def ends(passages: Sequence[Passage]) -> list[Passage]:
    """The best passage last, next to the question, the second best first: what stands in the middle is overlooked
    (Liu et al. 2023, arXiv 2307.03172)."""
    return [*passages[1::2], *reversed(passages[::2])]


def page_of(passage: Passage) -> tuple[str, str]:
    """Where a passage is from, short, and its text."""
    name = passage.source.rsplit("/", 1)[-1]
    return (f"{name}, {passage.location}" if passage.location else name), passage.text.strip()


def _counted(path: str) -> list[str | int]:
    """A path as people order it: page 2 before page 10."""
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", path)]


def _line(passage: Passage) -> str:
    """A passage in a line, with where it is from."""
    return " ".join(": ".join(page_of(passage)).split())
