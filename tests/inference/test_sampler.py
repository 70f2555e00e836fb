"""Sampling: seeded, masked, and kept from repeating."""

from __future__ import annotations

import numpy as np
import pytest

from memos.generation import Echo, Sampling
from memos.inference.sampler import Repetition, Sampler, Vocabulary

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


WORDS = [b" the", b" cat", b" sat", b" on", b"s", b" The", b" mat", "上".encode()]
THE, CAT, SAT, ON, S, CAPITAL, MAT, CHINESE = range(len(WORDS))
DRY = Sampling(dry_multiplier=0.8, dry_base=2.0, dry_allowed_length=2)


def repetition(*echoes: Echo, sampling: Sampling = DRY) -> Repetition:
    return Repetition(sampling, echoes, Vocabulary(WORDS))


def test_the_next_token_of_a_run_costs_more_the_longer_the_run_is() -> None:
    rule = repetition(Echo((THE, CAT, SAT, ON, MAT), allowed=2))
    assert rule.penalties([CAT]) == {}, "one token may be repeated"
    assert rule.penalties([THE, CAT]) == {SAT: pytest.approx(0.8)}
    assert rule.penalties([THE, CAT, SAT]) == {ON: pytest.approx(1.6)}
    assert rule.penalties([MAT, CAT, SAT]) == {ON: pytest.approx(0.8)}, "the run is what both have in common"
    assert repetition(Echo((THE, CAT, SAT), allowed=3)).penalties([THE, CAT]) == {}


def test_what_is_being_said_is_not_repeated_either() -> None:
    assert repetition().penalties([THE, CAT, SAT, ON, THE, CAT]) == {SAT: pytest.approx(0.8)}


def test_the_largest_penalty_of_several_counts_and_long_runs_do_not_overflow() -> None:
    both = repetition(Echo((THE, CAT, SAT), allowed=2), Echo((ON, THE, CAT, SAT), allowed=2))
    assert both.penalties([ON, THE, CAT]) == {SAT: pytest.approx(1.6)}
    endless = repetition(Echo((CAT,) * 5000, allowed=2)).penalties([CAT] * 4000)[CAT]
    assert np.isfinite(endless) and endless > 1e6


def test_a_penalty_leads_to_another_word_and_never_to_a_misspelled_one() -> None:
    rule = repetition(Echo((CAT, SAT, THE, S), allowed=2))
    lowered = rule.penalise(np.zeros(len(WORDS), dtype=np.float32), [CAT, SAT])
    assert lowered[THE] == lowered[CAPITAL] == lowered[S] == pytest.approx(-0.8)
    assert lowered[MAT] == 0
    assert rule.penalties([SAT, THE]) == {}, "a word that has begun is finished"


def test_a_penalty_does_not_lead_to_a_word_in_a_script_that_nothing_is_in() -> None:
    pieces = [b" the", b" wind", "风".encode(), " ветер".encode(), "かぜ".encode(), b" gale", b"."]
    the, wind, chinese, russian, japanese, _, stop = range(len(pieces))

    def lowered(*said: int) -> list[int]:
        rule = Repetition(DRY, [Echo(said, allowed=1)], Vocabulary(pieces))
        return np.flatnonzero(rule.penalise(np.zeros(len(pieces), dtype=np.float32), [said[0]])).tolist()

    assert lowered(the, wind) == [wind, chinese, russian, japanese]
    assert lowered(the, wind, chinese) == [wind, russian], "Japanese has Chinese letters"
    assert lowered(russian, stop) == [chinese, japanese, stop], "names in Latin stand in any text"


def test_numbers_and_codes_are_left_alone() -> None:
    pieces = [b" the", b" code", b" is", b" ", b"7", b"f", b"-", b"4", b"."]
    the, code, is_, space, seven, letter, hyphen, four, stop = range(len(pieces))
    said = Echo((the, code, is_, space, seven, letter, hyphen, four, stop, the), allowed=1)
    rule = Repetition(DRY, [said], Vocabulary(pieces))
    assert rule.penalties([the, code]) == {is_: pytest.approx(1.6)}
    assert rule.penalties([code, is_, space]) == {}, "a digit is not another word"
    for inside in ([seven], [seven, letter], [seven, letter, hyphen], [seven, letter, hyphen, four]):
        assert rule.penalties([code, is_, space, *inside]) == {}, "nor is what follows one"
    assert rule.penalties([hyphen, four, stop]) == {the: pytest.approx(3.2)}, "a full stop ends it"


def test_without_a_multiplier_nothing_changes() -> None:
    logits = np.zeros(len(WORDS), dtype=np.float32)
    free = repetition(Echo((THE, CAT, SAT), allowed=1), sampling=Sampling())
    assert free.penalise(logits, [THE, CAT]) is logits
