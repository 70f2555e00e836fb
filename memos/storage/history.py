"""History by hand: taking back the end of a conversation, copying an agent, forgetting, former texts of a block.

Each operation is one transaction: it happens as a whole or not at all. What is taken back stays in the database, out of
every search; what is forgotten is gone. It does not know what is in a context window.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, or_, select, true, update
from sqlalchemy.orm import Session

from memos.errors import InputError
from memos.messages import BlockChange, State
from memos.storage.forgetting import forget_message, forget_note, remove_notes
from memos.storage.index import DELETE, INDEXED_MESSAGES, INDEXED_PASSAGES, MESSAGE, PASSAGE, enqueue
from memos.storage.schema import (
    AgentRow,
    BlockHistoryRow,
    BlockRow,
    CallRow,
    CopyRow,
    DocumentRow,
    EvictionRow,
    MessageRow,
    PassageRow,
    UTCDateTime,
    as_utc,
    now,
)
from memos.storage.sql import Sql
from memos.storage.text import text_terms

BY_HAND = ("user", "undo")  # who changed a block's text, where that outlives a rewind
MARKS = ("hidden", "unnoted")  # what an agent's state says of messages, by id
_RECALL = re.compile(r"\brecall:(\d+)(?:-(\d+))?")
_ARCHIVAL = re.compile(r"\barchival:(\d+)")


class History:
    """The history of one agent. Safe to use from several threads.

    Args:
        sql: the database.
        agent_id: whose.
        changed: called when rows that a search may have loaded are not what they were.
        unsave: removes the agent's saved contexts, of whichever model: they have words that were forgotten.
    """

    def __init__(self, sql: Sql, agent_id: int, changed: Callable[[], None], unsave: Callable[[], None]) -> None:
        self._sql, self._agent_id, self._changed, self._unsave = sql, agent_id, changed, unsave

    def turn_start(self, message_id: int) -> int:
        """Id of the first message of the turn that a message belongs to.

        Raises:
            InputError: there is no such message.
        """
        present = (MessageRow.agent_id == self._agent_id, MessageRow.state != State.REWOUND)
        with self._sql.read() as session:
            turn = session.scalar(select(MessageRow.turn).where(MessageRow.id == message_id, *present))
            first = session.scalar(select(func.min(MessageRow.id)).where(MessageRow.turn == turn, *present))
        if turn is None or first is None:
            raise InputError(f"There is no message recall:{message_id} to go back to.")
        return first

    def rewind(self, first_id: int) -> int:
        """Take back every message from `first_id` on, with what was noted of them and what they did to blocks.

        The summary and the queue's start go back to the last page-out before them. A block that the user has edited
        by hand since keeps its text; the blocks' copies in the prompt are laid out anew where nothing in the queue
        would tell the difference.

        Returns:
            How many messages were taken back.
        """
        with self._sql.write() as session:
            gone = take_back(session, self._agent_id, first_id)
        self._changed()
        return gone

    # ------------------------------------------------------------------------------------------ blocks

    def block_changes(self, label: str) -> list[BlockChange]:
        """Former texts of a block, oldest first."""
        statement = (
            select(BlockHistoryRow)
            .where(BlockHistoryRow.agent_id == self._agent_id, BlockHistoryRow.label == label)
            .order_by(BlockHistoryRow.id)
        )
        with self._sql.read() as session:
            return [BlockChange(row.former, row.changed_by, row.changed_at) for row in session.scalars(statement)]

    # ------------------------------------------------------------------------------------------ forget

    def forget_message(self, message_id: int) -> list[int]:
        """Destroy the words of a message and of its notes: in them, in messages that are the same words, in the blocks,
        in the pages, results and alerts that show them, in the calls that saved them, in what the kernel had said of
        them, and in saved contexts; what it said in the message's turn, which may repeat its question, and what was
        taken back there.

        Returns:
            Ids of the messages whose words are gone.
        """
        self._unsave()  # first: whenever it is killed, what is forgotten is in none
        with self._sql.write() as session:
            gone = forget_message(session, self._agent_id, message_id)
        self._changed()
        return gone

    def forget_note(self, passage_id: int) -> list[int]:
        """Destroy a note of the agent, in messages that are the same words, in the blocks, in the pages, results and
        alerts that show it, in the call that saved it, in what the kernel had said of it, and in saved contexts.

        Returns:
            Ids of the messages whose words are gone.
        """
        self._unsave()  # first: whenever it is killed, what is forgotten is in none
        with self._sql.write() as session:
            gone = forget_note(session, self._agent_id, passage_id)
        self._changed()
        return gone


# ------------------------------------------------------------------------------------------------- rewind


def take_back(session: Session, agent_id: int, first_id: int) -> int:
    """Do what `History.rewind` does, within the caller's transaction."""
    gone = _taken_back(session, agent_id, first_id)
    if not gone:
        return 0
    since = _began(session, agent_id, first_id, gone)
    _drop_notes(session, agent_id, first_id)
    _notes_back(session, agent_id, first_id)
    written = _window_back(session, agent_id, first_id, since)
    _blocks_back(session, agent_id, since, written)
    return len(gone)


