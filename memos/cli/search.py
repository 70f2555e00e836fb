"""`memos search`: what was said, and notes and documents."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import MAXYEAR, MINYEAR, timedelta
from typing import TYPE_CHECKING, Any

import click

from memos.cli.options import json_option
from memos.messages import SPOKEN, Found, Kind, Message, Passage
from memos.printing import safe
from memos.zone import LOCAL

if TYPE_CHECKING:
    from datetime import datetime

ROLES = {"user": (Kind.USER,), "assistant": (Kind.SPEECH,)}
DAY = click.DateTime(["%Y-%m-%d"])


@click.command(
    "search",
    epilog="""\b
Examples:
  memos search ada "dog"
  memos search ada "what did I eat last Friday?" --explain
  memos search ada "trip" --role user --from 2026-05-01 --to 2026-05-31
  memos search ada "backup policy" --source docs/operations.md --json""",
)
@click.argument("agent")
@click.argument("query")
@click.option("--limit", default=5, show_default=True, type=click.IntRange(min=1), help="Results of each kind.")
@click.option("--role", type=click.Choice(list(ROLES)), help="Only what this side said.")
@click.option("--from", "start", type=DAY, metavar="DATE", help="Only messages from this day on, YYYY-MM-DD.")
@click.option("--to", "end", type=DAY, metavar="DATE", help="Only messages up to this day, included.")
@click.option("--source", help="Only this document, by its path or the end of it, or this folder.")
@click.option("--explain", is_flag=True, help="Show what adds up to each score.")
@json_option
def command(
    agent: str,
    query: str,
    limit: int,
    role: str | None,
    start: datetime | None,
    end: datetime | None,
    source: str | None,
    explain: bool,
    as_json: bool,
) -> None:
    """Search AGENT's messages, notes and documents for QUERY, without loading the model.

    With --role, --from or --to only messages are searched, with --source only documents.
    """
    from memos.agents.composition import open_home
    from memos.agents.paths import stored_path

    nothing: Found[Any] = Found((), (), 0)
    of_messages = role is not None or start is not None or end is not None
    if of_messages and source is not None:
        raise click.UsageError("--source is about documents, --role, --from and --to about messages: choose one.")
    if start and end and end < start:
        raise click.UsageError("--to is earlier than --from: nothing is between them.")
    with open_home() as database, database.agent(agent, create=False) as storage:
        source = None if source is None else stored_path(storage.archival, source)
        kinds = ROLES[role] if role else SPOKEN
        # No bound in the first and the last year that there are: a day more, or another zone, may be beyond.
        first = start.replace(tzinfo=LOCAL) if start and start.year > MINYEAR else None
        after = (end + timedelta(days=1)).replace(tzinfo=LOCAL) if end and end.year < MAXYEAR else None
        messages = nothing if source else storage.recall.search(query, limit=limit, kinds=kinds, start=first, end=after)
        passages = nothing if of_messages else storage.archival.search(query, limit=limit, source=source)
        for notice in database.take_notices():
            click.echo(notice, err=True)
    for kind, found in (("message", messages), ("passage", passages)):
        for at, item in enumerate(found.items):
            parts = found.parts[at] if explain and found.parts else {}
            if as_json:
                _print_json(kind, item, found.scores[at], parts)
            else:
                _print_line(item, found.scores[at], parts)
    if not as_json and not messages.items and not passages.items:
        click.echo("Nothing found; try other words.", err=True)


def _print_line(item: Message | Passage, score: float, parts: Mapping[str, float]) -> None:
    if isinstance(item, Message):
        who = item.speaker or {Kind.SPEECH: "assistant"}.get(item.kind, str(item.kind))
        pointer, where, text = f"recall:{item.id}", f"{item.created_at.astimezone():%Y-%m-%d %H:%M} {who}", item.content
    else:
        where = " > ".join(part for part in (item.source, item.location) if part) or "note"
        pointer, text = f"archival:{item.id}", " ".join(item.text.split())
    click.echo(f"{click.style(pointer, bold=True)} {safe(where)}: {safe(text)}")
    if parts:
        listed = "  ".join(f"{name} {value:+.2f}" for name, value in parts.items())
        click.echo(click.style(f"    {score:.2f} = {listed}", dim=True))


def _print_json(kind: str, item: Message | Passage, score: float, parts: Mapping[str, float]) -> None:
    row = {"kind": kind, "score": round(score, 4), **asdict(item)}
    if parts:
        row["parts"] = {name: round(value, 4) for name, value in parts.items()}
    click.echo(json.dumps(row, default=str, ensure_ascii=False))
