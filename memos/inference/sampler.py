"""Choosing the next token from logits and a mask. Knows no model, no grammar and no text."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from memos.protocols import Sampling


class Repeats:
    """The runs of a prompt that may not be copied any further.

    Args:
        prompt: the tokens that count as said already.
        longest: a run of this many tokens may be copied, not one more.
    """

    def __init__(self, prompt: Sequence[int], longest: int) -> None:
        self._longest = longest
        self._after: dict[tuple[int, ...], set[int]] = {}
        for end in range(longest, len(prompt)):
            self._after.setdefault(tuple(prompt[end - longest : end]), set()).add(prompt[end])

    def forbid(self, generated: Sequence[int], allowed: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """`allowed` without the tokens that would make a copied run too long, if any other is left."""
        banned = self._after.get(tuple(generated[-self._longest :]))
        if not banned:
            return allowed
        rest = allowed.copy()
        rest[list(banned)] = False
        return rest if rest.any() else allowed


class Sampler:
    """A seeded sampler: temperature, top-k, min-p and top-p, in this order, as llama.cpp chains them.

    Args:
        sampling: the settings; temperature 0 takes the likeliest token and draws nothing.
    """

    def __init__(self, sampling: Sampling) -> None:
        self.sampling = sampling
        self._random = np.random.default_rng(sampling.seed)

    def sample(self, logits: NDArray[np.float32], allowed: NDArray[np.bool_] | None) -> int:
        """The next token's id.

        Args:
            logits: one a token of the vocabulary; not changed.
            allowed: which tokens the grammar admits; None admits all. At least one must be admitted.
        """
        candidates = np.arange(logits.size) if allowed is None else np.flatnonzero(allowed[: logits.size])
        scores = logits[candidates]
        if self.sampling.temperature <= 0:
            return int(candidates[int(np.argmax(scores))])
        if 0 < self.sampling.top_k < scores.size:
            kept = np.argpartition(scores, -self.sampling.top_k)[-self.sampling.top_k :]
            candidates, scores = candidates[kept], scores[kept]
        order = np.argsort(-scores, kind="stable")
        return int(candidates[order][self._draw(scores[order].astype(np.float64))])

    def _draw(self, scores: NDArray[np.float64]) -> int:
        """Index into `scores`, which descend."""
        likelihood = np.exp(scores - scores[0])
        keep = likelihood >= self.sampling.min_p
        share = likelihood / likelihood.sum()
        keep &= np.cumsum(share) - share < self.sampling.top_p  # the first token that crosses top_p stays
        heated = np.where(keep, np.exp((scores - scores[0]) / self.sampling.temperature), 0.0)
        return int(self._random.choice(scores.size, p=heated / heated.sum()))