def _taken_back(session: Session, agent_id: int, first_id: int) -> list[MessageRow]:
    mine = (MessageRow.agent_id == agent_id, MessageRow.id >= first_id, MessageRow.state != State.REWOUND)
    rows = list(session.scalars(select(MessageRow).where(*mine)))
    session.execute(update(MessageRow).where(*mine).values(state=str(State.REWOUND)))
    enqueue(session, MESSAGE, [row.id for row in rows], DELETE)
    return rows


def _began(session: Session, agent_id: int, first_id: int, gone: Sequence[MessageRow]) -> datetime:
    """When what is taken back began. A talk that was imported has the dates on which it was said: what was done between
    these and the newest message before it is not of its doing."""
    before = (MessageRow.agent_id == agent_id, MessageRow.id < first_id, MessageRow.state != State.REWOUND)
    newest = select(func.max(MessageRow.created_at, type_=UTCDateTime())).where(*before, MessageRow.created_at <= now())
    bound = session.scalar(newest)
    return min((row.created_at for row in gone if bound is None or row.created_at >= bound), default=bound) or now()


def _drop_notes(session: Session, agent_id: int, first_id: int) -> None:
    """Notes that quote a message from this one on, and those that the model wrote in them."""
    gone = select(MessageRow.id).where(MessageRow.agent_id == agent_id, MessageRow.id >= first_id)
    results = select(CallRow.result_id).where(CallRow.message_id.in_(gone), CallRow.ok)
    texts = session.scalars(select(MessageRow.content).where(MessageRow.id.in_(results)))
    written = {int(found[1]) for text in texts if (found := re.search(r"stored as archival:(\d+)", text))}
    notes = select(PassageRow.id, PassageRow.location).where(
        PassageRow.agent_id == agent_id, PassageRow.document_id.is_(None)
    )
    quoting = ((note, _RECALL.fullmatch(location)) for note, location in session.execute(notes))
    remove_notes(session, [note for note, to in quoting if note in written or (to and int(to[1]) >= first_id)])


def _notes_back(session: Session, agent_id: int, first_id: int) -> None:
    """Notes that were put away because of a message from this one on, as they were."""
    away = (PassageRow.agent_id == agent_id, PassageRow.put_away_by >= first_id)
    back = list(session.scalars(select(PassageRow.id).where(*away)))
    session.execute(update(PassageRow).where(*away).values(put_away_by=0))
    enqueue(session, PASSAGE, back)


def _window_back(session: Session, agent_id: int, first_id: int, since: datetime) -> datetime | None:
    """Marks, summary and the queue's start; returns when the last page-out was that stays."""
    agent = session.get_one(AgentRow, agent_id)
    marked = {name: [number for number in agent.prompt.get(name, []) if number < first_id] for name in MARKS}
    agent.prompt = {**agent.prompt, **marked}
    caused = or_(EvictionRow.last_id >= first_id, EvictionRow.created_at >= since)
    mine = EvictionRow.agent_id == agent_id
    undone = session.scalar(select(func.count(EvictionRow.id)).where(mine, caused))
    session.execute(delete(EvictionRow).where(mine, caused))
    last = session.scalar(select(EvictionRow).where(mine).order_by(EvictionRow.id.desc()).limit(1))
    if undone:
        agent.queue_start = last.last_id + 1 if last else 0
        agent.summary = last.summary if last else ""
    return last.created_at if last else None


