"""A model in step with an event loop: whatever waits for the model there is found out, however slow the machine is."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Sequence
from typing import Any

from memos.generation import Generated, Grammar, Piece, Reading
from memos.messages import Call
from memos.testing import ScriptedModel

PATIENCE = 30.0  # seconds after which a test that waits has failed


class InStep(ScriptedModel):
    """Says its next word when the event loop has come round once: never, if the loop waits for it.

    Args:
        script: what it generates for calls, in order.

    Attributes:
        loop: the event loop; None: the model does not wait.
    """

    def __init__(self, script: Sequence[Call]) -> None:
        super().__init__(script)
        self.loop: asyncio.AbstractEventLoop | None = None

    def generate(
        self, prompt: Sequence[int], grammar: Grammar, **options: Any
    ) -> Iterator[Reading | Piece | Generated]:
        """What the scripted model does, a word each time."""
        for item in super().generate(prompt, grammar, **options):
            if isinstance(item, Piece) and self.loop is not None:
                came_round = threading.Event()
                self.loop.call_soon_threadsafe(came_round.set)
                assert came_round.wait(PATIENCE), "the event loop stands still"
            yield item
