"""The tables, as SQLAlchemy models: what is stored, under which names and types.

Owns the shape of the data; `migrations/` owns how a database gets there, and a test holds the two equal.
It does not know how anything is searched.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from memos.messages import SPOKEN, EvictionReason, EvictionSource

_UNSTORABLE = re.compile("[\0\ud800-\udfff]")

# Constraints have names of our choosing, so that a later migration can drop them on any database.
NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

# A longer silence begins another session, as it does for the clock in view.
SESSION_PAUSE = timedelta(hours=1)
SPOKEN_KINDS = tuple(str(kind) for kind in SPOKEN)  # as `MessageRow.kind` has them

# Ids are never used twice: the vector index and a model's `recall:7` may outlive the row they name.
NEVER_REUSED = {"sqlite_autoincrement": True}


class UTCDateTime(TypeDecorator[datetime]):
    """Aware datetimes in Python, UTC without a zone in the database. A naive one is taken as UTC."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else as_utc(value).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC)


class TokenIds(TypeDecorator[tuple[int, ...]]):
    """Token ids as little-endian 32-bit integers."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: Sequence[int] | None, dialect: Dialect) -> bytes | None:
        return struct.pack(f"<{len(value)}i", *value) if value else None

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> tuple[int, ...]:
        return struct.unpack(f"<{len(value) // 4}i", value) if value else ()


def now() -> datetime:
    """The time, in UTC and aware."""
    return datetime.now(UTC)


def as_utc(moment: datetime) -> datetime:
    """The same moment in UTC; a naive one is taken as UTC already."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def clean(text: str) -> str:
    """Text that every database can hold: NUL and lone surrogates become U+FFFD."""
    return _UNSTORABLE.sub("\ufffd", text)


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {datetime: UTCDateTime, str: Text, dict[str, Any]: JSON}  # noqa: RUF012


def _agent_key() -> Mapped[int]:
    return mapped_column(ForeignKey("agents.id", ondelete="CASCADE"))


class AgentRow(Base):
    """One agent. `key` is its name without regard to case, since locks are files."""

    __tablename__ = "agents"
    __table_args__ = (NEVER_REUSED,)

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(64))
    key: Mapped[str] = mapped_column(String(64), unique=True)
    model: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime] = mapped_column(default=now)
    queue_start: Mapped[int] = mapped_column(default=0)
    summary: Mapped[str] = mapped_column(default="")
    settings: Mapped[dict[str, Any]] = mapped_column(default=dict)
    prompt: Mapped[dict[str, Any]] = mapped_column(default=dict)


