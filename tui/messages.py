"""Every message that the application sends itself. Values only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.message import Message

from memos.events import Event

if TYPE_CHECKING:
    from memos.agents import Agent
    from memos.context_map import ContextMap
    from memos.messages import Eviction
    from memos.messages import Message as Stored
    from memos.settings import Settings


@dataclass
class Loading(Message):
    """What the agent waits for, and a share from 0 to 1."""

    what: str
    share: float


@dataclass
class SettingsRead(Message):
    """The settings are known."""

    settings: Settings


@dataclass
class Opened(Message):
    """An agent is open.

    Args:
        agent: it.
        messages: the newest of its history.
        asked: what the user said in it, oldest first.
        evictions: its page-outs so far.
        view: the window.
    """

    agent: Agent
    messages: Sequence[Stored]
    asked: Sequence[str]
    evictions: Sequence[Eviction]
    view: ContextMap


@dataclass
class Failed(Message):
    """Something did not work.

    Args:
        sentence: what, and a way on.
        opening: whether there is no agent open because of it.
        unsent: the user's text, where it was not stored.
    """

    sentence: str
    opening: bool = False
    unsent: str = ""


@dataclass
class Happened(Message):
    """An event of the agent.

    Args:
        event: it.
        view: the window after it, where it changed.
        seconds: when, by the clock of `time.monotonic`.
    """

    event: Event
    view: ContextMap | None
    seconds: float


@dataclass
class ConsentWanted(Message):
    """A call waits until the user allows or refuses it."""

    question: str


@dataclass
class TurnOver(Message):
    """Nothing runs any more, and the agent waits."""

    view: ContextMap | None


@dataclass
class Changed(Message):
    """The history is not what it was: show it anew."""

    messages: Sequence[Stored]
    view: ContextMap


@dataclass
class Ingesting(Message):
    """A file is being read into archival memory; `done` of `total`."""

    what: str
    done: int
    total: int


@dataclass
class Submitted(Message):
    """The user sends a text."""

    text: str


@dataclass
class LongPaste(Message):
    """The user pasted a text that is too long for a message."""

    text: str


@dataclass
class Typed(Message):
    """The text of the prompt has changed; `word` is the one before the cursor."""

    text: str
    word: str


@dataclass
class Older(Message):
    """The transcript is near its beginning: messages before this one are wanted."""

    before_id: int


@dataclass
class Newer(Message):
    """The transcript is near its end, and there are later messages: those after this one are wanted."""

    after_id: int


@dataclass
class JumpTo(Message):
    """Show a message of recall storage."""

    message_id: int
