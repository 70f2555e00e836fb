"""Rotary positions beyond the trained window: every method that frozen weights can run, as numbers.

Each method is a frozen value that turns what a model was trained with into what llama.cpp is told (`Positions`). It
knows formulas and their sources; it knows no file, no context, no cache, and not which method is best
(`agents.window`).

With d rotary dimensions, base b, pair i of d/2, the trained length L and s = target / L, plain positions turn pair i by
θ_i = b^(-2i/d) radians a token (Su et al., "RoFormer", arXiv 2104.09864).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

MODEL, NONE, LINEAR, YARN = "model", "none", "linear", "yarn"
ALIBI = ("bloom", "mpt", "refact", "jais")
LEARNED = ("gpt2", "starcoder", "codeshell", "bert", "nomic-bert", "gptj")
RECURRENT = ("mamba", "mamba2", "rwkv6", "rwkv6qwen2", "rwkv7", "arwkv7", "jamba", "falcon-h1", "plamo2", "lfm2")


@dataclass(frozen=True, slots=True)
class Rotary:
    """What a model says of its own positions.

    Args:
        trained: window of the training in tokens (L).
        dimensions: rotary dimensions of a head (d).
        base: of the frequencies (b).
        scaling: what its author already applied: `none`, `linear`, `yarn`, `longrope`, …
        sliding: tokens that a sliding layer sees; 0: none slide.
        refusal: why its positions cannot be scaled; empty where they can.
    """

    trained: int
    dimensions: int
    base: float = 10_000.0
    scaling: str = NONE
    sliding: int = 0
    refusal: str = ""

    @classmethod
    def read(cls, architecture: str, metadata: Mapping[str, Any]) -> Rotary:
        """From a GGUF file's header.

        Args:
            architecture: `general.architecture`.
            metadata: the header's keys and values.
        """

        def number(key: str, default: float = 0) -> float:
            value = metadata.get(f"{architecture}.{key}", default)
            return float(value) if isinstance(value, int | float) else default

        heads = number("attention.head_count") or 1
        width = number("attention.key_length") or number("embedding_length") // heads
        scaling = str(metadata.get(f"{architecture}.rope.scaling.type", NONE) or NONE)
        return cls(
            trained=int(number("context_length")),
            dimensions=int(number("rope.dimension_count") or width),
            base=number("rope.freq_base") or 10_000.0,
            scaling=scaling,
            sliding=int(number("attention.sliding_window")),
            refusal=_refusal(architecture, metadata, scaling),
        )


def _refusal(architecture: str, metadata: Mapping[str, Any], scaling: str) -> str:
    keys = {key.removeprefix(f"{architecture}.") for key in metadata}
    if architecture in RECURRENT or any(key.startswith(("ssm.", "wkv.", "shortconv.")) for key in keys):
        return "it is recurrent: its state has no positions to scale"
    if architecture in ALIBI or "attention.max_alibi_bias" in keys:
        return "it biases attention by distance (ALiBi) and has no rotary positions"
    if architecture in LEARNED:
        return "its positions are learned and end with the training"
    if "rope.dimension_sections" in keys:
        return "its positions have several parts (M-RoPE)"
    if scaling != NONE:
        return f"its author scaled its positions already ({scaling})"
    return ""


@dataclass(frozen=True, slots=True)
class Positions:
    """What llama.cpp is told of positions, and what is done to its cache. The defaults leave a model as it is.

    Args:
        scaling: `rope_scaling_type`; `model` is the header's.
        base: `rope_freq_base`; 0 is the model's.
        scale: `rope_freq_scale`; 0 is the model's.
        original: `yarn_orig_ctx`, in tokens; 0 is the model's trained window.
        reach: tokens that they are good for; 0 is the trained window.
        group: tokens that share a position far from the end (Self-Extend's G); 1: none do.
        neighbours: tokens before the end that keep their own positions (Self-Extend's W).
        sinks: first tokens that stay where all but the last `span` are dropped (LM-Infinite); 0: nothing is dropped.
        span: how many of the last tokens stay then.
    """

    scaling: str = MODEL
    base: float = 0.0
    scale: float = 0.0
    original: int = 0
    reach: int = 0
    group: int = 1
    neighbours: int = 0
    sinks: int = 0
    span: int = 0

    @property
    def key(self) -> str:
        """Keys and values of one text under equal positions are equal: a part of a snapshot's key."""
        return f"{self.scaling}:{self.base:.6g}:{self.scale:.6g}:{self.original}:{self.group}:{self.neighbours}"

    def frequencies(self, rotary: Rotary) -> NDArray[np.float64]:
        """Radians a token for every pair of dimensions, shape (d/2,), as `ggml_rope_ext` computes them."""
        base = self.base or rotary.base
        plain = base ** (-np.arange(0, rotary.dimensions, 2, dtype=np.float64) / rotary.dimensions)
        scaled = plain * (self.scale or 1.0)
        if self.scaling != YARN:
            return scaled
        keep = yarn_ramp(rotary.dimensions, base, self.original or rotary.trained)
        return scaled * (1 - keep) + plain * keep

    def attention(self) -> float:
        """What queries and keys are multiplied with each (YaRN's √(1/t))."""
        return 1 + 0.1 * math.log(1 / self.scale) if self.scaling == YARN and self.scale else 1.0

    def turns(self, rotary: Rotary) -> tuple[object, ...]:
        """What distinguishes positions from others in effect, however they are told to llama.cpp."""
        moved = (self.group, self.neighbours if self.group > 1 else 0, self.sinks, self.span)
        turned = tuple(round(float(each), 9) for each in np.log(self.frequencies(rotary)) + 0.0)
        return (turned, self.attention(), *moved)

    def position(self, index: int, length: int) -> int:
        """Where the token at an index stands once `length` tokens are in the cache, if all far ones are grouped."""
        far = max(0, length - self.neighbours) // self.group * self.group if self.group > 1 else 0
        return index // self.group if index < far else index - far + far // self.group


UNSCALED = Positions()
"""A model's own positions."""


def yarn_ramp(dimensions: int, base: float, trained: int, fast: float = 32, slow: float = 1) -> NDArray[np.float64]:
    """Share of its own frequency that each pair keeps: 1 where it turns more than `fast` times in the trained window,
    0 where less than `slow` times. YaRN's γ, with llama.cpp's rounding of its ends to whole pairs."""

    def pair(turns: float) -> float:
        return dimensions * math.log(trained / (turns * 2 * math.pi)) / (2 * math.log(base))

    low, high = max(0, math.floor(pair(fast))), min(dimensions - 1, math.ceil(pair(slow)))
    along = (np.arange(dimensions // 2, dtype=np.float64) - low) / max(0.001, high - low)
    return 1 - np.clip(along, 0, 1)


class Method(Protocol):
    """A way to use a model beyond its trained window."""

    @property
    def name(self) -> str:
        """What a user calls it."""

    def positions(self, rotary: Rotary, target: int) -> Positions:
        """What llama.cpp is told so that `target` tokens can be used."""


def stretch(rotary: Rotary, target: int) -> float:
    """How many times the trained window a target is; 1 inside it."""
    return max(1.0, target / rotary.trained)


@dataclass(frozen=True, slots=True)
class Plain:
    """The model as it is. Beyond its training it meets angles that it never saw."""

    name: str = "plain"

    def positions(self, rotary: Rotary, target: int) -> Positions:
        """Nothing is told but how far it is used."""
        return Positions(reach=max(target, rotary.trained))


@dataclass(frozen=True, slots=True)
class Linear:
    """Position interpolation: every angle is divided by s. Chen et al., arXiv 2306.15595. Needs tuned weights."""

    name: str = "linear"

    def positions(self, rotary: Rotary, target: int) -> Positions:
        """`rope_freq_scale = 1/s`."""
        return Positions(scaling=LINEAR, scale=1 / stretch(rotary, target), reach=max(target, rotary.trained))


@dataclass(frozen=True, slots=True)
class NTK:
    """NTK-aware scaling: the slowest pair is interpolated by s, the fastest not at all. bloc97, 2023; in Peng et al.,
    arXiv 2309.00071, eq. 16: b' = b · α^(d/(d-2))."""

    factor: float = 1.0  # α = factor · s: some room beyond the target makes it better (bloc97 uses α = 2 s)
    name: str = "ntk"

    def positions(self, rotary: Rotary, target: int) -> Positions:
        """`rope_freq_base = b'`."""
        s = stretch(rotary, target)
        alpha = s if s == 1 else s * self.factor
        return Positions(NONE, ntk_base(rotary, alpha), 1.0, reach=max(target, rotary.trained))


def ntk_base(rotary: Rotary, alpha: float) -> float:
    """The base at which the slowest pair turns α times slower."""
    return rotary.base * float(alpha ** (rotary.dimensions / (rotary.dimensions - 2)))


@dataclass(frozen=True, slots=True)
class Bucketed:
    """A method whose scale follows the length: inside the trained window the model is as it was. emozilla, "Dynamically
    Scaled RoPE", 2023. The base of a llama.cpp context is fixed, so lengths come in buckets, each with a context of its
    own: doublings of the trained window. α of a bucket that ends at n is α·n/L - (α - 1), which at α = 1 is n/L.
    """

    inner: Method
    name: str

    def positions(self, rotary: Rotary, target: int) -> Positions:
        """Those of the bucket that `target` tokens fall into."""
        return self.inner.positions(rotary, bucket(rotary.trained, target))


def bucket(trained: int, length: int) -> int:
    """The end of the bucket that a length falls into: the trained window, doubled as often as needed."""
    end = trained
    while end < length:
        end *= 2
    return end


@dataclass(frozen=True, slots=True)
class YaRN:
    """NTK by parts, and sharper attention. Peng et al., arXiv 2309.00071: fast pairs stay, slow ones are interpolated,
    between them a ramp; logits are scaled by (1 + 0.1 ln s)².

    Args:
        alpha: the base is NTK's for this α first (YaRN over an NTK base); 1 leaves it.
    """

    alpha: float = 1.0
    name: str = "yarn"

    def positions(self, rotary: Rotary, target: int) -> Positions:
        """`rope_freq_scale = 1/s`, `yarn_orig_ctx = L`."""
        s = stretch(rotary, target)
        base = ntk_base(rotary, self.alpha) if s > 1 else rotary.base
        return Positions(YARN, base, 1 / s, original=rotary.trained, reach=max(target, rotary.trained))


@dataclass(frozen=True, slots=True)
class LargerBase:
    """Adjusted base frequency: Xiong et al., arXiv 2309.16039, with the base that the scaling law of Liu et al.,
    arXiv 2310.05209, asks for (`base_for`)."""

    name: str = "abf"

    def positions(self, rotary: Rotary, target: int) -> Positions:
        """`rope_freq_base`, never below the model's."""
        base = max(rotary.base, base_for(rotary, target)) if target > rotary.trained else rotary.base
        return Positions(NONE, base, 1.0, reach=max(target, rotary.trained))


def critical_dimension(rotary: Rotary) -> int:
    """How many dimensions turned all the way round in training: 2⌈(d/2) log_b(L/2π)⌉, at most d. Liu et al., eq. 5."""
    turned = 2 * math.ceil(rotary.dimensions / 2 * math.log(rotary.trained / (2 * math.pi), rotary.base))
    return min(rotary.dimensions, max(2, turned))


def reachable(rotary: Rotary, base: float) -> float:
    """Tokens that a base reaches: 2π · base^(d_critical/d). Liu et al., theorem 2."""
    return 2 * math.pi * float(base ** (critical_dimension(rotary) / rotary.dimensions))


def base_for(rotary: Rotary, target: int) -> float:
    """The smallest base that reaches a target; the inverse of `reachable`."""
    return float((target / (2 * math.pi)) ** (rotary.dimensions / critical_dimension(rotary)))


@dataclass(frozen=True, slots=True)
class SelfExtend:
    """Self-Extend: far tokens share positions in groups of G, the last W keep their own. Jin et al., arXiv 2401.01325.

    A query at m sees a far key at n at distance ⌊m/G⌋ - ⌊n/G⌋ + W - ⌊W/G⌋. With keys already turned in the cache, far
    keys are moved to n/G and the rest down behind them, which is the same distance. Nothing is spared in memory.
    """

    neighbours: float = 0.25  # W as a share of the trained window
    name: str = "self-extend"

    def positions(self, rotary: Rotary, target: int) -> Positions:
        """The smallest G whose reach (L - W)·G + W holds the target."""
        kept = int(rotary.trained * self.neighbours)
        group = math.ceil((target - kept) / (rotary.trained - kept))
        if group <= 1:
            return Positions(reach=rotary.trained)
        reach = (rotary.trained - kept) * group + kept
        return Positions(reach=reach, group=group, neighbours=kept)


@dataclass(frozen=True, slots=True)
class Sinks:
    """LM-Infinite and attention sinks: the first tokens stay, all others but the last are dropped. Han et al.,
    arXiv 2308.16137; Xiao et al., arXiv 2309.17453. Fluent without end, blind to what was dropped."""

    first: int = 4
    name: str = "sinks"

    def positions(self, rotary: Rotary, target: int) -> Positions:
        """Half of the trained window rolls."""
        if target <= rotary.trained:
            return Positions(reach=rotary.trained)
        return Positions(reach=target, sinks=self.first, span=rotary.trained // 2)


METHODS: tuple[Method, ...] = (
    Plain(),
    Linear(),
    NTK(),
    NTK(factor=2, name="ntk-2"),
    Bucketed(NTK(), "dynamic-ntk"),
    Bucketed(Linear(), "dynamic-linear"),
    YaRN(),
    YaRN(alpha=2, name="yarn-ntk"),
    LargerBase(),
    SelfExtend(),
    Sinks(),
)
"""Every method, by what `--rope` calls it."""

KNOWN_ORDER = ("yarn", "dynamic-ntk", "self-extend", "abf")
"""Where nothing was measured, the first of these that fits (docs/decisions/0014-window.md)."""


def method(name: str) -> Method | None:
    """A method by its name."""
    return next((one for one in METHODS if one.name == name), None)


def unscaled(positions: Positions) -> bool:
    """Whether a model's own positions are used as they are."""
    return replace(positions, reach=0) == UNSCALED
