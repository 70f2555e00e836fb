"""The first schema: agents, blocks, messages, passages, and full text over the last two on SQLite."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    _agents()
    _messages()
    _passages()
    _outbox()
    if op.get_context().dialect.name == "sqlite":
        for table in ("messages", "passages"):
            _full_text(table)
        _planner()


def _full_text(table: str) -> None:
    # External content: the text is stored once, in the table. Triggers keep the index in step, cascades
    # included. An update that leaves the text alone (a draft that is done) does not touch the index.
    text = "coalesce({0}.search_text, {0}.content)"
    fts = f"{table}_fts"
    forget = f"INSERT INTO {fts}({fts}, rowid, text) VALUES ('delete', old.id, {text.format('old')});"  # noqa: S608
    learn = f"INSERT INTO {fts}(rowid, text) VALUES (new.id, {text.format('new')});"  # noqa: S608
    op.execute(f"CREATE VIEW {fts}_source AS SELECT id, {text.format(table)} AS text FROM {table}")  # noqa: S608
    op.execute(
        f"CREATE VIRTUAL TABLE {fts} USING fts5(text, content='{fts}_source', content_rowid='id', "
        "tokenize='porter unicode61 remove_diacritics 2')"
    )
    op.execute(f"CREATE TRIGGER {fts}_insert AFTER INSERT ON {table} BEGIN {learn} END")
    op.execute(f"CREATE TRIGGER {fts}_delete AFTER DELETE ON {table} BEGIN {forget} END")
    op.execute(
        f"CREATE TRIGGER {fts}_update AFTER UPDATE OF content, search_text ON {table} "
        f"WHEN {text.format('old')} IS NOT {text.format('new')} BEGIN {forget} {learn} END"
    )


def _planner() -> None:
    # Without figures, SQLite takes an index on agent_id to be worth more than a list of ids, and a search
    # among 100,000 messages takes 0.2 s longer. Fixed figures rather than ANALYZE: the same plans for
    # everyone, whatever is in their database (https://www.sqlite.org/fileformat2.html#stat1tab).
    op.execute("ANALYZE")
    op.execute("DELETE FROM sqlite_stat1")
    for index, figures in (
        ("ix_messages_agent_id_id", "100000 25000 1"),
        ("ix_messages_agent_id_kind_created_at", "100000 25000 6000 1"),
        ("ix_messages_agent_id_created_at", "100000 25000 1"),
        ("ix_messages_agent_id_turn", "100000 25000 4"),
        ("ix_passages_agent_id", "100000 25000"),
        ("ix_passages_document_id_ordinal", "100000 100 1"),
    ):
        row = sa.table("sqlite_stat1", sa.column("tbl"), sa.column("idx"), sa.column("stat"))
        op.execute(row.insert().values(tbl=index.split("_")[1], idx=index, stat=figures))
    op.execute("ANALYZE sqlite_schema")


def _agents() -> None:
    op.create_table(
        "agents",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("queue_start", sa.Integer(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_agents"),
        sa.UniqueConstraint("key", name="uq_agents_key"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "blocks",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("agent_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("label", sa.String(length=64), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("token_limit", sa.Integer(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["agent_id"], ["agents.id"], name="fk_blocks_agent_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_blocks"),
        sa.UniqueConstraint("agent_id", "label", name="uq_blocks_agent_id_label"),
    )
    op.create_table(
        "block_history",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("agent_id", sa.Integer(), nullable=False),
        sa.Column("label", sa.String(length=64), nullable=False),
        sa.Column("former", sa.Text(), nullable=False),
        sa.Column("changed_by", sa.String(length=64), nullable=False),
        sa.Column("changed_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["agent_id"], ["agents.id"], name="fk_block_history_agent_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_block_history"),
    )
    op.create_index("ix_block_history_agent_id_label_id", "block_history", ["agent_id", "label", "id"])
    op.create_table(
        "evictions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("agent_id", sa.Integer(), nullable=False),
        sa.Column("first_id", sa.Integer(), nullable=False),
        sa.Column("last_id", sa.Integer(), nullable=False),
        sa.Column("messages", sa.Integer(), nullable=False),
        sa.Column("tokens", sa.Integer(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("source", sa.String(length=32), nullable=False),
        sa.Column("reason", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["agent_id"], ["agents.id"], name="fk_evictions_agent_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_evictions"),
    )
    op.create_index("ix_evictions_agent_id_id", "evictions", ["agent_id", "id"])


def _messages() -> None:
    op.create_table(
        "messages",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("agent_id", sa.Integer(), nullable=False),
        sa.Column("turn", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("search_text", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("tokens", sa.Integer(), nullable=False),
        sa.Column("token_ids", sa.LargeBinary(), nullable=True),
        sa.Column("model", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["agent_id"], ["agents.id"], name="fk_messages_agent_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_messages"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_messages_agent_id_created_at", "messages", ["agent_id", "created_at"])
    op.create_index("ix_messages_agent_id_id", "messages", ["agent_id", "id"])
    op.create_index("ix_messages_agent_id_kind_created_at", "messages", ["agent_id", "kind", "created_at"])
    op.create_index("ix_messages_agent_id_turn", "messages", ["agent_id", "turn"])
    op.create_table(
        "calls",
        sa.Column("message_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("result_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("arguments", sa.JSON(), nullable=False),
        sa.Column("ok", sa.Boolean(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["message_id"], ["messages.id"], name="fk_calls_message_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["result_id"], ["messages.id"], name="fk_calls_result_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("message_id", name="pk_calls"),
    )
    op.create_index("ix_calls_result_id", "calls", ["result_id"])


def _passages() -> None:
    op.create_table(
        "documents",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("agent_id", sa.Integer(), nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["agent_id"], ["agents.id"], name="fk_documents_agent_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_documents"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_documents_agent_id", "documents", ["agent_id"])
    op.create_table(
        "passages",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("document_id", sa.Integer(), nullable=True),
        sa.Column("agent_id", sa.Integer(), nullable=True),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("search_text", sa.Text(), nullable=True),
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["agent_id"], ["agents.id"], name="fk_passages_agent_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["document_id"], ["documents.id"], name="fk_passages_document_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_passages"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_passages_agent_id", "passages", ["agent_id"])
    op.create_index("ix_passages_document_id_ordinal", "passages", ["document_id", "ordinal"])
    op.create_table(
        "ingest_jobs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("agent_id", sa.Integer(), nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("passages", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["agent_id"], ["agents.id"], name="fk_ingest_jobs_agent_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_ingest_jobs"),
    )
    op.create_index("ix_ingest_jobs_agent_id", "ingest_jobs", ["agent_id"])


def _outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("item_id", sa.Integer(), nullable=False),
        sa.Column("operation", sa.String(length=16), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_outbox"),
        sqlite_autoincrement=True,
    )