def _blocks_back(session: Session, agent_id: int, since: datetime, written: datetime | None) -> None:
    """Blocks as they were, but for those that the user has edited by hand since; and their copies in the head as the
    blocks are then, where nothing in view would tell the difference.

    Args:
        session: an open, writing one.
        agent_id: whose.
        since: when what is taken back began.
        written: when the copies were made at the earliest; what was edited then is told in the queue.
    """
    agent = session.get_one(AgentRow, agent_id)
    copies = {label: text for label, text, *_ in agent.prompt.get("blocks", [])}
    rows = list(session.scalars(select(BlockRow).where(BlockRow.agent_id == agent_id).order_by(BlockRow.position)))
    told = True
    for row in rows:
        changes = _changes(session, row, written)
        undone = [change for change in changes if change.changed_at >= since]
        if any(change.changed_by in BY_HAND for change in undone):
            known = {row.text}  # what told of it may be gone
        else:
            known = {change.former for change in changes[: len(changes) - len(undone) + 1]}
            _block_back(session, row, undone, since)
        told = told and copies.get(row.label, "") in (*known, row.text)
    if copies and not told:
        laid_out = [[row.label, row.text, row.token_limit, row.description] for row in rows]
        agent.prompt = {**agent.prompt, "blocks": laid_out}


def _changes(session: Session, row: BlockRow, start: datetime | None) -> list[BlockHistoryRow]:
    """The changes of a block from some time on, oldest first."""
    mine = (BlockHistoryRow.agent_id == row.agent_id, BlockHistoryRow.label == row.label)
    later = true() if start is None else BlockHistoryRow.changed_at >= start
    return list(session.scalars(select(BlockHistoryRow).where(*mine, later).order_by(BlockHistoryRow.id)))


def _block_back(session: Session, row: BlockRow, undone: Sequence[BlockHistoryRow], since: datetime) -> None:
    """A block as it was before some changes, with what was noted meanwhile of messages that stay: of one whose turn was
    cancelled, facts are looked for after a later turn."""
    if not undone:
        return
    lines = undone[0].former.split("\n") if undone[0].former else []
    quoting = (PassageRow.agent_id == row.agent_id, PassageRow.location.startswith("recall:"))
    noted = select(PassageRow.content).where(*quoting, PassageRow.put_away_by == 0, PassageRow.created_at >= since)
    facts = {" ".join(content.split()) for content in session.scalars(noted)}
    for line in "\n".join([*(change.former for change in undone), row.text]).split("\n"):
        if line in facts and line not in lines:
            lines.append(line)
    if (former := "\n".join(lines)) != row.text:
        session.add(BlockHistoryRow(agent_id=row.agent_id, label=row.label, former=row.text, changed_by="rewind"))
        row.text = former


# --------------------------------------------------------------------------------------------------- fork


