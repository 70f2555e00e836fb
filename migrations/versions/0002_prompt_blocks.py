"""The blocks as they stand in the prompt, so that a restart finds it as it was."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    # The default is for the rows that are there; the models give one themselves. It stays: taking it away
    # would make SQLite rebuild the table, and dropping `agents` deletes, by cascade, all that agents have.
    op.add_column("agents", sa.Column("prompt", sa.JSON(), nullable=False, server_default="{}"))
