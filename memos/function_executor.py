"""Running what the model calls: validation, time limits, and results as data.

A function that raises, hangs or returns too much becomes a sentence for the model, never a crash. This module does
not know what the functions do, nor how calls are decoded.
"""

from __future__ import annotations

import json
import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextvars import copy_context
from dataclasses import dataclass
from typing import Any

from memos import prompts
from memos.errors import MemosError, ToolError
from memos.functions import Memory, Tool
from memos.messages import Call


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a call: its result as text, whether it succeeded, and how long it took."""

    text: str
    ok: bool
    seconds: float


class FunctionExecutor:
    """The functions of one agent.

    Args:
        tools: what may be called, by name.
        memory: what system calls receive as their first argument.
    """

    def __init__(self, tools: Sequence[Tool], memory: Memory) -> None:
        self._tools: Mapping[str, Tool] = {tool.name: tool for tool in tools}
        self._memory = memory

    def run(self, call: Call) -> Outcome:
        """Run a call; every failure of it is an outcome, too."""
        started = time.perf_counter()
        try:
            text, ok = self._run(call), True
        except MemosError as error:
            text, ok = f"failed: {error}", False
        return Outcome(text, ok, time.perf_counter() - started)

    def _run(self, call: Call) -> str:
        tool = self._tools.get(call.name)
        if tool is None:
            raise ToolError(f"There is no function {call.name!r}.")
        arguments = tool.validate(call.arguments)
        positional = (self._memory,) if tool.wants_memory else ()
        value = within(tool.time_limit, lambda: tool.function(*positional, **arguments), tool.name)
        return prompts.quotation(as_text(value)) if tool.quotes else as_text(value)


def within(seconds: float, function: Callable[[], Any], name: str) -> Any:
    """Call a function in a thread of its own, in the context of this one, and give it up after `seconds`.

    A thread cannot be stopped from outside: one that hangs goes on as a daemon, and its result is dropped.

    Raises:
        ToolError: it took too long, or raised.
    """
    outcome: queue.SimpleQueue[tuple[bool, Any]] = queue.SimpleQueue()
    context = copy_context()

    def work() -> None:
        try:
            outcome.put((True, context.run(function)))
        except BaseException as error:  # SystemExit in a tool must not end the agent
            outcome.put((False, error))

    threading.Thread(target=work, name=f"tool-{name}", daemon=True).start()
    try:
        ok, value = outcome.get(timeout=seconds)
    except queue.Empty:
        raise ToolError(f"{name} was given up after {seconds:g} seconds.") from None
    if ok:
        return value
    if isinstance(value, MemosError):
        raise value
    raise ToolError(f"{type(value).__name__}: {value}") from value


def as_text(value: Any) -> str:
    """A result as text: strings as they are, nothing as `done.`, other values as JSON where they have one."""
    if value is None:
        return "done."
    if isinstance(value, str):
        return value or "(empty)"
    try:
        return json.dumps(value, ensure_ascii=False, default=str)
    except (TypeError, ValueError):
        return str(value)
