"""Whose summary helps the model most to follow what comes next: its own, the surprising words, or the first words.

    python -m bench.surprise [--data FILE] [--model NAME] [--turns 60] [--context 2048] [--seeds 0,1]

A conversation of LoCoMo is put into the queue, turn by turn, and pages out under pressure as it does in a chat. From
the first eviction on, the perplexity of what is said next is measured with the summary in view: the same words for
every arm. `none` leaves the summary's place empty. Tokens and seconds are those of making the summaries.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import tempfile
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest.mock import patch

from bench.machine import describe, write
from bench.replay import LOCOMO, conversation
from memos.agents import Agent
from memos.agents.composition import load_model
from memos.events import Event, Evicted, Step
from memos.generation import Reading
from memos.messages import Kind
from memos.protocols import LanguageModel
from memos.queue_manager import QueueManager
from memos.settings import load
from memos.summarizer import Summarizer

ARMS = ("model", "surprise", "plain", "none")


def main() -> None:
    """Run every arm over every conversation, and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, default=LOCOMO)
    parser.add_argument("--model", default="qwen2.5-coder-1.5b")
    parser.add_argument("--turns", type=int, default=60)
    parser.add_argument("--context", type=int, default=2048)
    parser.add_argument("--seeds", default="0,1", help="each chooses a conversation")
    options = parser.parse_args()
    if not options.data.exists():
        sys.exit(f"There is no {options.data}; name a LoCoMo file with --data.")
    rows: dict[str, dict[str, Any]] = {}
    model = load_model(load(model=options.model, context=options.context))
    try:
        for arm in ARMS:
            runs = [_Run(model, arm, options, int(seed)) for seed in options.seeds.split(",")]
            rows[arm] = _together([run.played() for run in runs])
            print(json.dumps({"arm": arm, **rows[arm]}), flush=True)
    finally:
        model.close()
    command = (
        f"python -m bench.surprise --model {options.model} --turns {options.turns} --context {options.context} "
        f"--seeds {options.seeds}"
    )
    seeds = [int(seed) for seed in options.seeds.split(",")]
    data = options.data.name
    result = {**describe(command), "seeds": seeds, "data": data, "model": options.model, "arms": rows}
    print(f"written to {write('surprise', result)}")


class _Run:
    """One conversation with one way of summing up."""

    def __init__(self, model: LanguageModel, arm: str, options: argparse.Namespace, seed: int) -> None:
        self._model, self._arm = model, arm
        self._talk = conversation(options.data, options.turns, seed)
        self._nats: list[float] = []
        self._evictions = self._evaluated = self._generated = 0
        self._seconds = 0.0

    def played(self) -> dict[str, Any]:
        """Play it, and tell what was measured."""
        summaries = "plain" if self._arm == "none" else self._arm
        quiet: dict[str, Any] = {"prefetch": False, "note_facts": False, "ahead": False, "summaries": summaries}
        with ExitStack() as stack:
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            queue = stack.enter_context(Agent.open("bench", model=self._model, folder=folder, **quiet)).kernel.queue
            if self._arm == "none":
                stack.enter_context(patch.object(Summarizer, "plain", return_value=""))
            for turn, pair in enumerate(self._talk, start=1):
                for kind, text in zip((Kind.USER, Kind.SPEECH), pair, strict=True):
                    self._note(queue.make_room(len(self._model.tokenize(text)) + 64, keep_turn=turn))
                    queue.append(kind, text, turn=turn)
                    if self._evictions:
                        self._measure(queue)
        return {
            "nats": self._nats,
            "evictions": self._evictions,
            "evaluated": self._evaluated,
            "generated": self._generated,
            "seconds": self._seconds,
        }

    def _note(self, happened: Iterable[Event]) -> None:
        for event in happened:
            if isinstance(event, Evicted):
                self._evictions += 1
            elif isinstance(event, Step) and event.purpose == "summary":
                self._evaluated += event.evaluated
                self._generated += event.generated
                self._seconds += event.seconds

    def _measure(self, queue: QueueManager) -> None:
        """How surprising the newest entry is."""
        list(queue.read_ahead(lambda: False))
        start, end = queue.context.span(len(queue.context.entries) - 1)
        for item in self._model.surprisal(queue.context.tokens[:end], start, lambda: False):
            if not isinstance(item, Reading):
                self._nats += [token.nats for token in item]


def _together(runs: list[dict[str, Any]]) -> dict[str, Any]:
    nats = [one for run in runs for one in run["nats"]]
    evictions = sum(run["evictions"] for run in runs)
    return {
        "perplexity": round(math.exp(sum(nats) / len(nats)), 3),
        "tokens": len(nats),
        "evictions": evictions,
        "evaluated_each": round(sum(run["evaluated"] for run in runs) / evictions, 1),
        "generated_each": round(sum(run["generated"] for run in runs) / evictions, 1),
        "seconds_each": round(sum(run["seconds"] for run in runs) / evictions, 2),
    }


if __name__ == "__main__":
    main()