class BlockRow(Base):
    """A labelled block of the working context, as it is now."""

    __tablename__ = "blocks"
    __table_args__ = (UniqueConstraint("agent_id", "label"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    agent_id: Mapped[int] = _agent_key()
    position: Mapped[int]
    label: Mapped[str] = mapped_column(String(64))
    text: Mapped[str]
    token_limit: Mapped[int]
    description: Mapped[str] = mapped_column(default="")
    changed_at: Mapped[datetime] = mapped_column(default=now)


class BlockHistoryRow(Base):
    """What a block's text was before someone changed it."""

    __tablename__ = "block_history"
    __table_args__ = (Index(None, "agent_id", "label", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    agent_id: Mapped[int] = _agent_key()
    label: Mapped[str] = mapped_column(String(64))
    former: Mapped[str]
    changed_by: Mapped[str] = mapped_column(String(64))
    changed_at: Mapped[datetime] = mapped_column(default=now)


class MessageRow(Base):
    """One message. `terms` is what it is found by; see `memos.storage.text`."""

    __tablename__ = "messages"
    __table_args__ = (
        Index(None, "agent_id", "id"),
        Index(None, "agent_id", "kind", "created_at"),
        Index(None, "agent_id", "created_at"),
        Index(None, "agent_id", "turn"),
        NEVER_REUSED,
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    agent_id: Mapped[int] = _agent_key()
    turn: Mapped[int]
    kind: Mapped[str] = mapped_column(String(16))
    state: Mapped[str] = mapped_column(String(16))
    content: Mapped[str]
    speaker: Mapped[str] = mapped_column(String(64), default="")
    terms: Mapped[bytes] = mapped_column(LargeBinary, default=b"")
    created_at: Mapped[datetime] = mapped_column(default=now)
    tokens: Mapped[int] = mapped_column(default=0)
    token_ids: Mapped[tuple[int, ...]] = mapped_column(TokenIds, nullable=True)
    model: Mapped[str] = mapped_column(default="")


class CallRow(Base):
    """A function call that was answered: from which message, by which, how well."""

    __tablename__ = "calls"
    __table_args__ = (Index(None, "result_id"),)

    message_id: Mapped[int] = mapped_column(
        ForeignKey("messages.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    result_id: Mapped[int] = mapped_column(ForeignKey("messages.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(64))
    arguments: Mapped[dict[str, Any]]
    ok: Mapped[bool]
    seconds: Mapped[float] = mapped_column(Float)


class EvictionRow(Base):
    """A page-out of the queue."""

    __tablename__ = "evictions"
    __table_args__ = (Index(None, "agent_id", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    agent_id: Mapped[int] = _agent_key()
    first_id: Mapped[int]
    last_id: Mapped[int]
    messages: Mapped[int]
    tokens: Mapped[int]
    summary: Mapped[str]
    source: Mapped[EvictionSource] = mapped_column(String(32))
    reason: Mapped[EvictionReason] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(default=now)


class DocumentRow(Base):
    """A document that was read. Without an agent it is shared with every agent of this database.

    `size` (bytes) and `modified_ns` are its file's, as of the reading; 0: not known.
    """

    __tablename__ = "documents"
    __table_args__ = (Index(None, "agent_id"), Index(None, "agent_id", "sha256"), NEVER_REUSED)

    id: Mapped[int] = mapped_column(primary_key=True)
    agent_id: Mapped[int | None] = mapped_column(ForeignKey("agents.id", ondelete="CASCADE"))
    source: Mapped[str]
    sha256: Mapped[str] = mapped_column(String(64))
    size: Mapped[int] = mapped_column(BigInteger, default=0)
    modified_ns: Mapped[int] = mapped_column(BigInteger, default=0)
    created_at: Mapped[datetime] = mapped_column(default=now)


class CopyRow(Base):
    """Another path under which the same bytes lie: its passages are the document's."""

    __tablename__ = "document_copies"
    __table_args__ = (Index(None, "document_id"), Index(None, "agent_id", "source"))

    id: Mapped[int] = mapped_column(primary_key=True)
    document_id: Mapped[int] = mapped_column(ForeignKey("documents.id", ondelete="CASCADE"))
    agent_id: Mapped[int | None] = mapped_column(ForeignKey("agents.id", ondelete="CASCADE"))
    source: Mapped[str]
    size: Mapped[int] = mapped_column(BigInteger, default=0)
    modified_ns: Mapped[int] = mapped_column(BigInteger, default=0)
    created_at: Mapped[datetime] = mapped_column(default=now)


class PassageRow(Base):
    """A note of an agent (no document), or one piece of a document, in the document's order. A note that was corrected
    or forgotten names the message that asked for it, and nothing finds it any more."""

    __tablename__ = "passages"
    __table_args__ = (Index(None, "agent_id"), Index(None, "document_id", "ordinal"), NEVER_REUSED)

    id: Mapped[int] = mapped_column(primary_key=True)
    document_id: Mapped[int | None] = mapped_column(ForeignKey("documents.id", ondelete="CASCADE"))
    agent_id: Mapped[int | None] = mapped_column(ForeignKey("agents.id", ondelete="CASCADE"))
    ordinal: Mapped[int] = mapped_column(default=0)
    content: Mapped[str]
    terms: Mapped[bytes] = mapped_column(LargeBinary, default=b"")
    location: Mapped[str] = mapped_column(default="")
    put_away_by: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(default=now)


class JobRow(Base):
    """What ingest did with one file: stored, skipped, failed or removed, and why. Once each, the latest time."""

    __tablename__ = "ingest_jobs"
    __table_args__ = (Index(None, "agent_id"), Index(None, "agent_id", "source"))

    id: Mapped[int] = mapped_column(primary_key=True)
    agent_id: Mapped[int | None] = mapped_column(ForeignKey("agents.id", ondelete="CASCADE"))
    source: Mapped[str]
    outcome: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str] = mapped_column(default="")
    passages: Mapped[int] = mapped_column(Integer, default=0)
    created_at: Mapped[datetime] = mapped_column(default=now)


class OutboxRow(Base):
    """Something the vector index has yet to learn; written in the transaction that caused it.

    A log, not a set: a row that arrives while its item is being embedded has an id of its own, so that
    acknowledging the older row cannot lose it. No foreign keys: it tells of rows that are gone, too.
    """

    __tablename__ = "outbox"
    __table_args__ = (NEVER_REUSED,)

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))  # message, passage, agent
    item_id: Mapped[int]
    operation: Mapped[str] = mapped_column(String(16))  # upsert, delete
