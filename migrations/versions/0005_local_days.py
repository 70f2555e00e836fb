"""What a message or passage is found by knows its "yesterday" as the day that it was for the user, not in UTC, and
"last summer" as the one that is over.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from memos.storage.schema import as_utc
from memos.storage.text import text_terms

revision = "0005"
down_revision = "0004"

BATCH = 1000
UNFOUND = ("draft", "forgotten")  # states of messages that have no terms


def upgrade() -> None:
    if op.get_context().as_sql:
        return
    states = sa.column("state", sa.String)
    _fill("messages", states.not_in(UNFOUND))
    _fill("passages", sa.true())


def _fill(name: str, wanted: sa.ColumnElement[bool]) -> None:
    """Work out the terms of what is there: a minute for 100,000 messages, once."""
    table = sa.table(
        name,
        sa.column("id", sa.Integer),
        sa.column("content", sa.Text),
        sa.column("terms", sa.LargeBinary),
        sa.column("created_at", sa.DateTime),
    )
    columns = sa.select(table.c.id, table.c.content, table.c.created_at, table.c.terms).order_by(table.c.id)
    change = table.update().where(table.c.id == sa.bindparam("row")).values(terms=sa.bindparam("found"))
    connection, last = op.get_bind(), 0
    while rows := connection.execute(columns.where(wanted, table.c.id > last).limit(BATCH)).all():
        found = [(row, text_terms(content, as_utc(at)), terms) for row, content, at, terms in rows]
        changed: list[dict[str, Any]] = [{"row": row, "found": new} for row, new, old in found if new != old]
        if changed:
            connection.execute(change, changed)
        last = rows[-1].id
