"""What is in one document and not in the other, passage by passage, without a model.

A passage is in both if the other document has most of its words, and its numbers and denials beside one of the words
that they stand beside. It does not know questions; see `Analyst.compare`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from memos.agents.support import DENYING
from memos.agents.team import whole
from memos.messages import Passage
from memos.naming import has_digit
from memos.storage.archival import Archival

ALIKE = 0.8  # share of a passage's word pairs that the other document must have
_WORD = re.compile(r"[\u3400-\u9fff]|[^\W_\u3400-\u9fff]+")


@dataclass(frozen=True, slots=True)
class Difference:
    """Passages of two documents.

    Args:
        first: those that only the first has.
        second: those that only the second has.
        shared: how many of the first are in the second, too.
    """

    first: tuple[Passage, ...]
    second: tuple[Passage, ...]
    shared: int


def difference(archival: Archival, first: str, second: str) -> Difference:
    """Compare two documents by their words; where passages are cut does not matter.

    Args:
        archival: has both.
        first: a document's path.
        second: another's.

    Raises:
        InputError: there is no such document.
    """
    one, two = whole(archival, first), whole(archival, second)
    only_one, only_two = _missing(one, two), _missing(two, one)
    return Difference(tuple(only_one), tuple(only_two), len(one) - len(only_one))


def _missing(passages: Sequence[Passage], others: Sequence[Passage]) -> list[Passage]:
    """Passages whose pairs of neighbouring words, or whose only word, the other document mostly lacks, or has with
    another number, or denied."""
    there = _words(" ".join(other.text for other in others))
    known = frozenset[tuple[str, ...]](pairwise(there)) | frozenset((word,) for word in there)
    missing = []
    for passage in passages:
        words = _words(passage.text)
        own = frozenset[tuple[str, ...]](pairwise(words)) or {(word,) for word in words}
        if len(own & known) < ALIKE * len(own) or _turned(words, known):
            missing.append(passage)
    return missing


def _turned(words: Sequence[str], known: frozenset[tuple[str, ...]]) -> bool:
    """Whether a number or a denial stands beside neither of these neighbours anywhere else. On one side it may: there a
    passage may begin, or be under a heading of its own."""
    pairs = [*pairwise(words)]
    return bool(pairs) and any(
        known.isdisjoint(pairs[max(0, at - 1) : at + 1])
        for at, word in enumerate(words)
        if has_digit(word) or word in DENYING
    )


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())
