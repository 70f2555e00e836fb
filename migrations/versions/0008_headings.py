"""Passages of documents are found by what stands above them, too: the document's name and the headings."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from memos.storage.schema import as_utc
from memos.storage.text import heading_of, text_terms

revision = "0008"
down_revision = "0007"

BATCH = 1000


def upgrade() -> None:
    if op.get_context().as_sql:
        return
    connection, last = op.get_bind(), 0
    passages = sa.table(
        "passages",
        sa.column("id", sa.Integer),
        sa.column("document_id", sa.Integer),
        sa.column("content", sa.Text),
        sa.column("location", sa.Text),
        sa.column("terms", sa.LargeBinary),
        sa.column("created_at", sa.DateTime),
    )
    documents = sa.table("documents", sa.column("id", sa.Integer), sa.column("source", sa.Text))
    outbox = sa.table("outbox", *(sa.column(name) for name in ("kind", "item_id", "operation")))
    columns = (passages.c.id, passages.c.content, passages.c.location, passages.c.created_at, documents.c.source)
    stored = sa.select(*columns).join(documents, documents.c.id == passages.c.document_id).order_by(passages.c.id)
    change = passages.update().where(passages.c.id == sa.bindparam("row")).values(terms=sa.bindparam("found"))
    while rows := connection.execute(stored.where(passages.c.id > last).limit(BATCH)).all():
        found = [text_terms(row.content, as_utc(row.created_at), heading_of(row.source, row.location)) for row in rows]
        connection.execute(change, [{"row": row.id, "found": new} for row, new in zip(rows, found, strict=True)])
        again = [{"kind": "passage", "item_id": row.id, "operation": "upsert"} for row in rows]
        connection.execute(outbox.insert(), again)  # to be embedded anew
        last = rows[-1].id
