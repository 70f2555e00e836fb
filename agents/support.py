"""Whether a page holds an answer: by words and numbers, without a model.

A small model cites carelessly; its words tell better which page they are from. Owns these comparisons. It does not
know where pages come from.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from memos.naming import has_digit, listed, stem, stems, words
from memos.probes import sentences

ENOUGH = 0.6  # share of an answer's own words that its page must have
# Words that turn what is said into its opposite; "t" is what "isn't" ends with.
DENYING = listed("no not never none nobody nothing neither without cannot t nicht nie kein keine 不 没 沒 無 无 未")
_NUMBER = re.compile(r"[0-9]+(?:[.,:][0-9]+)*")


def support(answer: str, text: str, question: str = "") -> float:
    """How much of an answer a page has, from 0 to 1.

    The words of the question say nothing new and do not count, unless the answer has no others. A number that the
    page lacks makes it 0.

    Args:
        answer: what was said.
        text: the page.
        question: what was asked.
    """
    said, asked, there = words(answer), set(words(question)), set(words(text))
    new = [word for word in said if word not in asked] or said
    if not new or any(word not in there for word in new if has_digit(word)):
        return 0.0
    known = stems(text)
    return sum(stem(word) in known for word in new) / len(new)


def best_support(answer: str, texts: Sequence[str], cited: int, question: str = "") -> int | None:
    """Index of the page that an answer is from.

    Args:
        answer: what was said.
        texts: the pages in view.
        cited: index of the one that the model named; it stays unless another holds more of the answer.
        question: what was asked.

    Returns:
        None if no page holds enough of it.
    """
    held = [support(answer, text, question) for text in texts]
    best = max(range(len(held)), key=lambda at: (held[at], at == cited))
    return best if held[best] >= ENOUGH else None


def held(parts: Sequence[str], texts: Sequence[str], cited: int, question: str = "") -> list[tuple[str, int]]:
    """The sentences of an answer that a page holds, each with the index of that page; see `best_support`."""
    found = [(part, best_support(part, texts, cited, question)) for part in parts]
    return [(part, at) for part, at in found if at is not None]


def said(answer: str, *, whole: bool) -> list[str]:
    """The sentences of an answer; without the last of several if the answer is not whole: it broke off."""
    parts = sentences(answer, least=1)
    return parts if whole else parts[: max(1, len(parts) - 1)]


def numbers(text: str) -> tuple[str, ...]:
    """The numbers of a text as they are written, each once."""
    return tuple(dict.fromkeys(_NUMBER.findall(text)))


def same(one: str, two: str) -> bool:
    """Whether two answers say the same: one has all the words of the other, and neither denies what the other says."""
    first, second = set(words(one)), set(words(two))
    return bool(first and second) and (first <= second or second <= first) and not (first ^ second) & DENYING
