"""A conversation of two people, replayed: the one is the user, and what the other says is what the model says.

Kernel, storage, tokenizer and template are the real ones. What is resident is counted as `inference.cache` does it,
but nothing is computed, so that a hundred turns take seconds; what a model call would have read is noted.
"""

from __future__ import annotations

import gzip
import json
import random
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from memos.generation import Generated
from memos.messages import Call
from memos.protocols import LanguageModel
from memos.testing import ScriptedModel

LOCOMO = Path(__file__).parents[2] / "shared" / "data" / "locomo" / "locomo_dev.jsonl.gz"
Tokens = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Read:
    """What the model was asked to continue, and what it said. `fork`: beside the resident context."""

    prompt: Tokens
    generated: Tokens
    fork: bool


class Replay(ScriptedModel):
    """A model whose words are given.

    Args:
        real: lends its tokenizer, template and window.
        script: its calls.
        summaries: its summaries.
    """

    def __init__(self, real: LanguageModel, script: Iterator[Call], summaries: Iterator[str]) -> None:
        super().__init__(script, window=real.window, summaries=summaries, name=real.name)
        self._real, self.scaffold = real, real.scaffold
        self.reads: list[Read] = []

    def tokenize(self, text: str) -> Tokens:
        """By the real model."""
        return self._real.tokenize(text)

    def generate(self, prompt: Sequence[int], *given: Any, fork: bool = False, **named: Any) -> Iterator[Any]:
        """The script's next item; what it continues is noted."""
        for item in super().generate(prompt, *given, fork=fork, **named):
            if isinstance(item, Generated):
                self.reads.append(Read(tuple(prompt), item.tokens, fork))
            yield item


def conversation(path: Path, turns: int, seed: int) -> list[tuple[str, str]]:
    """What the one says, and what the other answers.

    Args:
        path: a LoCoMo file, one conversation a line, gzip or not.
        turns: how many.
        seed: chooses the conversation.
    """
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as file:
        lines = [json.loads(line) for line in file]
    record = random.Random(seed).choice(lines)
    said = [turn for session in record["sessions"] for turn in session["turns"] if turn["text"].strip()]
    pairs = [
        (one["text"], other["text"])
        for one, other in pairwise(said)
        if one["speaker"] == record["speaker_a"] != other["speaker"]
    ]
    if len(pairs) < turns:
        sys.exit(f"{path.name} has a conversation of {len(pairs)} turns only; ask for fewer with --turns.")
    return pairs[:turns]
