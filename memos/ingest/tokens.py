"""How many tokens of the embedding model a piece of text is: a text is tokenised once, and its pieces counted.

It does not know passages.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate
from typing import Any


class TokenIndex:
    """Counts tokens of any part of one text.

    Args:
        tokenizer: of the `tokenizers` library.
        text: the text.
    """

    def __init__(self, tokenizer: Any, text: str) -> None:
        offsets = tokenizer.encode(text, add_special_tokens=False).offsets
        self._starts = [start for start, _ in offsets]

    def count(self, start: int, end: int) -> int:
        """Tokens that begin in characters `start` to `end`."""
        return bisect_left(self._starts, end) - bisect_left(self._starts, start)


def counts(tokenizer: Any, texts: Sequence[str]) -> list[int]:
    """Tokens of each of several texts, none of which has line ends."""
    index = TokenIndex(tokenizer, "\n".join(texts))
    ends = list(accumulate(len(text) + 1 for text in texts))
    return [index.count(end - len(text) - 1, end) for text, end in zip(texts, ends, strict=True)]
