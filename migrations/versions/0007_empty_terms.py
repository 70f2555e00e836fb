"""Terms that SQLite holds as an empty text are empty bytes, as all others are."""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    # The default that 0003 gave to the rows that were there; 0005 left it where it found nothing to work out (drafts).
    if op.get_context().dialect.name == "sqlite":
        op.execute("UPDATE messages SET terms = x'' WHERE typeof(terms) = 'text'")
        op.execute("UPDATE passages SET terms = x'' WHERE typeof(terms) = 'text'")