def fork(session: Session, source_id: int, name: str, key: str) -> tuple[AgentRow, dict[int, int]]:
    """Copy an agent with all that it has into a new one, within the caller's transaction.

    Ids are never used twice, so copies have ids of their own, and pointers in their texts follow.

    Args:
        session: an open, writing one.
        source_id: whose copy.
        name: of the new agent.
        key: the name without regard to case.

    Returns:
        The new agent, and new message ids by old ones.
    """
    source = session.get_one(AgentRow, source_id)
    agent = AgentRow(name=name, key=key, model=source.model, settings=source.settings)
    session.add(agent)
    session.flush()
    documents = _copied(session, DocumentRow, source_id, agent_id=agent.id)
    _copied(session, CopyRow, source_id, agent_id=agent.id, document_id=documents.get)
    messages = _copied(session, MessageRow, source_id, agent_id=agent.id)
    passages = _copied(
        session, PassageRow, source_id, agent_id=agent.id, document_id=lambda old: documents.get(old) if old else None
    )
    _copied(session, BlockRow, source_id, agent_id=agent.id)
    _copied(session, BlockHistoryRow, source_id, agent_id=agent.id)
    _copied(session, EvictionRow, source_id, agent_id=agent.id)
    said = select(MessageRow.id).where(MessageRow.agent_id == source_id)  # no list: databases have a limit for these
    for call in session.scalars(select(CallRow).where(CallRow.message_id.in_(said))):
        values = {column.key: getattr(call, column.key) for column in CallRow.__table__.columns}
        values |= {"message_id": messages[call.message_id], "result_id": messages[call.result_id]}
        session.add(CallRow(**values))
    follow = pointers(lambda old: messages.get(old, old), lambda old: passages.get(old, old))
    _follow(session, agent, source, messages, follow)
    noted = select(PassageRow.id).where(PassageRow.agent_id == agent.id, *INDEXED_PASSAGES)
    enqueue(session, PASSAGE, list(session.scalars(noted)))
    spoken = select(MessageRow.id).where(MessageRow.agent_id == agent.id, *INDEXED_MESSAGES)
    enqueue(session, MESSAGE, list(session.scalars(spoken)))
    return agent, messages


def _copied(session: Session, rows: Any, source_id: int, **changed: Any) -> dict[int, int]:
    """Copy an agent's rows of a table; returns new ids by old ones."""
    old = list(session.scalars(select(rows).where(rows.agent_id == source_id).order_by(rows.id)))
    new = []
    for row in old:
        values = {column.key: getattr(row, column.key) for column in rows.__table__.columns if column.key != "id"}
        for name, value in changed.items():
            values[name] = value(values[name]) if callable(value) else value
        new.append(rows(**values))
    session.add_all(new)
    session.flush()
    return {before.id: after.id for before, after in zip(old, new, strict=True)}


def pointers(message: Callable[[int], int], passage: Callable[[int], int]) -> Callable[[str], str]:
    """A function that lets the pointers of a text follow messages and passages; ids of here by those of there."""

    def recall(found: re.Match[str]) -> str:
        ends = [str(message(int(end))) for end in found.groups() if end]
        return f"recall:{'-'.join(ends)}"

    return lambda text: _ARCHIVAL.sub(lambda found: f"archival:{passage(int(found[1]))}", _RECALL.sub(recall, text))


def _follow(
    session: Session, agent: AgentRow, source: AgentRow, messages: Mapping[int, int], follow: Callable[[str], str]
) -> None:
    """Let everything in the copy that names a message or a note name its copy."""
    start = (new for old, new in sorted(messages.items()) if old >= source.queue_start)
    agent.queue_start = next(start, max(messages.values(), default=-1) + 1) if source.queue_start else 0
    agent.summary = follow(source.summary)
    for block in session.scalars(select(BlockRow).where(BlockRow.agent_id == agent.id)):
        block.text = follow(block.text)
    for change in session.scalars(select(BlockHistoryRow).where(BlockHistoryRow.agent_id == agent.id)):
        change.former = follow(change.former)
    marked = {
        name: [messages[number] for number in source.prompt.get(name, []) if number in messages] for name in MARKS
    }
    agent.prompt = {**source.prompt, **marked}
    if blocks := source.prompt.get("blocks"):
        agent.prompt["blocks"] = [[label, follow(text), *rest] for label, text, *rest in blocks]
    for eviction in session.scalars(select(EvictionRow).where(EvictionRow.agent_id == agent.id)):
        eviction.first_id = messages.get(eviction.first_id, eviction.first_id)
        eviction.last_id = messages.get(eviction.last_id, eviction.last_id)
        eviction.summary = follow(eviction.summary)
    for note in session.scalars(select(PassageRow).where(PassageRow.agent_id == agent.id)):
        note.location = follow(note.location)
        note.put_away_by = messages.get(note.put_away_by, note.put_away_by)
    shown: Iterable[MessageRow] = session.scalars(
        select(MessageRow).where(MessageRow.agent_id == agent.id, MessageRow.kind.in_(["page", "result", "alert"]))
    )
    for message in shown:
        if (text := follow(message.content)) != message.content:
            message.content, message.terms = text, text_terms(text, as_utc(message.created_at))
