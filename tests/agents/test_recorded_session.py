"""Prefix and window over a recorded session of a real model (SmolLM2) that evicts, searches and restarts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from memos import Agent, events
from memos.generation import CallGrammar, Generated
from memos.inference.engine import LlamaModel
from memos.inference.llama import LlamaOptions

pytestmark = pytest.mark.smollm
WINDOW = 1536


class Recorded(LlamaModel):
    """Keeps every prompt, what followed it and what it cost."""

    record: list[tuple[tuple[int, ...], Generated]]

    def generate(self, prompt: Any, grammar: Any, **options: Any) -> Iterator[Any]:
        for item in super().generate(prompt, grammar, **options):
            if isinstance(item, Generated):
                assert len(prompt) + len(item.tokens) <= WINDOW
                if isinstance(grammar, CallGrammar):  # a summary is a fork that is rolled back
                    self.record.append((tuple(prompt), item))
            yield item


def test_the_prefix_moves_only_when_declared_and_the_window_holds(smollm: Path) -> None:
    model = Recorded(smollm, name="smollm", fingerprint="f", options=LlamaOptions(window=WINDOW))
    model.record = []
    moved = True
    evictions = 0
    for session in range(2):
        with Agent.open("ada", model=model, embedding="none", max_steps=2) as agent:
            moved = True  # a start may write blocks back
            for number in range(3):
                seen = len(model.record)
                text = f"My sister number {session}{number} lives in town {number}, where it" + " rained and" * 150
                for event in agent.stream(text + " rained. What did I tell you about my sister?"):
                    if isinstance(event, events.PrefixMoved):
                        moved = True
                        evictions += 1
                    for index in range(seen, len(model.record)):
                        prompt, end = model.record[index]
                        assert len(prompt) + len(end.tokens) <= WINDOW
                        assert end.evaluated + end.reused == len(prompt)
                        if index and not moved:
                            before = model.record[index - 1][0]
                            assert prompt[: len(before)] == before
                        moved = False
                    seen = len(model.record)
                assert agent.context().used == len(agent.kernel.queue.context.tokens) <= WINDOW
    model.close()
    assert evictions >= 2 and len(model.record) >= 6
