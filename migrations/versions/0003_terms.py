"""What a message or passage is found by stands in its row, on any database; SQLite's full-text tables go.

Messages also get the name of who speaks, where it is not simply the user or the assistant.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

from memos.storage.schema import as_utc
from memos.storage.text import text_terms

revision = "0003"
down_revision = "0002"

BATCH = 1000


def upgrade() -> None:
    op.add_column("messages", sa.Column("speaker", sa.String(length=64), nullable=False, server_default=""))
    for table in ("messages", "passages"):
        op.add_column(table, sa.Column("terms", sa.LargeBinary(), nullable=False, server_default=""))
        if op.get_context().dialect.name == "sqlite":
            for event in ("insert", "delete", "update"):
                op.execute(f"DROP TRIGGER {table}_fts_{event}")
            op.execute(f"DROP TABLE {table}_fts")
            op.execute(f"DROP VIEW {table}_fts_source")
        op.drop_column(table, "search_text")
        if not op.get_context().as_sql:
            _fill(table)


def _fill(name: str) -> None:
    """Work out the terms of what is there: a minute for 100,000 messages, once."""
    table = sa.table(
        name,
        sa.column("id", sa.Integer),
        sa.column("content", sa.Text),
        sa.column("terms", sa.LargeBinary),
        sa.column("created_at", sa.DateTime),
    )
    connection, last = op.get_bind(), 0
    while True:
        wanted = sa.select(table.c.id, table.c.content, table.c.created_at).where(table.c.id > last)
        rows = connection.execute(wanted.order_by(table.c.id).limit(BATCH)).all()
        if not rows:
            return
        change = table.update().where(table.c.id == sa.bindparam("row")).values(terms=sa.bindparam("found"))
        connection.execute(change, [_terms(*row) for row in rows])
        last = rows[-1].id


def _terms(row: int, content: str, created_at: datetime) -> dict[str, Any]:
    return {"row": row, "found": text_terms(content, as_utc(created_at))}
