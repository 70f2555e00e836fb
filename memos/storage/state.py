"""An agent's state besides its messages: blocks and their history, summary, queue start, model.

Owns how these are kept. It does not know what a block means, nor how large one may be.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from memos.errors import StorageError
from memos.messages import Block, Eviction
from memos.storage.schema import AgentRow, BlockHistoryRow, BlockRow, EvictionRow, clean, now
from memos.storage.sql import Sql


class State:
    """`AgentState` of one agent. Safe to use from several threads.

    Args:
        sql: the database.
        agent_id: whose state.
    """

    def __init__(self, sql: Sql, agent_id: int) -> None:
        self._sql = sql
        self._agent_id = agent_id

    def blocks(self) -> list[Block]:
        """The working context, in its order."""
        statement = select(BlockRow).where(BlockRow.agent_id == self._agent_id).order_by(BlockRow.position)
        with self._sql.read() as session:
            return [Block(row.label, row.text, row.token_limit, row.description) for row in session.scalars(statement)]

    def save_block(self, block: Block, *, by: str) -> None:
        """Create or change a block and keep its former text in the history. `by`: who did it."""
        text = clean(block.text)
        with self._sql.write() as session:
            row = self._block(session, block.label)
            if row is None:
                session.add(
                    BlockRow(
                        agent_id=self._agent_id,
                        position=self._next_position(session),
                        label=block.label,
                        text=text,
                        token_limit=block.limit,
                        description=clean(block.description),
                    )
                )
                return
            if row.text != text:
                self._remember(session, row, by)
            row.text, row.token_limit, row.description = text, block.limit, clean(block.description)
            row.changed_at = now()

    def summary(self) -> str:
        """The recursive summary; empty before the first eviction."""
        with self._sql.read() as session:
            return self._agent(session).summary

    def queue_start(self) -> int:
        """Id of the first message that is in the queue; 0 before the first eviction."""
        with self._sql.read() as session:
            return self._agent(session).queue_start

    def written_back(self) -> list[Block]:
        """The blocks as they stand in the prompt; none before it was laid out."""
        with self._sql.read() as session:
            return [Block(*values) for values in self._agent(session).prompt.get("blocks", [])]

    def record_write_back(self, blocks: Sequence[Block]) -> None:
        """These blocks stand in the prompt now."""
        with self._sql.write() as session:
            agent = self._agent(session)
            agent.prompt = {**agent.prompt, **_prompt(blocks)}

    def hidden(self) -> list[int]:
        """Ids of the messages of the queue that are hidden."""
        return self._marked("hidden")

    def record_hidden(self, message_ids: Sequence[int]) -> None:
        """These are hidden now, and no others."""
        self._mark("hidden", message_ids)

    def unnoted(self) -> list[int]:
        """Ids of the messages in which facts are still to be looked for, oldest first."""
        return self._marked("unnoted")

    def record_unnoted(self, message_ids: Sequence[int]) -> None:
        """In these, and no others, they are."""
        self._mark("unnoted", message_ids)

    def _marked(self, mark: str) -> list[int]:
        with self._sql.read() as session:
            return list(self._agent(session).prompt.get(mark, []))

    def _mark(self, mark: str, message_ids: Sequence[int]) -> None:
        with self._sql.write() as session:
            agent = self._agent(session)
            agent.prompt = {**agent.prompt, mark: list(message_ids)}

    def record_eviction(self, eviction: Eviction, *, queue_start: int, blocks: Sequence[Block]) -> None:
        """Move the queue's start, replace the summary, and write the blocks back, in one transaction."""
        with self._sql.write() as session:
            agent = self._agent(session)
            agent.queue_start = queue_start
            agent.prompt = {**agent.prompt, **_prompt(blocks)}
            agent.summary = clean(eviction.summary)
            session.add(
                EvictionRow(
                    agent_id=self._agent_id,
                    first_id=eviction.first_id,
                    last_id=eviction.last_id,
                    messages=eviction.messages,
                    tokens=eviction.tokens,
                    summary=agent.summary,
                    source=eviction.source,
                    reason=eviction.reason,
                )
            )

    def evictions(self) -> list[Eviction]:
        """All page-outs so far, oldest first."""
        statement = select(EvictionRow).where(EvictionRow.agent_id == self._agent_id).order_by(EvictionRow.id)
        with self._sql.read() as session:
            return [
                Eviction(row.first_id, row.last_id, row.messages, row.tokens, row.summary, row.source, row.reason)
                for row in session.scalars(statement)
            ]

    def save_model(self, name: str) -> None:
        """Remember which model the agent is used with."""
        with self._sql.write() as session:
            session.execute(update(AgentRow).where(AgentRow.id == self._agent_id).values(model=name))

    def _agent(self, session: Session) -> AgentRow:
        row = session.get(AgentRow, self._agent_id)
        if row is None:
            raise StorageError(f"This agent is no longer in {self._sql.where}: was it deleted?")
        return row

    def _block(self, session: Session, label: str) -> BlockRow | None:
        return session.scalar(select(BlockRow).where(BlockRow.agent_id == self._agent_id, BlockRow.label == label))

    def _next_position(self, session: Session) -> int:
        last = select(func.max(BlockRow.position)).where(BlockRow.agent_id == self._agent_id)
        return (session.scalar(last) or 0) + 1

    def _remember(self, session: Session, row: BlockRow, by: str) -> None:
        session.add(BlockHistoryRow(agent_id=self._agent_id, label=row.label, former=row.text, changed_by=by))


def _prompt(blocks: Sequence[Block]) -> dict[str, Any]:
    return {"blocks": [[block.label, clean(block.text), block.limit, clean(block.description)] for block in blocks]}
