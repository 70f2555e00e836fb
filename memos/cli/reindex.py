"""`memos reindex`: the vector index anew, from the database."""

from __future__ import annotations

import click

from memos.printing import Status


@click.command("reindex", epilog="Example:  memos reindex")
def command() -> None:
    """Rebuild the search index from the database, e.g. after another embedding model was chosen."""
    from memos.agents.composition import open_home

    status = Status()
    try:
        with open_home() as database:
            count = database.reindex(status.embedding)
    finally:
        status.clear()
    click.echo(f"{count:,} messages and passages indexed.")
