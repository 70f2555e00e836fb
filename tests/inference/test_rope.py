"""The formulas of rotary positions, against their papers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from memos.inference.rope import (
    METHODS,
    NTK,
    LargerBase,
    Linear,
    Positions,
    Rotary,
    SelfExtend,
    Sinks,
    YaRN,
    base_for,
    bucket,
    critical_dimension,
    method,
    reachable,
    unscaled,
)

rotaries = some.builds(
    Rotary,
    trained=some.sampled_from([512, 2048, 4096, 8192, 32768]),
    dimensions=some.sampled_from([32, 64, 80, 96, 128]),
    base=some.sampled_from([10_000.0, 100_000.0, 500_000.0, 1_000_000.0]),
)
scales = some.floats(1.01, 16)


def plain(rotary: Rotary) -> np.ndarray:
    return np.array([rotary.base ** (-2 * i / rotary.dimensions) for i in range(rotary.dimensions // 2)])


@given(rotaries, some.floats(0.1, 1))
def test_inside_the_trained_window_every_method_is_the_identity(rotary: Rotary, share: float) -> None:
    for one in METHODS:
        positions = one.positions(rotary, max(1, int(rotary.trained * share)))
        assert np.allclose(positions.frequencies(rotary), plain(rotary), rtol=1e-12), one.name
        assert positions.turns(rotary) == Positions().turns(rotary), one.name
        assert [positions.position(i, rotary.trained) for i in (0, 7, 99)] == [0, 7, 99]


@given(rotaries, scales)
def test_linear_divides_every_angle(rotary: Rotary, s: float) -> None:
    target = math.ceil(rotary.trained * s)
    frequencies = Linear().positions(rotary, target).frequencies(rotary)
    assert np.allclose(frequencies * target / rotary.trained, plain(rotary))


@given(rotaries, scales)
def test_ntk_keeps_the_fastest_pair_and_interpolates_the_slowest(rotary: Rotary, s: float) -> None:
    target = math.ceil(rotary.trained * s)
    frequencies = NTK().positions(rotary, target).frequencies(rotary)
    assert frequencies[0] == 1
    assert frequencies[-1] * target / rotary.trained == pytest.approx(plain(rotary)[-1])


def reference_yarn(rotary: Rotary, s: float) -> list[float]:
    """YaRN as the paper has it (section 3.2), pair by pair, but for the ends of the ramp, which llama.cpp and the
    authors' code round to whole pairs."""
    d, b, trained = rotary.dimensions, rotary.base, rotary.trained

    def turns_at(turns: float) -> float:
        return d * math.log(trained / (2 * math.pi * turns)) / (2 * math.log(b))

    low, high = max(math.floor(turns_at(32)), 0), min(math.ceil(turns_at(1)), d - 1)
    found = []
    for i in range(d // 2):
        theta = b ** (-2 * i / d)
        gamma = 1 - min(1.0, max(0.0, (i - low) / max(0.001, high - low)))
        found.append((1 - gamma) * theta / s + gamma * theta)
    return found


@given(rotaries, scales)
def test_yarn_is_the_papers(rotary: Rotary, s: float) -> None:
    target = math.ceil(rotary.trained * s)
    positions = YaRN().positions(rotary, target)
    assert np.allclose(positions.frequencies(rotary), reference_yarn(rotary, target / rotary.trained), rtol=1e-12)
    assert positions.attention() == pytest.approx(0.1 * math.log(target / rotary.trained) + 1)
    assert positions.original == rotary.trained


def test_yarn_keeps_what_turned_often_and_interpolates_what_never_turned() -> None:
    rotary = Rotary(trained=4096, dimensions=128)
    frequencies, before = YaRN().positions(rotary, 16384).frequencies(rotary), plain(rotary)
    often, never = before * 4096 / (2 * math.pi) > 40, before * 4096 / (2 * math.pi) < 0.9
    assert often.any() and never.any()
    assert np.allclose(frequencies[often], before[often]) and np.allclose(frequencies[never], before[never] / 4)


def test_yarn_over_an_ntk_base_turns_slower_than_yarn() -> None:
    rotary = Rotary(trained=4096, dimensions=128)
    both, yarn = (YaRN(alpha=alpha).positions(rotary, 8192).frequencies(rotary) for alpha in (2, 1))
    assert (both[1:] < yarn[1:]).all()


def test_the_scaling_law_gives_the_papers_numbers() -> None:
    """Liu et al.: LLaMA 2 (d 128, base 10,000, 4,096 tokens) has a critical dimension of 92."""
    llama2 = Rotary(trained=4096, dimensions=128)
    assert critical_dimension(llama2) == 92
    assert reachable(llama2, 10_000) == pytest.approx(2 * math.pi * 10_000 ** (92 / 128))


@given(rotaries, scales)
def test_base_and_reach_are_inverses(rotary: Rotary, s: float) -> None:
    target = math.ceil(rotary.trained * s)
    assert reachable(rotary, base_for(rotary, target)) == pytest.approx(target)
    assert LargerBase().positions(rotary, target).base >= rotary.base


@given(some.sampled_from([64, 128, 2048]), some.integers(1, 8), some.integers(0, 4000))
def test_self_extends_distances_are_the_papers(neighbours: int, group: int, length: int) -> None:
    """g(m, n) = ⌊m/G⌋ - ⌊n/G⌋ + W - ⌊W/G⌋ for far keys, m - n for near ones; W moves with what is grouped."""
    positions = Positions(group=group, neighbours=neighbours)
    far = max(0, length - neighbours) // group * group if group > 1 else 0
    query, kept = length, length - far  # the next token; so many before it keep their distances
    at = query - far + far // group
    for key in range(0, length, 7):
        distance = at - positions.position(key, length)
        if key >= far:
            assert distance == query - key
        else:
            paper = query // group - key // group + kept - kept // group
            assert abs(distance - paper) <= 1  # ⌊m/G⌋ and ⌊W/G⌋ are rounded apart in the paper
    if length % group == 0 and kept % group == 0 and far:
        assert at - positions.position(0, length) == query // group + kept - kept // group


def test_self_extends_group_is_the_smallest_that_reaches() -> None:
    rotary = Rotary(trained=8192, dimensions=64)
    positions = SelfExtend().positions(rotary, 16384)
    assert (positions.group, positions.neighbours, positions.reach) == (3, 2048, 20480)
    assert SelfExtend().positions(rotary, 14000).group == 2


def test_buckets_are_doublings() -> None:
    assert [bucket(512, length) for length in (1, 512, 513, 1024, 1025)] == [512, 512, 1024, 1024, 2048]
    rotary = Rotary(trained=512, dimensions=64)
    dynamic = method("dynamic-ntk")
    assert dynamic is not None
    assert dynamic.positions(rotary, 700) == NTK().positions(rotary, 1024)


def test_sinks_roll_only_beyond_the_training() -> None:
    rotary = Rotary(trained=1024, dimensions=64)
    assert unscaled(Sinks().positions(rotary, 1024))
    assert (Sinks().positions(rotary, 5000).sinks, Sinks().positions(rotary, 5000).span) == (4, 512)


@pytest.mark.parametrize(
    ("architecture", "header", "why"),
    [
        ("llama", {}, ""),
        ("mamba", {}, "recurrent"),
        ("granitehybrid", {"granitehybrid.ssm.state_size": 8}, "recurrent"),
        ("bloom", {}, "ALiBi"),
        ("llama", {"llama.attention.max_alibi_bias": 8.0}, "ALiBi"),
        ("gpt2", {}, "learned"),
        ("qwen2vl", {"qwen2vl.rope.dimension_sections": (16, 24, 24)}, "M-RoPE"),
        ("llama", {"llama.rope.scaling.type": "yarn"}, "scaled its positions already (yarn)"),
    ],
)
def test_a_header_says_whether_positions_can_be_scaled(architecture: str, header: dict[str, object], why: str) -> None:
    refusal = Rotary.read(architecture, header).refusal
    assert why in refusal and bool(why) == bool(refusal)


def test_a_header_is_read_and_what_it_leaves_out_is_the_formats_default() -> None:
    header = {"llama.context_length": 2048, "llama.embedding_length": 576, "llama.attention.head_count": 9}
    assert Rotary.read("llama", header) == Rotary(2048, 64, 10_000.0)
    more = {**header, "llama.rope.freq_base": 1e6, "llama.rope.dimension_count": 32}
    assert Rotary.read("llama", more) == Rotary(2048, 32, 1e6)
