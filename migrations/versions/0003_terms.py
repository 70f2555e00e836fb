"""What a message or passage is found by stands in its row, on any database; SQLite's full-text tables go.

The last migration that is about terms works them out. Messages also get the name of who speaks, where it is not simply
the user or the assistant.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


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
