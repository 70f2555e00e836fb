"""Ranking: how scores of different kinds become one order. Pure functions over ids and numbers.

Owns the formula and its constants; it does not know where the scores come from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean, pstdev

# How many of the best by words, and as many by meaning, are ranked together. Pages end here.
POOL = 200
# Recall@10 of turns on LoCoMo's development part, n=626, all-MiniLM-L6-v2: words alone .561, with a share
# of .5 of the neighbours .597; with meaning at 1.0, .648, at 0.7, .656. Shares of .3 to .7 are within .03.
MEANING_WEIGHT = 0.7
# What a message gains from the one before and the one after: an answer is found by its question's words.
NEIGHBOUR_SHARE = 0.5


def fuse(words: Mapping[int, float], meaning: Mapping[int, float]) -> dict[int, float]:
    """One score an id: the sum of both kinds' z-scores over everything that either found.

    Z-scored sums beat fusion by rank on LoCoMo: how far ahead the best one is, is worth knowing.

    Args:
        words: scores by text, 0 where an id is missing (no word matched).
        meaning: similarities, the lowest of them where an id is missing (it was farther than all these).
    """
    ids = words.keys() | meaning.keys()
    by_words = _z_scores({i: words.get(i, 0.0) for i in ids})
    farthest = min(meaning.values(), default=0.0)
    by_meaning = _z_scores({i: meaning.get(i, farthest) for i in ids})
    return {i: by_words[i] + MEANING_WEIGHT * by_meaning[i] for i in ids}


def _z_scores(values: Mapping[int, float]) -> dict[int, float]:
    if not values:
        return {}
    mean, spread = fmean(values.values()), pstdev(values.values())
    return {i: (value - mean) / spread if spread else 0.0 for i, value in values.items()}


def share_with_neighbours(
    scores: Mapping[int, float], order: Sequence[int], share: float = NEIGHBOUR_SHARE
) -> dict[int, float]:
    """Scores with a share of what the ids before and after in `order` scored.

    A neighbour that was not found counts as the lowest score, so that being next to nothing is no merit.

    Args:
        scores: what was found.
        order: ids as they follow each other, those found among them.
        share: of a neighbour's score, 0 to 1.
    """
    if not order:
        return {}
    lowest = min(scores.values(), default=0.0)
    gains = [scores.get(item, lowest) - lowest for item in order]
    beside = [before + after for before, after in zip([0.0, *gains], [*gains[1:], 0.0], strict=False)]
    return {item: scores[item] + share * gain for item, gain in zip(order, beside, strict=True) if item in scores}


def best_first(scores: Mapping[int, float]) -> list[int]:
    """Ids by score; the newer of two equals first, so that the order is always the same."""
    return sorted(scores, key=lambda item: (scores[item], item), reverse=True)
