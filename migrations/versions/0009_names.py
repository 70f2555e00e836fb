"""Texts are found by the words of names that are written together in them, too: `ProbeTimeout` by `timeout`."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from memos.storage.schema import as_utc
from memos.storage.text import heading_of, text_terms

revision = "0009"
down_revision = "0008"

BATCH = 1000


def upgrade() -> None:
    if op.get_context().as_sql:
        return
    connection = op.get_bind()
    messages = sa.table("messages", *_columns("id", "content", "terms", "created_at"))
    _anew(connection, messages, sa.select(messages, sa.literal("").label("source"), sa.literal("").label("location")))
    passages = sa.table("passages", *_columns("id", "document_id", "content", "location", "terms", "created_at"))
    documents = sa.table("documents", *_columns("id", "source"))
    above = (sa.func.coalesce(documents.c.source, "").label("source"), passages.c.location)
    columns = (passages.c.id, passages.c.content, passages.c.terms, passages.c.created_at, *above)
    _anew(connection, passages, sa.select(*columns).outerjoin(documents, documents.c.id == passages.c.document_id))


def _columns(*names: str) -> list[sa.ColumnClause[Any]]:
    types = {"id": sa.Integer, "document_id": sa.Integer, "terms": sa.LargeBinary, "created_at": sa.DateTime}
    return [sa.column(name, types.get(name, sa.Text)) for name in names]


def _anew(connection: sa.Connection, table: sa.TableClause, stored: sa.Select[Any]) -> None:
    """Write the terms of a table's texts anew, where they change; a text without terms is not searched for."""
    change = table.update().where(table.c.id == sa.bindparam("row")).values(terms=sa.bindparam("found"))
    last = 0
    while rows := connection.execute(stored.where(table.c.id > last).order_by(table.c.id).limit(BATCH)).all():
        changed = []
        for row in rows:
            heading = heading_of(row.source, row.location) if row.source else ""
            found = text_terms(row.content, as_utc(row.created_at), heading) if row.terms else row.terms
            if found != row.terms:
                changed.append({"row": row.id, "found": found})
        if changed:
            connection.execute(change, changed)
        last = rows[-1].id
