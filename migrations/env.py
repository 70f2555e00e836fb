"""Alembic's way in: migrates on the connection that `Database.open` passes, inside its transaction."""

from __future__ import annotations

from typing import Any

from alembic import context

from memos.storage.schema import Base


def include_name(name: str | None, kind: str, parents: Any) -> bool:
    """Whether a comparison with the models looks at this: full-text tables have no model."""
    return kind != "table" or "_fts" not in (name or "")


def run() -> None:
    connection = context.config.attributes.get("connection")
    if connection is not None:
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            include_name=include_name,
            transactional_ddl=True,
        )
    else:  # only to print the SQL
        context.configure(dialect_name=context.config.attributes["dialect"], target_metadata=Base.metadata)
    with context.begin_transaction():
        context.run_migrations()


run()
