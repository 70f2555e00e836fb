"""What an eviction by shift costs in quality, and what it spares: beside reading everything that stays again.

    python -m bench.shift [--data FILE] [--models A,B] [--tokens 2600] [--seed 0]

A conversation of LoCoMo fills the context; its first half leaves for a summary. In what stays, the user tells ten
four-digit codes. By either way: the divergence of the next token's distribution (Kullback-Leibler, nats) from the exact
one over the words that follow in the conversation, how many codes come back when they are asked for, and seconds.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.machine import describe, write
from bench.paging import MODELS
from bench.replay import LOCOMO, Tokens, conversation
from bench.resident import forget, read
from memos.agents.composition import load_model
from memos.generation import Generated, Sampling, TextGrammar, shared_prefix
from memos.inference.engine import LlamaModel
from memos.settings import Settings

SYSTEM = "You are a helpful companion who answers in one short sentence."
SUMMARY = " Earlier the two of you spoke about their week, their families and their plans."
THINGS = (
    "locker",
    "suitcase",
    "bicycle lock",
    "garage",
    "gym card",
    "safe",
    "alarm",
    "mailbox",
    "tablet",
    "garden gate",
)
FOLLOWING = 48  # tokens over which the divergence is averaged


def main() -> None:
    """Compare for every model, and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, default=LOCOMO)
    parser.add_argument("--models", default=MODELS)
    parser.add_argument("--tokens", type=int, default=2600, help="before the eviction")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if not options.data.exists():
        sys.exit(f"There is no {options.data}; name a LoCoMo file with --data.")
    rows = []
    for name in options.models.split(","):
        model = load_model(Settings(model=name, context=4096))
        assert isinstance(model, LlamaModel)
        try:
            rows.append({"model": name, **compared(model, options)})
            print(rows[-1], flush=True)
        finally:
            model.close()
    command = f"python -m bench.shift --models {options.models} --tokens {options.tokens} --seed {options.seed}"
    result = {**describe(command), "seed": options.seed, "data": options.data.name, "rows": rows}
    print(f"written to {write('shift', result)}")


def compared(model: LlamaModel, options: argparse.Namespace) -> dict[str, Any]:
    """Both ways on one model."""
    numbers = random.Random(options.seed)
    talk = conversation(options.data, 100, options.seed)
    size = next(n for n in range(1, 100) if len(laid_out(model, SYSTEM, talk[:n])) > options.tokens)
    half, following = size // 2, " ".join(talk[size])
    codes = {thing: f"{numbers.randrange(1000, 10000)}" for thing in THINGS}
    stays = list(talk[half:size])
    for place, (thing, code) in enumerate(codes.items()):
        index = place * len(stays) // len(codes)
        user, answer = stays[index]
        stays[index] = (f"{user} By the way, the code of my {thing} is {code}.", answer)
    before = laid_out(model, SYSTEM, [*talk[:half], *stays])
    after = laid_out(model, SYSTEM + SUMMARY, stays)

    exact = by(model, before, after, following, codes, shift=False)
    moved = by(model, before, after, following, codes, shift=True)
    pairs = zip(exact.pop("logits"), moved.pop("logits"), strict=True)
    divergences = [divergence(one, two) for one, two in pairs]
    return {
        "tokens_before": len(before),
        "tokens_after": len(after),
        "kl_mean": round(float(np.mean(divergences)), 4),
        "kl_median": round(float(np.median(divergences)), 4),
        "positions": len(divergences),
        "asked": len(codes),
        "exact": exact,
        "shift": moved,
    }


def by(
    model: LlamaModel, before: Tokens, after: Tokens, following: str, codes: dict[str, str], *, shift: bool
) -> dict[str, Any]:
    """Evict by one way, and look at what the model says then."""
    forget(model)
    read(model, before)
    started = time.perf_counter()
    if shift:
        start = shared_prefix(before, after)
        tail = min(shared_prefix(before[::-1], after[::-1]), len(after) - start)
        evaluated = model.splice(start, len(before) - tail, after[start : len(after) - tail])
    else:
        evaluated = len(after) - shared_prefix(before, after)
        read(model, after)
    seconds = time.perf_counter() - started
    kept = model.snapshot()
    right = sum(code in asked(model, after, thing) for thing, code in codes.items())
    model.restore(kept)
    lead = model.scaffold.model_to_user
    logits = []
    words = lead + model.tokenize(following)
    for end in range(len(lead), min(len(words), len(lead) + FOLLOWING)):
        read(model, after + words[:end])
        logits.append(model._llama.logits().copy())
    return {"seconds": round(seconds, 3), "evaluated": evaluated, "right": right, "logits": logits}


def asked(model: LlamaModel, prompt: Tokens, thing: str) -> str:
    """What the model answers when a code is asked for."""
    scaffold = model.scaffold
    question = model.tokenize(f"What is the code of my {thing}? Answer with the number.")
    whole = prompt + scaffold.model_to_user + question + scaffold.user_to_model
    items = model.generate(whole, TextGrammar(), limit=16, sampling=Sampling(), cancelled=lambda: False, fork=True)
    return next(item.text for item in items if isinstance(item, Generated))


def laid_out(model: LlamaModel, system: str, turns: Sequence[tuple[str, str]]) -> Tokens:
    """A conversation as the model's template lays it out, up to its last answer."""
    scaffold = model.scaffold
    tokens = scaffold.open + model.tokenize(system)
    lead = scaffold.system_to_user
    for user, answer in turns:
        tokens += lead + model.tokenize(user) + scaffold.user_to_model + model.tokenize(answer)
        lead = scaffold.model_to_user
    return tokens


def divergence(one: NDArray[np.float32], two: NDArray[np.float32]) -> float:
    """Kullback-Leibler divergence of the next token's distribution, in nats."""
    first, second = (_log_shares(logits.astype(np.float64)) for logits in (one, two))
    return float(np.sum(np.exp(first) * (first - second)))


def _log_shares(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    shifted = logits - logits.max()
    return np.asarray(shifted - np.log(np.exp(shifted).sum()))


if __name__ == "__main__":
    main()
