"""Prompt lookup: a draft of what comes next, from where the last tokens stood before.

A small model quotes: a block's old content in an edit, a line of memory in an answer, its own last summary. Where the
last tokens stand in the prompt already, what followed them there is likely to follow again, and several tokens that are
verified in one evaluation cost little more than one. Source: Saxena, "Prompt Lookup Decoding", 2023; Yang et al.,
"Inference with Reference", arXiv 2304.04487. It knows no model: whether a draft is right is the engine's question.
"""

from __future__ import annotations

from collections.abc import Sequence

RUN = 3  # tokens that must have stood before; `python -m bench.decoding --runs 2,3,4` compares


class Lookup:
    """Drafts from a text that grows.

    Args:
        tokens: the prompt.
        most: tokens of a draft; 0 never drafts.
        run: how many of the last tokens must have stood before.
    """

    def __init__(self, tokens: Sequence[int], most: int, run: int = RUN) -> None:
        self._most, self._run = most, run
        self._text: list[int] = []
        self._behind: dict[tuple[int, ...], int] = {}  # where each run last ended, without the one at the end
        self._last: tuple[int, ...] | None = None
        if most:
            self.extend(tokens)

    def extend(self, tokens: Sequence[int]) -> None:
        """Add what comes next."""
        if not self._most:
            return
        for token in tokens:
            if self._last is not None:
                self._behind[self._last] = len(self._text)
            self._text.append(token)
            self._last = tuple(self._text[-self._run :]) if len(self._text) >= self._run else None

    def draft(self) -> list[int]:
        """What followed the last tokens where they stood before, most recently; empty where they are new."""
        at = self._behind.get(self._last) if self._last is not None else None
        return [] if at is None else self._text[at : at + self._most]
