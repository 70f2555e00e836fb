"""What documents say to a question, read apart: which passages are laid before the model, and how much of each.

Where a question names something, the sentences that have the name tell it as a rule, however far apart they stand, and
of what differs the last one counts. Where it names nothing, or these do not tell it, whole passages are read, the
likeliest. A model answers from whatever it is given, so it is asked first whether it is told there at all. Owns these
choices. It does not know how search works, nor what becomes of what was read.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from memos import prompts
from memos.events import Event
from memos.messages import Passage
from memos.naming import mentions, names, stems
from memos.pager import bearing, excerpt
from memos.probes import sentences
from memos.protocols import ArchivalStorage
from memos.reading import Reader

_View = tuple[list[Passage], list[str], Callable[[str], str]]  # passages, as they are read, how they are asked about
SEARCHED = 12  # passages that are searched for
VIEWS = 2  # of whole passages, one after the other
TOLD = 0.5  # the least probability, by the model, that what is read tells the answer


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

    def read(self, question: str, room: int, cancelled: Callable[[], bool]) -> Generator[Event, None, Quoted | None]:
        """Look for a question's answer.

        Args:
            question: what is asked.
            room: tokens of text that may be read at once.
            cancelled: asked between tokens.

        Returns:
            What they say; None if they do not, or it was cancelled.
        """
        if not self._archival.document_count():
            return None
        found = self._archival.search(question, limit=SEARCHED).items
        passages = about(question, [passage for passage in found if passage.source])
        for shown, texts, ask in self._views(question, passages, room):
            ids = dict.fromkeys(f"archival:{one.id}" for one in shown)
            if (yield from self._reader.told(question, texts, cancelled, ids)) < TOLD:
                continue
            says = yield from self._reader.read(question, texts, cancelled, ask=ask)
            # The last of those that say it: in what stands in order it is the one that counts.
            last_first = shown[::-1]
            if told_by := bearing([one.text for one in last_first], says, question) if says else []:
                wanted = [last_first[at] for at in told_by]
                return Quoted(says, tuple(replace(one, text=excerpt(one.text, f"{says} {question}")) for one in wanted))
        return None

    def _views(self, question: str, passages: Sequence[Passage], room: int) -> Iterator[_View]:
        """What is read, one after the other while it does not tell the answer."""
        if kept := self._fitting(naming(question, passages), lambda one: one.text, room):
            order = sorted(passages, key=lambda one: (_counted(one.source), one.id))
            shown = [one for one in sentences_of(order) if one in kept]
            yield shown, prompts.in_order([one.text for one in shown]), prompts.asked_in_order
        left = list(passages)
        for _ in range(VIEWS):
            shown = ends(self._fitting(left, _whole, room))
            if not shown:
                return
            yield shown, [_whole(one) for one in shown], prompts.asked_of_pages
            left = [one for one in left if one not in shown]

    def _fitting(self, passages: Iterable[Passage], shown: Callable[[Passage], str], room: int) -> list[Passage]:
        """As many passages as there is room for, the first of them first."""
        fit: list[Passage] = []
        for passage in passages:
            size = self._count(shown(passage)) + 1
            if size <= room:
                fit.append(passage)
                room -= size
        return fit


def sentences_of(passages: Iterable[Passage]) -> list[Passage]:
    """The sentences of passages, each as its passage cut to it."""
    return [replace(passage, text=part) for passage in passages for part in sentences(passage.text)]


def naming(question: str, passages: Sequence[Passage]) -> list[Passage]:
    """The sentences that have what a question names, those with more of its rarer words first; none if it names
    nothing."""
    named, wanted = names(question, [one.text for one in passages]), stems(question)
    parts = sentences_of(passages) if named else []
    seen = Counter(word for part in parts for word in stems(part.text))

    def rarity(part: Passage) -> float:
        return sum(math.log(1 + len(parts) / seen[word]) for word in wanted & stems(part.text))

    return sorted((part for part in parts if mentions(part.text, named)), key=rarity, reverse=True)


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


def _whole(passage: Passage) -> str:
    """A passage in a line, with where it is from."""
    return " ".join(": ".join(page_of(passage)).split())
