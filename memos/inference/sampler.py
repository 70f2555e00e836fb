"""Choosing the next token from logits and a mask. Knows no model, no grammar and no text."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from memos.protocols import Sampling


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
        if allowed is None:
            candidates = np.arange(logits.size)
        else:
            candidates = np.flatnonzero(allowed[: logits.size])
        scores = logits[candidates]
        if self.sampling.temperature <= 0:
            return int(candidates[int(np.argmax(scores))])
        if 0 < self.sampling.top_k < scores.size:
            kept = np.argpartition(scores, -self.sampling.top_k)[-self.sampling.top_k :]
            candidates, scores = candidates[kept], scores[kept]
        order = np.argsort(-scores, kind="stable")
        candidates, scores = candidates[order], scores[order].astype(np.float64)
        return int(candidates[self._draw(scores)])

    def _draw(self, scores: NDArray[np.float64]) -> int:
        """Index into `scores`, which descend."""
        likelihood = np.exp(scores - scores[0])
        keep = likelihood >= self.sampling.min_p
        share = likelihood / likelihood.sum()
        keep &= np.cumsum(share) - share < self.sampling.top_p  # the first token that crosses top_p stays
        heated = np.where(keep, np.exp((scores - scores[0]) / self.sampling.temperature), 0.0)
        return int(self._random.choice(scores.size, p=heated / heated.sum()))
