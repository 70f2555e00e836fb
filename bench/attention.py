"""What sequences in one cache cost each other: attention in one pass passes over what a sequence does not have.

    python -m bench.attention [--model NAME] [--resident TOKENS[,TOKENS]] [--seed N]

The sides hold what the kernel's prompts with examples do, the main sequence a conversation. Then some tokens are read
behind the one or the other, with attention in one pass and without, one after the other in each round, so that a noisy
machine is noisy for both. The tokens are any: what they say does not change what reading them costs.
"""

from __future__ import annotations

import argparse
import random
import time
from dataclasses import replace
from statistics import median
from typing import Any

from bench.machine import describe, write
from memos.inference.llama import MAIN, SIDES, Llama, LlamaOptions
from memos.models.store import resolve

EXAMPLES = 512  # tokens on each side
READ = (128, 16, 1)  # tokens: a page, a question, and one that is generated
ROUNDS = 5


def main() -> None:
    """Read with both, and write what it costs."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", default="qwen2.5-coder-1.5b")
    parser.add_argument("--resident", default="1536,4096")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    command = f"python -m bench.attention --model {options.model} --resident {options.resident} --seed {options.seed}"
    rows: list[dict[str, Any]] = []
    for resident in map(int, options.resident.split(",")):
        for row in compare(options.model, resident, random.Random(options.seed)):
            print(row, flush=True)
            rows.append(row)
    result = {**describe(command), "model": options.model, "seed": options.seed, "examples": EXAMPLES, "rows": rows}
    print(f"written to {write('attention', result)}")


def compare(model: str, resident: int, rng: random.Random) -> list[dict[str, Any]]:
    """Seconds of reading behind `resident` tokens, and behind a side's examples, by how many are read."""
    options = LlamaOptions(window=resident + max(READ))
    path = resolve(model)
    arms = {flash: Llama(path, replace(options, flash_attention=flash)) for flash in (False, True)}
    some = [rng.randrange(1000, 30_000) for _ in range(options.batch)]
    for llama in arms.values():
        fill(llama, some, MAIN, resident)
        for side in SIDES:
            fill(llama, some, side, EXAMPLES)
    rows: list[dict[str, Any]] = []
    for name, sequence, behind in (("main", MAIN, resident), ("side", SIDES[-1], EXAMPLES)):
        for count in READ:
            seconds: dict[bool, list[float]] = {False: [], True: []}
            for _ in range(ROUNDS):
                for arm, llama in arms.items():
                    seconds[arm].append(read(llama, some[:count], sequence, behind))
            plain, flash = (round(median(seconds[arm]), 4) for arm in (False, True))
            rows.append({"resident": resident, "behind": name, "tokens": count, "plain_s": plain, "flash_s": flash})
    for llama in arms.values():
        llama.close()
    return rows


def fill(llama: Llama, tokens: list[int], sequence: int, count: int) -> None:
    """Make so many tokens resident."""
    for at in range(0, count, len(tokens)):
        llama.decode(tokens[: count - at], at, sequence)


def read(llama: Llama, tokens: list[int], sequence: int, position: int) -> float:
    """Seconds of reading tokens, which are taken out again."""
    started = time.perf_counter()
    llama.decode(tokens, position, sequence)
    seconds = time.perf_counter() - started
    llama.truncate(position, sequence)
    return seconds


if __name__ == "__main__":
    main()
