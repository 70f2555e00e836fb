"""The blocks as they stand in the prompt, so that a restart finds it as it was."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("agents", sa.Column("prompt", sa.JSON(), nullable=False, server_default="{}"))
    # The default is for the rows that are there; the models give one themselves.
    with op.batch_alter_table("agents") as table:
        table.alter_column("prompt", server_default=None)
