"""What is in one document and not in the other, passage by passage, without a model.

Two passages are the same if most of their words are. It does not know questions; see `Analyst.compare`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from memos.agents.team import whole
from memos.messages import Passage
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
    """Passages whose pairs of neighbouring words, or whose only word, the other document mostly lacks."""
    there = _words(" ".join(other.text for other in others))
    known = frozenset[tuple[str, ...]](pairwise(there)) | frozenset((word,) for word in there)
    missing = []
    for passage in passages:
        words = _words(passage.text)
        own = frozenset[tuple[str, ...]](pairwise(words)) or {(word,) for word in words}
        if len(own & known) < ALIKE * len(own):
            missing.append(passage)
    return missing


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())
