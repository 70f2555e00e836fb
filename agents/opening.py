"""Ids that answers, pages and summaries carry, opened: `archival:7`, `recall:7`, `digest:…`.

Owns what an id stands for. It does not know how it is shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from memos.agents.composition import open_home, stored_agent
from memos.errors import InputError
from memos.messages import State, pointed
from memos.storage.archival import Archival
from memos.zone import local

_DIGEST = re.compile("digest:([0-9a-f]{12})")


@dataclass(frozen=True, slots=True)
class Opened:
    """One thing that an id opens.

    Args:
        id: its own id.
        where: document and place, day and speaker, or level and name.
        text: its content.
        below: ids that it was made from; for summaries.
    """

    id: str
    where: str
    text: str
    below: tuple[str, ...] = ()


def opened(pointer: str, agent: str | None = None, around: int = 1) -> list[Opened]:
    """What an id stands for, with its neighbours in order.

    Args:
        pointer: `archival:7`, `recall:7` or `digest:…`.
        agent: whose messages, or whose own documents; None: what every agent sees.
        around: neighbours on each side.

    Raises:
        InputError: this is no id, or nothing has it.
    """
    wanted = pointer.strip()
    where, number = pointed(wanted) or ("", 0)
    if where == "archival":
        with documents(agent) as archival:
            passages = archival.around(number, before=around, after=around)
        found = [Opened(f"archival:{one.id}", _place(one.source, one.location), one.text) for one in passages]
    elif where == "recall":
        found = _messages(number, agent, around)
    elif digest := _DIGEST.fullmatch(wanted):
        found = _digest(digest[1])
    else:
        raise InputError(f"{pointer!r} is no id; write archival:NUMBER, recall:NUMBER or digest:KEY.")
    if not found:
        raise InputError(f"There is no {wanted}{f' of {agent}.' if agent else '; --agent says whose it is.'}")
    return found


@contextmanager
def documents(agent: str | None) -> Iterator[Archival]:
    """The documents that an agent sees, or that all do; the agent must exist."""
    with ExitStack() as held:
        if agent is not None:
            yield held.enter_context(stored_agent(agent)).archival
        else:
            yield held.enter_context(open_home()).library()


def _messages(number: int, agent: str | None, around: int) -> list[Opened]:
    if agent is None:
        raise InputError("Messages belong to an agent: say --agent NAME.")
    with stored_agent(agent) as storage:
        messages = storage.recall.around(number, before=around, after=around)
        alone = storage.recall.get(number)
    # A call or a result has no neighbours; what was taken back is not shown.
    if not messages and alone is not None and alone.state is not State.REWOUND:
        messages = [alone]
    return [
        Opened(f"recall:{one.id}", f"{local(one.created_at):%Y-%m-%d %H:%M} {one.speaker or one.kind}", one.content)
        for one in messages
    ]


def _digest(key: str) -> list[Opened]:
    with open_home() as database:
        digest = database.digests.get(key)
    return [] if digest is None else [Opened(digest.id, f"{digest.level} {digest.name}", digest.text, digest.below)]


def _place(source: str, location: str) -> str:
    return ", ".join(part for part in (source, location) if part) or "note"
