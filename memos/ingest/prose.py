"""Prose is cut between paragraphs, else lines, else sentences, else words: the largest parts that fit.

Linear in the text: a hostile one must not make it slow, and the tokens of a text are counted once. It does not know
tokens: it is told what fits.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from memos.ingest.blocks import unwrapped

_PARAGRAPH = re.compile(r"\n[ \t]*\n\s*")
_LINE = re.compile(r"\n")
# A sentence ends before white space unless a small letter goes on, as in "e.g. this"; Chinese and Japanese ones
# end without any.
_SENTENCE = re.compile(r"[.!?…]{1,10}[\"'”’»)\]]{0,3}\s+(?![a-z\s])|[。！？]{1,10}[”’」』）]{0,3}")

Fits = Callable[[int, int], bool]


def parts(text: str, fits: Fits, longest: int) -> Iterator[tuple[int, int]]:
    """The largest parts that fit, in order, as `(start, end)`; together they are the whole text.

    White space alone is one part, however long.

    Args:
        text: the text.
        fits: whether characters `start` to `end` are short enough; one character always is.
        longest: no more characters than this ever fit.
    """
    flat = unwrapped(text)
    # A line that only wraps its paragraph ends no sentence, but is a better place to cut than the middle of it.
    marks = ((flat, _PARAGRAPH), (flat, _LINE), (flat, _SENTENCE), (text, _LINE))
    yield from _parts(marks, flat, 0, len(text), fits, longest)


def _parts(
    marks: Sequence[tuple[str, re.Pattern[str]]], whole: str, start: int, end: int, fits: Fits, longest: int
) -> Iterator[tuple[int, int]]:
    if fits(start, end) or not whole[start:end].strip():
        yield start, end
        return
    if not marks:
        yield from _words(whole, start, end, fits, longest)
        return
    text, separator = marks[0]
    at = start
    for mark in separator.finditer(text, start, end):
        if mark.end() > at:
            yield from _parts(marks[1:], whole, at, mark.end(), fits, longest)
            at = mark.end()
    if at < end:
        yield from _parts(marks[1:], whole, at, end, fits, longest)


def _words(text: str, start: int, end: int, fits: Fits, longest: int) -> Iterator[tuple[int, int]]:
    """As many words as fit at a time; of a longer word as many characters."""
    while start < end:
        low, high = 1, min(longest, end - start)
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if fits(start, start + middle) else (low, middle - 1)
        cut = start + low
        if cut < end:
            space = max(text.rfind(mark, start + 1, cut + 1) for mark in " \n\t")
            cut = space if space > start else cut
        yield start, cut
        start = cut
