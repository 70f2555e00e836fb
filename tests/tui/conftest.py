"""A shell on the scripted model, and its messages: tests wait for what happened, never for time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import pytest
from textual.message import Message
from textual.pilot import Pilot
from textual.strip import Strip

from memos.agents import Agent, Sessions
from memos.messages import Call
from memos.testing import ScriptedModel, say
from memos.tui import messages
from memos.tui.app import Shell
from memos.tui.transcript import CallView, Note, Said
from tests.in_step import PATIENCE

Kind = TypeVar("Kind", bound=Message)


class Terminal:
    """A shell under test.

    Attributes:
        shell: the application.
        pilot: presses its keys.
        seen: every message that it sent itself, in order.
    """

    def __init__(self, shell: Shell) -> None:
        self.shell = shell
        self.pilot: Pilot[None]
        self.seen: list[Message] = []
        self._arrived = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()

    def hear(self, message: Message) -> None:
        """Take note of a message."""
        if type(message).__module__ == messages.__name__:
            self.seen.append(message)
            task = asyncio.get_running_loop().create_task(self._tell())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _tell(self) -> None:
        async with self._arrived:
            self._arrived.notify_all()

    async def until(
        self,
        kind: type[Kind],
        test: Callable[[Kind], bool] = lambda _: True,
        *,
        after: int = 0,
        settle: bool = True,
    ) -> Kind:
        """Wait until such a message was handled.

        Args:
            kind: its class.
            test: what it must be like.
            after: only those behind so many.
            settle: wait until everything that followed is drawn, too; not while the agent goes on speaking.
        """

        def found() -> Kind | None:
            return next((one for one in self.seen[after:] if isinstance(one, kind) and test(one)), None)

        async with asyncio.timeout(PATIENCE), self._arrived:
            await self._arrived.wait_for(lambda: found() is not None)
        if settle:
            await self.pilot.pause()
        message = found()
        assert message is not None
        return message

    async def say(self, text: str) -> None:
        """Type something, send it, and wait until the agent waits."""
        after = len(self.seen)
        self.shell.prompt.put(text)
        await self.pilot.press("enter")
        await self.until(messages.TurnOver, after=after)

    async def do(self, text: str) -> None:
        """Send a slash command that the agent works on, and wait for it."""
        await self.say(text)

    @property
    def lines(self) -> list[Strip]:
        """The lines of the screen that is in front, as they are drawn."""
        return self.shell.screen._compositor.render_strips()

    @property
    def drawn(self) -> str:
        """What they show."""
        return "".join(segment.text for strip in self.lines for segment in strip)

    @property
    def agent(self) -> Agent:
        """The agent that is open."""
        agent = self.shell.session.agent
        assert agent is not None
        return agent

    @property
    def said(self) -> list[str]:
        """What the conversation shows, in order: words, calls and notes."""
        shown = []
        for child in self.shell.transcript.children:
            match child:
                case Said():
                    shown.append(child.text)
                case CallView():
                    shown.append(child.title)
                case Note():
                    shown.append(str(child.content))
        return shown


@asynccontextmanager
async def terminal(
    script: Iterable[Call] = (),
    *,
    size: tuple[int, int] = (100, 30),
    model: ScriptedModel | None = None,
    window: int = 2048,
    make: Callable[[], Sessions] | None = None,
    notifications: bool = False,
    **settings: Any,
) -> AsyncIterator[Terminal]:
    """A shell whose agent is open."""
    given = {"embedding": "none", "ahead": False, "theme": "textual-dark", **settings}
    scripted = model or ScriptedModel(script, window=window)
    shell = Shell("ada", make or (lambda: Sessions(model=scripted, **given)))
    opened = Terminal(shell)
    async with shell.run_test(size=size, notifications=notifications, message_hook=opened.hear) as pilot:
        opened.pilot = pilot
        await opened.until(messages.TurnOver)
        yield opened


@pytest.fixture
def hello() -> list[Call]:
    """A script of one greeting."""
    return [say("Hello Ada!")]
