"""A past that was told elsewhere, as messages, notes and blocks of an agent: all of it or nothing.

It does not know where it is from. Ids of there become ids of here, and what points at them follows.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import insert
from sqlalchemy.orm import Session

from memos.messages import Kind, Past, Told
from memos.storage.history import pointers
from memos.storage.index import MESSAGE, PASSAGE, UPSERT, enqueue
from memos.storage.schema import AgentRow, BlockRow, EvictionRow, MessageRow, PassageRow, as_utc, clean
from memos.storage.text import text_terms


def told_rows(told: Sequence[Told], last_turn: int = 0) -> list[dict[str, Any]]:
    """Rows for messages of an earlier conversation, without an agent. Made before a transaction is begun, since reading
    the words of years takes a while.

    Args:
        told: in the order in which they were said. A message of the user begins a turn.
        last_turn: of what was said before.
    """
    turn = last_turn
    rows: list[dict[str, Any]] = []
    for one in told:
        turn += one.kind is Kind.USER or not rows
        content, moment = clean(one.content), as_utc(one.said_at)
        rows.append(
            {
                "turn": turn,
                "kind": str(one.kind),
                "state": str(one.state),
                "content": content,
                "speaker": clean(one.speaker)[:64],
                "terms": text_terms(content, moment),
                "created_at": moment,
            }
        )
    return rows


def store_told(session: Session, agent_id: int, rows: Sequence[dict[str, Any]]) -> list[int]:
    """Store them behind what the agent has, within the caller's transaction; their ids."""
    stored = insert(MessageRow).returning(MessageRow.id, sort_by_parameter_order=True)
    ids = list(session.scalars(stored, [{**row, "agent_id": agent_id} for row in rows])) if rows else []
    enqueue(session, MESSAGE, ids, UPSERT)
    return ids


def import_agent(session: Session, name: str, key: str, past: Past, rows: Sequence[dict[str, Any]]) -> None:
    """Make an agent of a past, within the caller's transaction.

    Args:
        session: an open, writing one.
        name: of the new agent.
        key: the name without regard to case.
        past: what it remembers.
        rows: `told_rows(past.told)`.
    """
    agent = AgentRow(name=name, key=key)
    session.add(agent)
    session.flush()
    ids = store_told(session, agent.id, rows)
    notes = [PassageRow(agent_id=agent.id, content=clean(note.text), created_at=note.created_at) for note in past.notes]
    session.add_all(notes)
    session.flush()
    follow = _following(past, ids, [note.id for note in notes])
    for old, new in zip(past.notes, notes, strict=True):
        new.location = follow(clean(old.location))
        new.terms = text_terms(new.content, as_utc(new.created_at))
    enqueue(session, PASSAGE, [note.id for note in notes])
    for position, block in enumerate(past.blocks, start=1):
        text, description = follow(clean(block.text)), clean(block.description)
        values = {"label": block.label, "text": text, "token_limit": block.limit, "description": description}
        session.add(BlockRow(agent_id=agent.id, position=position, **values))
    _leave(session, agent, ids[: len(ids) - past.in_view], follow(clean(past.summary)))


def _following(past: Past, messages: Sequence[int], notes: Sequence[int]) -> Callable[[str], str]:
    """Lets pointers follow. Of what did not come along, a message is the next that did, and a passage of a document is
    none: `archival:0` opens nothing, where the number of there would be anything here."""
    known = dict(zip((note.id for note in past.notes), notes, strict=True))

    def message(old: int) -> int:
        return messages[min(bisect_left(past.ids, old), len(messages) - 1)] if past.ids else 0

    return pointers(message, lambda old: known.get(old, 0))


def _leave(session: Session, agent: AgentRow, gone: Sequence[int], summary: str) -> None:
    """Let messages be out of view, summed up, or else named."""
    if not gone:
        return
    agent.queue_start, agent.summary = gone[-1] + 1, summary or f"[recall:{gone[0]}-{gone[-1]}]"
    session.add(
        EvictionRow(
            agent_id=agent.id,
            first_id=gone[0],
            last_id=gone[-1],
            messages=len(gone),
            tokens=0,
            summary=agent.summary,
            source="deterministic",
            reason="asked",
        )
    )
