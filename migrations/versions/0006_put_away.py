"""Notes that were corrected or forgotten, and by which message."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    # The default stays: taking it away would make SQLite rebuild the table (see 0002).
    op.add_column("passages", sa.Column("put_away_by", sa.Integer(), nullable=False, server_default="0"))
