"""Recall storage: every message of one agent, for ever, and how to find one again.

Owns reading, writing and searching messages. What a method returns is committed. It does not know which
messages are in the queue, nor what a model is shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.orm import Session

from memos.errors import InputError, StorageError
from memos.messages import SPOKEN, Call, Found, Kind, Message, State, Told
from memos.storage.importing import store_told, told_rows
from memos.storage.index import DELETE, MESSAGE, UPSERT, SearchIndex, enqueue, micros
from memos.storage.schema import SESSION_PAUSE, SPOKEN_KINDS, CallRow, MessageRow, as_utc, clean, now
from memos.storage.searching import Filter, Hits, Searcher
from memos.storage.sql import Sql
from memos.storage.text import query_words, text_terms
from memos.storage.vectors import MESSAGES, Scope

if TYPE_CHECKING:
    from memos.storage.corpus import Entry


class Recall:
    """`RecallStorage` of one agent. Safe to use from several threads.

    Args:
        sql: the database.
        index: vectors, where there are any; searched as well.
        agent_id: whose messages.
    """

    def __init__(self, sql: Sql, index: SearchIndex, agent_id: int) -> None:
        self._sql = sql
        self._agent_id = agent_id
        self._searcher = Searcher(sql, self, index, MESSAGES)

    def append(
        self,
        kind: Kind,
        content: str,
        *,
        turn: int,
        state: State = State.DONE,
        token_ids: Sequence[int] = (),
        model: str = "",
    ) -> Message:
        """Store a message and return it with its id.

        Raises:
            StorageError: it could not be stored.
        """
        row = MessageRow(agent_id=self._agent_id, turn=turn, kind=str(kind))
        _fill(row, content, state, token_ids, model)
        with self._sql.write() as session:
            session.add(row)
            session.flush()
            _tell_index(session, row)
        return _message(row)

    def import_past(self, past: Sequence[Told]) -> list[int]:
        """Store messages of an earlier conversation, all or nothing, behind those that are there.

        Args:
            past: in the order in which they were said. A message of the user begins a turn.

        Returns:
            Their ids.

        Raises:
            StorageError: they could not be stored; none was.
        """
        rows = told_rows(past, self.last_turn())
        with self._sql.write() as session:
            return store_told(session, self._agent_id, rows)

    def amend(
        self, message_id: int, *, content: str, state: State, token_ids: Sequence[int] = (), model: str = ""
    ) -> Message:
        """Replace a message by more of it, or by its final form.

        Raises:
            StorageError: there is no such message of this agent, or it could not be stored.
        """
        with self._sql.write() as session:
            row = self._row(session, message_id)
            if row is None:
                raise StorageError(f"There is no message {message_id} to change.")
            _fill(row, content, state, token_ids, model)
            session.flush()
            _tell_index(session, row)
        self._searcher.forget(message_id)
        return _message(row)

    def discard(self, message_id: int) -> None:
        """Remove a draft of which nothing was shown. One that is not there does not matter.

        Raises:
            InputError: it is no draft; nothing is removed.
        """
        with self._sql.write() as session:
            row = self._row(session, message_id)
            if row is None:
                return
            if row.state != State.DRAFT:
                raise InputError(f"Message {message_id} is not a draft; recall storage keeps it.")
            session.delete(row)
            enqueue(session, MESSAGE, [message_id], DELETE)
        self._searcher.forget(message_id)

    def get(self, message_id: int) -> Message | None:
        """The message with this id, one that was taken back, too; or None."""
        with self._sql.read() as session:
            row = self._row(session, message_id)
        return None if row is None else _message(row)

    def since(self, first_id: int) -> list[Message]:
        """All messages from `first_id` on, oldest first."""
        statement = select(MessageRow).where(self._present(), MessageRow.id >= first_id).order_by(MessageRow.id)
        with self._sql.read() as session:
            return [_message(row) for row in session.scalars(statement)]

    def page(
        self, *, before_id: int | None = None, from_id: int | None = None, limit: int = 50, kinds: Sequence[Kind] = ()
    ) -> list[Message]:
        """Some messages in their order: the newest, the last before `before_id`, or the first from `from_id` on."""
        statement = select(MessageRow).where(self._present()).limit(limit)
        if kinds:
            statement = statement.where(MessageRow.kind.in_([str(kind) for kind in kinds]))
        if from_id is not None:
            statement = statement.where(MessageRow.id >= from_id).order_by(MessageRow.id)
        else:
            if before_id is not None:
                statement = statement.where(MessageRow.id < before_id)
            statement = statement.order_by(MessageRow.id.desc())
        with self._sql.read() as session:
            return sorted(map(_message, session.scalars(statement)), key=lambda message: message.id)

    def around(self, message_id: int, *, before: int = 2, after: int = 2) -> list[Message]:
        """What was said around a message of the user or the assistant, itself included, oldest first.

        Args:
            message_id: the message; of another kind, taken back, or not there, finds nothing.
            before: how many messages before it, of the same session.
            after: how many after it.
        """
        spoken = (self._present(), MessageRow.kind.in_(SPOKEN_KINDS))
        with self._sql.read() as session:
            middle = session.scalar(select(MessageRow).where(*spoken, MessageRow.id == message_id))
            if middle is None:
                return []
            span = (
                MessageRow.created_at >= middle.created_at - SESSION_PAUSE * (before + 1),
                MessageRow.created_at <= middle.created_at + SESSION_PAUSE * (after + 1),
            )
            earlier = select(MessageRow).where(*spoken, *span, MessageRow.id < message_id)
            later = select(MessageRow).where(*spoken, *span, MessageRow.id > message_id)
            rows = [
                *reversed(session.scalars(earlier.order_by(MessageRow.id.desc()).limit(before)).all()),
                middle,
                *session.scalars(later.order_by(MessageRow.id).limit(after)).all(),
            ]
        return _same_session([_message(row) for row in rows], message_id)

    def last_spoken(self) -> Message | None:
        """The newest message of the user or the assistant, or None."""
        spoken = (self._present(), MessageRow.kind.in_(SPOKEN_KINDS))
        newest = select(MessageRow).where(*spoken).order_by(MessageRow.id.desc())
        with self._sql.read() as session:
            row = session.scalar(newest.limit(1))
        return None if row is None else _message(row)

    def last_turn(self) -> int:
        """The newest message's turn; 0 where there is none."""
        newest = select(MessageRow.turn).where(self._present()).order_by(MessageRow.id.desc()).limit(1)
        with self._sql.read() as session:
            return session.scalar(newest) or 0

    def count(self) -> int:
        """How many messages there are."""
        with self._sql.read() as session:
            return session.scalar(select(func.count(MessageRow.id)).where(self._present())) or 0

    def record_call(self, message_id: int, result_id: int, call: Call, *, ok: bool, seconds: float) -> None:
        """Note that the call in `message_id` was answered by `result_id`."""
        with self._sql.write() as session:
            session.merge(
                CallRow(
                    message_id=message_id,
                    result_id=result_id,
                    name=call.name,
                    arguments=call.arguments,
                    ok=ok,
                    seconds=seconds,
                )
            )

    def calls(self, turn: int) -> list[Call]:
        """The calls of a turn that succeeded, in their order."""
        made = select(CallRow).join(MessageRow, MessageRow.id == CallRow.message_id).order_by(MessageRow.id)
        with self._sql.read() as session:
            rows = session.scalars(made.where(self._present(), MessageRow.turn == turn, CallRow.ok))
            return [Call(row.name, row.arguments) for row in rows]

    # ------------------------------------------------------------------------------------- searching

    def search(
        self,
        query: str = "",
        *,
        limit: int = 10,
        offset: int = 0,
        kinds: Sequence[Kind] = SPOKEN,
        start: datetime | None = None,
        end: datetime | None = None,
        before_id: int | None = None,
        speaker: str | None = None,
        asked_at: datetime | None = None,
    ) -> Found[Message]:
        """Messages by text, date or both, best first; without a query, newest first.

        With a query, words (BM25), meaning (vectors, of what was spoken), neighbours, speaker and time are added up;
        see `memos.storage.ranking`. At most the `ranking.POOL` best by words and by meaning are ranked; `total` says
        how many that makes. The scores of a search without a query are all 0.
        """
        where = self._conditions(kinds, start, end, before_id, speaker)
        if not query.strip():
            return self._newest(where, limit, offset)
        if not query_words(clean(query)):
            # Without a word (an emoji, "???") the query is looked for as it stands.
            where.append(MessageRow.content.contains(clean(query).strip(), autoescape=True))
            return self._newest(where, limit, offset)
        named = tuple(str(kind) for kind in kinds)
        hits = self._searcher.search(
            query,
            Filter(named, start, end, before_id, speaker),
            self._scope(named, start, end, before_id) if set(kinds) & set(SPOKEN) else None,
            asked_at,
        )
        return self._found(hits, where, limit, offset)

    def _scope(
        self, kinds: tuple[str, ...], start: datetime | None, end: datetime | None, before_id: int | None
    ) -> Scope:
        since, until = (None if moment is None else micros(moment) for moment in (start, end))
        return Scope((self._agent_id,), kinds, since, until, before_id)

    def _found(self, hits: Hits, where: Sequence[ColumnElement[bool]], limit: int, offset: int) -> Found[Message]:
        ids = hits.ids[offset : offset + limit]
        with self._sql.read() as session:
            # SQL has the last word.
            rows = session.scalars(select(MessageRow).where(MessageRow.id.in_(ids), *where))
            messages = {row.id: _message(row) for row in rows}
        shown = [(at, item) for at, item in enumerate(ids, start=offset) if item in messages]
        return Found(
            tuple(messages[item] for _, item in shown),
            tuple(hits.scores[at] for at, _ in shown),
            len(hits.ids),
            tuple(hits.explain(at) for at, _ in shown),
            hits.speakers,
        )

    def refresh(self) -> None:
        """Load what is searched anew with the next search: messages were taken back or forgotten."""
        self._searcher.forget()

    def entries(self, session: Session, after_id: int) -> list[Entry]:
        """Rows for the corpus of a search; see `memos.storage.searching.Source`."""
        from memos.storage.corpus import Entry

        columns = (MessageRow.id, MessageRow.kind, MessageRow.created_at, MessageRow.speaker, MessageRow.terms)
        there = (self._present(), MessageRow.state != State.FORGOTTEN)
        newer = select(*columns).where(*there, MessageRow.id > after_id).order_by(MessageRow.id)
        return [Entry(row, kind, at, speaker, None, terms) for row, kind, at, speaker, terms in session.execute(newer)]

    def _newest(self, where: Sequence[ColumnElement[bool]], limit: int, offset: int) -> Found[Message]:
        newest = select(MessageRow).where(*where).order_by(MessageRow.id.desc())
        with self._sql.read() as session:
            total = session.scalar(select(func.count(MessageRow.id)).where(*where)) or 0
            messages = [_message(row) for row in session.scalars(newest.limit(limit).offset(offset))]
        return Found(tuple(messages), (0.0,) * len(messages), total)

    def _conditions(
        self,
        kinds: Sequence[Kind],
        start: datetime | None,
        end: datetime | None,
        before_id: int | None,
        speaker: str | None,
    ) -> list[ColumnElement[bool]]:
        where = [
            self._present(),
            MessageRow.kind.in_([str(kind) for kind in kinds]),
            MessageRow.state != State.FORGOTTEN,
        ]
        if start is not None:
            where.append(MessageRow.created_at >= as_utc(start))
        if end is not None:
            where.append(MessageRow.created_at < as_utc(end))
        if before_id is not None:
            where.append(MessageRow.id < before_id)
        if speaker is not None:
            where.append(MessageRow.speaker == speaker)
        return where

    def _mine(self) -> ColumnElement[bool]:
        return MessageRow.agent_id == self._agent_id

    def _present(self) -> ColumnElement[bool]:
        """What is a part of the conversation: not taken back."""
        return and_(self._mine(), MessageRow.state != State.REWOUND)

    def _row(self, session: Session, message_id: int) -> MessageRow | None:
        return session.scalar(select(MessageRow).where(MessageRow.id == message_id, self._mine()))


