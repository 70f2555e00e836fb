"""What a model still understands at a length: perplexity along a text, and whether it finds again what stood there.

One pass reads the text, with things to be found planted in it; then each is asked for behind the text and rolled back.
So a length costs one prefill, whatever is asked. It does not know which methods there are, where results are kept, or
what they are for.

Sources: passkeys, Mohtashami and Jaggi, arXiv 2305.16300, here several in one text as in RULER (Hsieh et al., arXiv
2404.06654); needles, Kamradt 2023; key-value pairs, Liu et al., arXiv 2307.03172.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import psutil

from memos.errors import InputError
from memos.generation import Reading
from memos.inference.engine import LlamaModel
from memos.inference.surprisal import nats

SCORED = 64  # tokens of every batch whose probability counts: the matrix of the vocabulary is what costs
ANSWER = 16  # tokens that an answer may have
ASKED = 64  # tokens that a question has at most
SHORTEST = 1024  # tokens; in less there would be little text beside what is planted in it
NUMBERS = (
    "pass key",
    "telephone number of the ferry office",
    "licence plate of the green van",
    "balance of the parish account",
    "height of the radio mast in millimetres",
    "frequency of the harbour radio",
    "membership number of Doctor Vance",
    "catalogue number of the silver comet",
    "weight of the great bell in pounds",
    "combination of the bicycle lock",
)
NEEDLES = (
    (
        "The tame heron of the Skomer lighthouse is called Gustav.",
        "The tame heron of the lighthouse is called",
        "Gustav",
    ),
    ("Ottilie's violin is made of cherry wood.", "Ottilie's violin is made of", "cherry"),
    ("The night train to Porto leaves from platform nineteen.", "The night train leaves from platform", "nineteen"),
    ("The secret of Henrike's soup is a spoon of mustard.", "The secret of Henrike's soup is a spoon of", "mustard"),
    ("The bakery in Lindenhof is painted purple.", "The bakery in Lindenhof is painted", "purple"),
)
PAIRS = 12


@dataclass(frozen=True, slots=True)
class Planted:
    """Something to be found again.

    Args:
        kind: `passkey`, `needle` or `pair`.
        depth: where it stands, as a share of the text.
        text: how it stands there.
        ask: what is said behind the text; the answer goes on from there.
        answer: what must be in the answer.
    """

    kind: str
    depth: float
    text: str
    ask: str
    answer: str


@dataclass(frozen=True, slots=True)
class Found:
    """What one length showed.

    Args:
        perplexity: over the whole text.
        by_position: end of a stretch in tokens, and the perplexity within it.
        passkey: share of passkeys that were found; so `needle` and `pair`.
        by_depth: kind, depth, whether it was found.
        seconds: wall time.
        peak_mb: the process's largest resident memory meanwhile, in MB.
    """

    perplexity: float
    by_position: tuple[tuple[int, float], ...]
    passkey: float
    needle: float
    pair: float
    by_depth: tuple[tuple[str, float, bool], ...]
    seconds: float
    peak_mb: float


def planted(seed: int) -> list[Planted]:
    """Ten passkeys, five needles and a list of pairs, by depth; a seed gives the numbers.

    The passkeys are numbers of ten kinds: of one kind, small models take one for the other at any length.
    """
    random = np.random.default_rng(seed)
    numbers = [str(number) for number in random.choice(90_000, len(NUMBERS) + PAIRS, replace=False) + 10_000]
    things = [
        Planted(
            "passkey",
            (index + 0.5) / len(NUMBERS),
            f" The {name} is {number}. Remember it: {number} is the {name}. ",
            f"\n\nThe {name} is",
            number,
        )
        for index, (name, number) in enumerate(zip(NUMBERS, numbers, strict=False))
    ]
    things += [
        Planted("needle", (index + 0.8) / len(NEEDLES), f" {told} ", f"\n\n{ask}", answer)
        for index, (told, ask, answer) in enumerate(NEEDLES)
    ]
    keys = [f"{key:06x}" for key in random.choice(1 << 24, PAIRS, replace=False)]
    values = numbers[len(NUMBERS) :]
    listed = "\n" + "\n".join(f'"{key}": "{value}"' for key, value in zip(keys, values, strict=True)) + "\n"
    for index in range(0, PAIRS, 3):
        text = listed if index == 0 else ""
        things.append(Planted("pair", 0.33, text, f'\n\n"{keys[index]}": "', values[index]))
    return sorted(things, key=lambda thing: thing.depth)


def probe(
    model: LlamaModel, text: str, length: int, *, seed: int, cancelled: Callable[[], bool] = lambda: False
) -> Iterator[Reading | Found]:
    """Read `length` tokens of a text and look at what the model makes of them.

    Args:
        model: with a window of at least `length`; what is resident is lost.
        text: long enough; where it begins is drawn by the seed.
        length: tokens, planted things included.
        seed: of the place and of the numbers.
        cancelled: asked between batches; nothing is found then.

    Yields:
        Progress, and at the end what was found.

    Raises:
        InputError: the text or the length is too short.
    """
    if length < SHORTEST:
        raise InputError(f"A length of {length:,} tokens is too short to be probed; {SHORTEST:,} is the least.")
    things = planted(seed)
    tokens, scored = laid_out(model, text, length - ASKED, things, seed)
    pass_ = _Pass(model)
    for done in pass_.read(tokens, scored):
        if cancelled():
            return
        yield Reading(done, len(tokens))
    answers = [(thing, thing.answer in pass_.asked(thing.ask)) for thing in things]
    yield pass_.found(answers, length)


def laid_out(
    model: LlamaModel, text: str, length: int, things: Sequence[Planted], seed: int
) -> tuple[list[int], list[bool]]:
    """The text with the things in it, and which tokens are its own.

    Raises:
        InputError: the text is too short.
    """
    words = model.tokenize(text)
    pieces = [(thing.depth, model.tokenize(thing.text)) for thing in things]
    needed = length - sum(len(piece) for _, piece in pieces)
    if len(words) < needed:
        raise InputError(f"The text has {len(words):,} tokens, and {needed:,} are needed for this length.")
    start = int(np.random.default_rng(seed).integers(0, len(words) - needed + 1))
    begin = [model._llama.begin] if model._llama.begin >= 0 else []
    tokens: list[int] = list(begin)
    own: list[bool] = [False] * len(begin)
    at = 0
    for depth, piece in pieces:
        until = int(depth * needed)
        tokens += [*words[start + at : start + until], *piece]
        own += [True] * (until - at) + [False] * len(piece)
        at = until
    tokens += words[start + at : start + needed]
    return tokens, own + [True] * (needed - at)


class _Pass:
    """One reading of one text."""

    def __init__(self, model: LlamaModel) -> None:
        self._cache, self._llama, self._model = model._cache, model._llama, model
        self._started = time.perf_counter()
        self._losses: list[tuple[int, float]] = []
        self._peak = 0

    def read(self, tokens: Sequence[int], own: Sequence[bool]) -> Iterator[int]:
        """Read from nothing; yields how many tokens were read."""
        self._cache.clear(0)
        step, positions = self._llama.options.batch, self._llama.options.positions
        for start in range(0, len(tokens), step):
            batch = tokens[start : start + step]
            outputs = min(SCORED, len(batch))
            self._cache.decode(batch, outputs=outputs)
            for behind in range(outputs):
                following = start + len(batch) - behind
                if following < len(tokens) and own[following]:
                    self._losses.append((following, nats(self._llama.logits(behind), tokens[following])))
            if positions.sinks:
                resident = len(self._cache.resident())
                if (stop := resident - positions.span) > positions.sinks:
                    self._cache.splice(positions.sinks, stop, ())
            self._peak = max(self._peak, psutil.Process().memory_info().rss)
            yield start + len(batch)

    def asked(self, question: str) -> str:
        """What the model says to a question behind the text; rolled back."""
        before = len(self._cache.resident())
        self._cache.decode(self._model.tokenize(question))
        said = b""
        for _ in range(ANSWER):
            token = int(np.argmax(self._llama.logits()))
            if self._llama.is_end(token):
                break
            said += self._llama.token_bytes(token)
            self._cache.decode([token])
        self._cache.drop(len(self._cache.resident()) - before, 0)
        return said.decode("utf-8", "replace")

    def found(self, answers: Sequence[tuple[Planted, bool]], length: int) -> Found:
        """What it showed."""
        places, losses = (np.array(column) for column in zip(*self._losses, strict=True))
        stretch = max(1, length // 8)
        ends = range(stretch, length + 1, stretch)
        parts = [(end, losses[(places >= end - stretch) & (places < end)]) for end in ends]
        share = {
            kind: [right for thing, right in answers if thing.kind == kind] for kind in ("passkey", "needle", "pair")
        }
        return Found(
            perplexity=round(math.exp(losses.mean()), 3),
            by_position=tuple((end, round(math.exp(part.mean()), 3)) for end, part in parts if len(part)),
            **{kind: round(sum(right) / len(right), 3) for kind, right in share.items()},
            by_depth=tuple((thing.kind, round(thing.depth, 2), right) for thing, right in answers),
            seconds=round(time.perf_counter() - self._started, 1),
            peak_mb=round(self._peak / 1e6),
        )
