"""Samples, and means with confidence intervals: bootstrap over questions (Efron & Tibshirani 1993), seeded."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from memos.errors import InputError

Item = TypeVar("Item")
RESAMPLES = 1000
CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Estimate:
    """A metric with the interval that holds it with 95 % confidence.

    Args:
        value: the metric over all questions.
        low: lower end.
        high: upper end.
        n: questions that it is over.
    """

    value: float
    low: float
    high: float
    n: int


def mean(values: Sequence[float], seed: int) -> Estimate:
    """The mean of one value a question."""
    return _estimate(np.array(values), seed, lambda sample: sample.mean(axis=-1))


def percentile(values: Sequence[float], share: float, seed: int) -> Estimate:
    """The value that this share of the questions does not exceed."""
    return _estimate(np.array(values), seed, lambda sample: np.quantile(sample, share, axis=-1))


def _estimate(values: np.ndarray, seed: int, statistic: object) -> Estimate:
    assert callable(statistic)
    picks = np.random.default_rng(seed).integers(0, len(values), (RESAMPLES, len(values)))
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(statistic(values[picks]), [tail, 1 - tail])
    return Estimate(float(statistic(values)), float(low), float(high), len(values))


def sampled(
    items: Sequence[Item], of: Callable[[Item], str], category: str, limit: int | None, seed: int
) -> list[Item]:
    """Those of a category, or a random sample of them, in their order.

    Args:
        items: questions.
        of: the category of one, such as `qa1/128k`.
        category: a category, or a part of one (`qa1`, `128k`); empty: all.
        limit: how many at most; None: all.
        seed: of the sample.

    Raises:
        InputError: there is none of this category; the sentence says which there are.
    """
    kept = [one for one in items if not category or category in (of(one), *of(one).split("/"))]
    if not kept:
        known = ", ".join(sorted({of(one) for one in items})) or "none at all"
        raise InputError(f"There is no question of category {category!r}; there are {known}.")
    if limit is None or limit >= len(kept):
        return kept
    return [kept[place] for place in sorted(random.Random(seed).sample(range(len(kept)), limit))]


def by_category(scored: Sequence[tuple[str, Mapping[str, float]]], seed: int) -> dict[str, Estimate]:
    """The mean of every metric, over all questions and, as `metric/category`, over those of each category.

    Args:
        scored: a category and its metrics for each question.
        seed: of the resampling.
    """
    collected: dict[str, list[float]] = {}
    several = len({category for category, _ in scored}) > 1
    for category, metrics in scored:
        for name, value in metrics.items():
            collected.setdefault(name, []).append(value)
            if several:
                collected.setdefault(f"{name}/{category}", []).append(value)
    ordered = sorted(collected, key=lambda name: ("/" in name, name.partition("/")[2]))
    return {name: mean(collected[name], seed) for name in ordered}