def _same_session(messages: list[Message], message_id: int) -> list[Message]:
    """Those messages around one that no long pause parts from it."""
    place = next(at for at, message in enumerate(messages) if message.id == message_id)
    first = last = place
    while first > 0 and messages[first].created_at - messages[first - 1].created_at <= SESSION_PAUSE:
        first -= 1
    while last + 1 < len(messages) and messages[last + 1].created_at - messages[last].created_at <= SESSION_PAUSE:
        last += 1
    return messages[first : last + 1]


def _fill(row: MessageRow, content: str, state: State, token_ids: Sequence[int], model: str) -> None:
    row.content = clean(content)
    row.created_at = row.created_at or now()
    # A draft grows with every word; it is found when it is whole.
    row.terms = b"" if state is State.DRAFT else text_terms(row.content, row.created_at)
    row.state = str(state)
    row.token_ids = tuple(token_ids)
    row.tokens = len(row.token_ids)
    row.model = model


def _tell_index(session: Session, row: MessageRow) -> None:
    if row.kind in SPOKEN and row.state != State.DRAFT:
        enqueue(session, MESSAGE, [row.id], DELETE if row.state == State.FORGOTTEN else UPSERT)


def _message(row: MessageRow) -> Message:
    return Message(
        id=row.id,
        kind=Kind(row.kind),
        content=row.content,
        created_at=as_utc(row.created_at),
        turn=row.turn,
        state=State(row.state),
        token_ids=tuple(row.token_ids or ()),
        model=row.model,
        speaker=row.speaker,
    )
