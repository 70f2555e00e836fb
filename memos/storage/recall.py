"""Recall storage: every message of one agent, for ever, and how to find one again.

Owns reading, writing and searching messages. What a method returns is committed. It does not know which
messages are in the queue, nor what a model is shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.orm import Session

from memos.errors import InputError, StorageError
from memos.messages import SPOKEN, Call, Found, Kind, Message, State
from memos.storage.index import DELETE, MESSAGE, UPSERT, SearchIndex, enqueue, micros
from memos.storage.ranking import POOL, best_first, fuse, share_with_neighbours
from memos.storage.schema import CallRow, MessageRow, as_utc, clean
from memos.storage.sql import Sql
from memos.storage.text import TextSearch, best_by_words, search_text
from memos.storage.vectors import MESSAGES, Scope


class Recall:
    """`RecallStorage` of one agent. Safe to use from several threads.

    Args:
        sql: the database.
        text: how this database matches words.
        index: vectors, where there are any; searched as well.
        agent_id: whose messages.
    """

    def __init__(self, sql: Sql, text: TextSearch, index: SearchIndex, agent_id: int) -> None:
        self._sql = sql
        self._text = text
        self._index = index
        self._agent_id = agent_id

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

    def get(self, message_id: int) -> Message | None:
        """The message with this id, or None."""
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

    def last_spoken(self) -> Message | None:
        """The newest message of the user or the assistant, or None."""
        kinds = [str(kind) for kind in SPOKEN]
        newest = select(MessageRow).where(self._present(), MessageRow.kind.in_(kinds)).order_by(MessageRow.id.desc())
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
    ) -> Found[Message]:
        """Messages by text, date or both, best first; without a query, newest first.

        With a query, words (BM25) and meaning (vectors, of what was spoken) are added up, and a message
        gains from its neighbours in the conversation. At most the `ranking.POOL` best of either are
        ranked; `total` says how many that makes. The scores of a search without a query are all 0.
        """
        where = self._conditions(kinds, start, end, before_id)
        if not query.strip():
            return self._newest(where, limit, offset)
        with self._sql.read() as session:
            words = best_by_words(self._text, session, MessageRow, clean(query), where, POOL)
        scope = Scope(
            (self._agent_id,),
            tuple(str(kind) for kind in kinds),
            None if start is None else micros(start),
            None if end is None else micros(end),
            before_id,
        )
        meaning = self._index.nearest(MESSAGES, query, scope, POOL) if set(kinds) & set(SPOKEN) else {}
        with self._sql.read() as session:
            scores = self._ranked(session, words, meaning, where)
            ids = best_first(scores)[offset : offset + limit]
            rows = session.scalars(select(MessageRow).where(MessageRow.id.in_(ids)))
            messages = {row.id: _message(row) for row in rows}
        return Found(tuple(messages[i] for i in ids), tuple(scores[i] for i in ids), len(scores))

    def _newest(self, where: Sequence[ColumnElement[bool]], limit: int, offset: int) -> Found[Message]:
        newest = select(MessageRow).where(*where).order_by(MessageRow.id.desc())
        with self._sql.read() as session:
            total = session.scalar(select(func.count(MessageRow.id)).where(*where)) or 0
            messages = [_message(row) for row in session.scalars(newest.limit(limit).offset(offset))]
        return Found(tuple(messages), (0.0,) * len(messages), total)

    def _ranked(
        self,
        session: Session,
        words: Mapping[int, float],
        meaning: Mapping[int, float],
        where: Sequence[ColumnElement[bool]],
    ) -> dict[int, float]:
        found = words.keys() | meaning.keys()
        # SQL has the last word: the index may still name what is gone.
        present = select(MessageRow.id, MessageRow.turn).where(MessageRow.id.in_(found), *where)
        turns = {row.id: row.turn for row in session.execute(present)}
        scores = fuse(
            {i: score for i, score in words.items() if i in turns},
            {i: score for i, score in meaning.items() if i in turns},
        )
        near = {turn + step for turn in turns.values() for step in (-1, 0, 1)}
        around = select(MessageRow.id).where(MessageRow.turn.in_(near), *where)
        return share_with_neighbours(scores, sorted(session.scalars(around)))

    def _conditions(
        self,
        kinds: Sequence[Kind],
        start: datetime | None,
        end: datetime | None,
        before_id: int | None,
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
        return where

    def _mine(self) -> ColumnElement[bool]:
        return MessageRow.agent_id == self._agent_id

    def _present(self) -> ColumnElement[bool]:
        """What is a part of the conversation: not taken back."""
        return and_(self._mine(), MessageRow.state != State.REWOUND)

    def _row(self, session: Session, message_id: int) -> MessageRow | None:
        return session.scalar(select(MessageRow).where(MessageRow.id == message_id, self._mine()))


def _fill(row: MessageRow, content: str, state: State, token_ids: Sequence[int], model: str) -> None:
    row.content = clean(content)
    row.search_text = search_text(row.content)
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
    )
