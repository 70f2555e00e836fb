"""What a document's file looked like when it was read, and the other paths of the same bytes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    # Nought: not known, so that the next ingest compares the bytes.
    for name in ("size", "modified_ns"):
        op.add_column("documents", sa.Column(name, sa.BigInteger(), nullable=False, server_default="0"))
    op.create_index("ix_documents_agent_id_sha256", "documents", ["agent_id", "sha256"])
    op.create_index("ix_ingest_jobs_agent_id_source", "ingest_jobs", ["agent_id", "source"])
    op.create_table(
        "document_copies",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("document_id", sa.Integer(), nullable=False),
        sa.Column("agent_id", sa.Integer(), nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("modified_ns", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_document_copies"),
        sa.ForeignKeyConstraint(
            ["document_id"], ["documents.id"], name="fk_document_copies_document_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["agent_id"], ["agents.id"], name="fk_document_copies_agent_id", ondelete="CASCADE"),
    )
    op.create_index("ix_document_copies_document_id", "document_copies", ["document_id"])
    op.create_index("ix_document_copies_agent_id_source", "document_copies", ["agent_id", "source"])
