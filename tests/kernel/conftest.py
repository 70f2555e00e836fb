"""An agent on the scripted model and real storage, with everything that happened."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from memos import prompts
from memos.events import Event
from memos.functions import Tool
from memos.kernel import Kernel, Storage, boot
from memos.messages import Call
from memos.policy import KernelSettings
from memos.storage import AgentStorage, Database
from memos.testing import ScriptedModel
from memos.tools import SYSTEM_CALLS


def replies(
    prompt: str, *, ask: float, keep: float, answer: float, fact: float, told: float, change: float, forget: float
) -> tuple[float, ...]:
    """What a model says to the kernel's probe in `prompt`, by the question that it asks."""
    if prompts.AMEND_PROBE in prompt:
        return 1 - change - forget, change, forget
    if prompts.REQUEST_PROBE in prompt:
        return ask, keep, 0.0, 0.0
    if prompts.EXCERPTOR in prompt:
        return told, 1 - told
    return (answer, 1 - answer) if prompts.ANSWER_PROBE in prompt else (fact, 1 - fact)


def probed(
    *,
    ask: float = 0.0,
    keep: float = 0.0,
    answer: float = 0.0,
    fact: float = 0.0,
    told: float = 0.9,
    change: float = 0.0,
    forget: float = 0.0,
) -> dict[str, Any]:
    """A model that gives these answers to the kernel's probes, and to whether messages tell what is asked."""
    asked: dict[str, Any] = {"ask": ask, "keep": keep, "answer": answer, "fact": fact, "told": told}
    asked |= {"change": change, "forget": forget}
    return {"yes": partial(replies, **asked)}


class Bench:
    """A kernel under test: script what the model says, talk, look at what happened."""

    def __init__(self, folder: Path) -> None:
        self.database = Database.open(folder)
        self.started: list[Event] = []
        self.killed: list[Generator[Event, None, None]] = []
        self.opened: AgentStorage | None = None
        self.open()

    def open(
        self,
        script: Iterable[Call] = (),
        *,
        window: int = 1024,
        tools: Iterable[Tool] = (),
        model: dict[str, Any] | None = None,
        **policy: Any,
    ) -> None:
        if self.opened is not None:
            self.opened.close()
        self.model = ScriptedModel(script, window=window, **(model or {}))
        self.opened = self.stored = self.database.agent("ada")
        storage = Storage(self.stored.recall, self.stored.archival, self.stored.state)
        *events, kernel = boot(
            self.model,
            storage,
            (*SYSTEM_CALLS, *tools),
            policy=KernelSettings.for_window(window, **policy),
            now=lambda: datetime.now(UTC),
        )
        assert isinstance(kernel, Kernel)
        self.kernel = kernel
        self.started = [event for event in events if isinstance(event, Event)]

    def say(self, text: str) -> list[Event]:
        return list(self.kernel.controller.turn(text))

    def say_until(self, text: str, stop: Callable[[Event], bool]) -> list[Event]:
        """Talk, and let the process be killed at the first event that `stop` names: nothing runs after it."""
        turn = self.kernel.controller.turn(text)
        self.killed.append(turn)  # a generator that is still referred to is never closed
        happened = []
        for event in turn:
            happened.append(event)
            if stop(event):
                break
        return happened

    def view(self) -> str:
        return self.model.text(self.kernel.queue.context.tokens)

    def close(self) -> None:
        for turn in self.killed:
            turn.close()
        self.stored.close()
        self.database.close()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    opened = Bench(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def of() -> Callable[[Iterable[Event], type[Any]], list[Any]]:
    return lambda events, kind: [event for event in events if isinstance(event, kind)]
