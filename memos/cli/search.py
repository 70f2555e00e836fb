"""`memos search`: what was said, and notes and documents."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from memos.cli.options import json_option
from memos.messages import Message, Passage


@click.command(
    "search",
    epilog="""\b
Examples:
  memos search ada "dog"
  memos search ada "backup policy" --limit 3 --json""",
)
@click.argument("agent")
@click.argument("query")
@click.option("--limit", default=5, show_default=True, help="Results of each kind.")
@json_option
def command(agent: str, query: str, limit: int, as_json: bool) -> None:
    """Search AGENT's messages, notes and documents for QUERY, without loading the model."""
    from memos.agents.composition import stored_agent

    with stored_agent(agent) as storage:
        messages = storage.recall.search(query, limit=limit)
        passages = storage.archival.search(query, limit=limit)
        if as_json:
            for message, score in zip(messages.items, messages.scores, strict=True):
                _print_json("message", message, score)
            for passage, score in zip(passages.items, passages.scores, strict=True):
                _print_json("passage", passage, score)
            return
        for message in messages.items:
            who = f"{message.created_at.astimezone():%Y-%m-%d %H:%M} {message.kind}"
            click.echo(f"{click.style(f'recall:{message.id}', bold=True)} {who}: {message.content}")
        for passage in passages.items:
            where = " > ".join(part for part in (passage.source, passage.location) if part) or "note"
            text = " ".join(passage.text.split())
            click.echo(f"{click.style(f'archival:{passage.id}', bold=True)} {where}: {text}")
        if not messages.items and not passages.items:
            click.echo("Nothing found; try other words.", err=True)


def _print_json(kind: str, item: Message | Passage, score: float) -> None:
    row = {"kind": kind, "score": round(score, 4), **asdict(item)}
    click.echo(json.dumps(row, default=str, ensure_ascii=False))
