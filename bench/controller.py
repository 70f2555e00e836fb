"""The kernel's own time in a turn: all that is neither the model nor the embedder, with a long past in storage.

    python -m bench.controller [--messages 100000] [--turns 50]

The model is scripted and takes next to no time; messages are found by words alone. Without prefetch, and with memory
searched in every turn, which search at this size decides.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from bench.demo import load_session
from bench.machine import describe, write
from memos import Agent, prompts
from memos.messages import Eviction, Kind
from memos.probes import sentences
from memos.testing import ScriptedModel


def main() -> None:
    """Fill an agent's past, talk, and write what the turns took."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--turns", type=int, default=50)
    options = parser.parse_args()
    session = load_session()
    told = [sentence for turn in session["turns"] for sentence in sentences(turn)]
    asked = [fact["ask"] for fact in session["facts"]]
    with tempfile.TemporaryDirectory() as folder:
        result: dict[str, Any] = {"messages": options.messages, "turns": options.turns}
        result["append_ms"] = fill(Path(folder), told, options.messages)
        result["without_prefetch_ms"] = talk(Path(folder), asked, options.turns, prefetch=False)
        result["searching_ms"] = talk(Path(folder), asked, options.turns, prefetch=True)
    command = f"python -m bench.controller --messages {options.messages} --turns {options.turns}"
    print(json.dumps(result))
    print(f"written to {write('controller', {**describe(command), **result})}")


def fill(folder: Path, told: list[str], messages: int) -> dict[str, float]:
    """A past of so many messages, each of words of the demo; milliseconds that one takes to store."""
    words = random.Random(0)
    vocabulary = sorted({word for sentence in told for word in sentence.split()})
    times = []
    with Agent.open("ada", model=ScriptedModel(), folder=folder, embedding="none") as agent:
        for number in range(messages):
            text = " ".join(words.choices(vocabulary, k=12))
            started = time.perf_counter()
            agent.recall.append(Kind.USER if number % 2 else Kind.SPEECH, text, turn=number // 2 + 1)
            times.append(time.perf_counter() - started)
        # They are all behind the summary; the queue begins anew.
        everything = Eviction(1, messages, messages, 0, "[recall] a long past", "deterministic", "start")
        agent.kernel.queue._state.record_eviction(
            everything, queue_start=messages + 1, blocks=list(agent.blocks.values())
        )
    return _milliseconds(times)


def talk(folder: Path, asked: list[str], turns: int, *, prefetch: bool) -> dict[str, float]:
    """Milliseconds of a turn."""

    def yes(prompt: str) -> tuple[float, ...]:
        return (1.0, 0.0, 0.0, 0.0) if prompts.REQUEST_PROBE in prompt else (0.2, 0.8)

    times = []
    with Agent.open(
        "ada",
        model=ScriptedModel(yes=yes, window=4096),
        folder=folder,
        embedding="none",
        prefetch=prefetch,
        note_facts=False,
        snapshots=0,
    ) as agent:
        for number in range(turns):
            started = time.perf_counter()
            agent.ask(asked[number % len(asked)])
            times.append(time.perf_counter() - started)
    return _milliseconds(times)


def _milliseconds(times: list[float]) -> dict[str, float]:
    return {"median": round(1000 * median(times), 2), "p95": round(1000 * quantiles(times, n=20)[-1], 2)}


if __name__ == "__main__":
    main()
