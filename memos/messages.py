"""The values that travel between kernel, drivers and shell: messages, passages, blocks, calls, and how ids are written.

Frozen, without behaviour beyond their own fields; this module knows nothing else of ours.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Generic, Literal, TypeVar

Item = TypeVar("Item")
_POINTER = re.compile("(recall|archival):([0-9]{1,15})")  # of more digits there is nothing in any database
# Who wrote the summary: the model, or the kernel, with the most surprising sentences or with the first words.
EvictionSource = Literal["model", "surprise", "deterministic"]
# The window was full, or would be in the next turn; the user asked; or it was too full when the agent was opened.
EvictionReason = Literal["flush", "ahead", "asked", "start"]


def pointed(pointer: str) -> tuple[str, int] | None:
    """What a pointer names: `("recall", 7)` for `recall:7`, or a passage of `archival`; None for what is no pointer."""
    found = _POINTER.fullmatch(pointer)
    return None if found is None else (found[1], int(found[2]))


class Kind(StrEnum):
    """What a message is. The first two are what people said; the rest is the kernel's own traffic."""

    USER = "user"  # what the user said
    SPEECH = "speech"  # what the assistant said, i.e. the argument of send_message
    CALL = "call"  # a function call of the assistant, as JSON
    RESULT = "result"  # what the function returned
    ALERT = "alert"  # the kernel tells the model something: date, pressure, an edit by hand
    PAGE = "page"  # memory that the kernel paged in by itself


SPOKEN = (Kind.USER, Kind.SPEECH)


class State(StrEnum):
    """How far a message got. A draft found at start means that the process was killed while it grew."""

    DRAFT = "draft"
    DONE = "done"
    CUT = "cut"  # ended early: cancelled by the user, or found as a draft after a crash
    REWOUND = "rewound"  # taken back by the user: kept, and no part of the conversation any more
    FORGOTTEN = "forgotten"  # its words are gone for good; its place in the conversation is not


@dataclass(frozen=True, slots=True)
class Call:
    """A function call: its name and its arguments by name."""

    name: str
    arguments: dict[str, Any] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The call as the grammar spells it and recall storage keeps it."""
        return json.dumps({"function": self.name, "arguments": self.arguments}, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Message:
    """One row of recall storage.

    Args:
        id: the row's id, ascending in time within the database; `recall:7` in the model's view.
        kind: what it is.
        content: its text; for `CALL` the call as JSON.
        created_at: UTC, timezone-aware.
        turn: counts the user's turns of this agent from 1; everything that follows from one user
            message has its turn.
        state: `DONE`, or how it ended early.
        token_ids: for what the model generated, its exact tokens under `model`; else empty.
        model: fingerprint of the model whose tokens these are; empty where there are none.
        speaker: the name of who speaks, where it is not simply the user or the assistant.
    """

    id: int
    kind: Kind
    content: str
    created_at: datetime
    turn: int
    state: State = State.DONE
    token_ids: tuple[int, ...] = ()
    model: str = ""
    speaker: str = ""


@dataclass(frozen=True, slots=True)
class Told:
    """A message of an earlier conversation, held elsewhere, that becomes an agent's past.

    Args:
        kind: `USER` or `SPEECH`.
        content: its text.
        said_at: when; naive times are UTC.
        speaker: the name of who speaks, where it is not simply the user or the assistant.
        state: `DONE`, or `CUT` where it ended early.
    """

    kind: Kind
    content: str
    said_at: datetime
    speaker: str = ""
    state: State = State.DONE


@dataclass(frozen=True, slots=True)
class Block:
    """A labelled block of the working context.

    Args:
        label: `[a-z][a-z0-9_]*`, what the functions call it by.
        text: its content.
        limit: the most tokens that `text` may have, by the loaded model's tokenizer.
        description: what belongs in it, told to the model.
    """

    label: str
    text: str
    limit: int
    description: str = ""


@dataclass(frozen=True, slots=True)
class BlockChange:
    """A change of a block, as its history keeps it.

    Args:
        former: the text until then.
        by: who changed it: `assistant`, `kernel`, `user`, `undo` or `rewind`.
        at: when, UTC.
    """

    former: str
    by: str
    at: datetime


class Origin(StrEnum):
    """What a passage is of."""

    NOTE = "note"  # of the agent: what the user said, or what the model keeps
    DOCUMENT = "document"


@dataclass(frozen=True, slots=True)
class Passage:
    """One row of archival storage: a note of the agent, or a piece of a document.

    Args:
        id: the row's id; `archival:7` in the model's view.
        text: its content.
        source: where it is from: a document's path, or `""` for a note.
        location: where in the document: heading path, page; for a note, the message it quotes (`recall:7`)
            or `""`.
        created_at: UTC, timezone-aware.
    """

    id: int
    text: str
    source: str
    location: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Past:
    """What an agent is made of that comes from elsewhere: an agent that was exported, or talk with another assistant.

    Args:
        told: what was said, in its order.
        ids: what the messages were called there, one each, ascending; empty where nothing points at them.
        notes: with the ids of there; a note's `source` is empty.
        blocks: the working context; empty: a new agent's.
        summary: of what had left the view there.
        in_view: how many of the last messages had not.
    """

    told: tuple[Told, ...]
    ids: tuple[int, ...] = ()
    notes: tuple[Passage, ...] = ()
    blocks: tuple[Block, ...] = ()
    summary: str = ""
    in_view: int = 0


@dataclass(frozen=True, slots=True)
class Found(Generic[Item]):
    """One page of a search's results, best first.

    Args:
        items: what was found, on this page.
        scores: one a item, higher is better; comparable within one search only.
        total: how many there are on all pages.
        parts: one a item, what adds up to its score, the largest first; empty where nothing was ranked.
        speakers: names that the query has of those who speak in what was searched, in its order.
    """

    items: tuple[Item, ...]
    scores: tuple[float, ...]
    total: int
    parts: tuple[Mapping[str, float], ...] = ()
    speakers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Eviction:
    """A page-out: which messages left the queue, and the summary that took their place.

    Args:
        first_id: the first message that left, by id.
        last_id: the last message that left.
        messages: how many left.
        tokens: how many tokens that freed.
        summary: the recursive summary from now on (of all that has ever left, not only of these).
        source: who wrote it.
        reason: why.
    """

    first_id: int
    last_id: int
    messages: int
    tokens: int
    summary: str
    source: EvictionSource
    reason: EvictionReason
