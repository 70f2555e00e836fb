"""`AsyncAgent`: the same agent for programs with an event loop.

Every call runs in one worker thread of the agent's own, so that the loop is never blocked and the model is never
used by two threads. It adds nothing to what `Agent` can do.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from memos.agents.agent import Agent, Reply
from memos.errors import InputError
from memos.events import Event
from memos.main_context import Ledger
from memos.messages import Found, Message, Passage

Result = TypeVar("Result")
_END = object()


class AsyncAgent:
    """An open agent in an event loop; make it with `await AsyncAgent.open(…)` or `async with`.

    Attributes:
        agent: the agent itself. Use it from the loop's thread for what is quick and only reads.
    """

    def __init__(self, agent: Agent, worker: ThreadPoolExecutor) -> None:
        self.agent = agent
        self._worker = worker
        self._closing: Future[None] | None = None

    @classmethod
    async def open(cls, name: str, **options: Any) -> Self:
        """Open an agent; arguments and errors as in `Agent.open`. Cancelling the task closes what it has opened."""
        worker = ThreadPoolExecutor(1, thread_name_prefix=f"memos-{name}")
        opening = worker.submit(Agent.open, name, **options)
        try:
            agent = await asyncio.wrap_future(opening)
        except BaseException:
            opening.add_done_callback(_close)  # the worker may be in the middle of it
            worker.shutdown(wait=False)
            raise
        return cls(agent, worker)

    def _submit(self, function: Callable[[], Result]) -> Future[Result]:
        if self._closing is not None:
            raise InputError(f"Agent {self.agent.name} is closed.")
        return self._worker.submit(function)

    async def _run(self, function: Callable[[], Result]) -> Result:
        return await asyncio.wrap_future(self._submit(function))

    async def ask(self, text: str) -> Reply:
        """Say something and wait for the answer. Cancelling the task cancels the turn, or what waits to become one."""
        request = _Request(self.agent, text)
        try:
            return await self._run(lambda: Reply.of(request.events()))
        except asyncio.CancelledError:
            request.leave()
            raise

    async def stream(self, text: str) -> AsyncGenerator[Event, None]:
        """Say something and follow what happens. Leaving the loop early cancels the turn, as with `ask`."""
        loop = asyncio.get_running_loop()
        request = _Request(self.agent, text)
        events: asyncio.Queue[Any] = asyncio.Queue()

        def work() -> None:
            try:
                for event in request.events():
                    loop.call_soon_threadsafe(events.put_nowait, event)
            finally:
                loop.call_soon_threadsafe(events.put_nowait, _END)

        running = self._submit(work)
        try:
            while (event := await events.get()) is not _END:
                yield event
        finally:
            request.leave()
            if not running.cancel():  # it has begun, so it is waited for
                await asyncio.wrap_future(running)

    def cancel(self) -> None:
        """End the running turn between two tokens."""
        self.agent.cancel()

    async def edit_block(self, label: str, text: str) -> tuple[Event, ...]:
        """Set a block's text by hand."""
        return await self._run(lambda: self.agent.edit_block(label, text))

    async def ingest(self, *paths: str | Path) -> Any:
        """Read files and folders into archival memory."""
        return await self._run(lambda: self.agent.ingest(*paths))

    async def search_recall(self, query: str) -> Found[Message]:
        """Messages by text."""
        return await self._run(lambda: self.agent.recall.search(query))

    async def search_archival(self, query: str) -> Found[Passage]:
        """Passages by meaning and words."""
        return await self._run(lambda: self.agent.archival.search(query))

    async def context(self) -> Ledger:
        """Tokens by segment."""
        return await self._run(self.agent.context)

    async def close(self) -> None:
        """Give everything free, behind what still runs. Twice is fine; cancelling the task only ends its waiting."""
        if self._closing is None:
            self._closing = self._worker.submit(self.agent.close)
            self._worker.shutdown(wait=False)
        await asyncio.shield(asyncio.wrap_future(self._closing))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


class _Request:
    """A message to an agent from a task that may leave: before the worker gets to it, while it runs, or afterwards.

    Args:
        agent: the agent.
        text: the message.
    """

    def __init__(self, agent: Agent, text: str) -> None:
        self._agent, self._text = agent, text
        self._changing = threading.Lock()
        self._left = self._running = False

    def events(self) -> Iterator[Event]:
        """What happens, for the worker; nothing at all if nobody waits for it any more."""
        with self._changing:
            if self._left:
                return
            stream, self._running = self._agent.stream(self._text), True
        try:
            yield from stream
        finally:
            with self._changing:
                self._running = False

    def leave(self) -> None:
        """Nobody waits any more: end the turn if it runs. Another's is left alone."""
        with self._changing:
            self._left = True
            if self._running:
                self._agent.cancel()


def _close(opening: Future[Agent]) -> None:
    """Close an agent that was opened for nobody."""
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()
