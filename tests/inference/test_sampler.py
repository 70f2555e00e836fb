"""Sampling: seeded, masked, and without long copies."""

from __future__ import annotations

import numpy as np

from memos.inference.sampler import Repeats, Sampler
from memos.protocols import Sampling

LOGITS = np.array([0.0, 3.0, 2.9, -1.0, 2.0], dtype=np.float32)


def test_greedy_takes_the_likeliest_admitted_token() -> None:
    assert Sampler(Sampling()).sample(LOGITS, None) == 1
    allowed = np.array([True, False, False, True, True])
    assert Sampler(Sampling()).sample(LOGITS, allowed) == 4


def test_a_seed_gives_the_same_draws_and_another_seed_others() -> None:
    def draw(seed: int) -> list[int]:
        sampler = Sampler(Sampling(temperature=1.5, min_p=0.0, top_p=1.0, seed=seed))
        return [sampler.sample(LOGITS, None) for _ in range(40)]

    assert draw(1) == draw(1) != draw(2)


def test_top_k_top_p_and_min_p_drop_the_unlikely() -> None:
    for sampling in (
        Sampling(temperature=5, top_k=2, top_p=1, min_p=0, seed=3),
        Sampling(temperature=5, top_k=0, top_p=0.6, min_p=0, seed=3),
        Sampling(temperature=5, top_k=0, top_p=1, min_p=0.8, seed=3),
    ):
        sampler = Sampler(sampling)
        assert {sampler.sample(LOGITS, None) for _ in range(60)} == {1, 2}


def test_a_copied_run_is_ended_unless_nothing_else_is_admitted() -> None:
    repeats = Repeats([5, 6, 7, 8, 9], longest=3)
    allowed = np.ones(10, dtype=np.bool_)
    assert not repeats.forbid([5, 6, 7], allowed)[8]
    assert repeats.forbid([6, 7], allowed)[8], "shorter runs may be copied"
    only = np.zeros(10, dtype=np.bool_)
    only[8] = True
    assert repeats.forbid([5, 6, 7], only)[8]
