"""`memos show`: what an id in an answer, a page or a summary stands for."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import click

from memos.cli.options import json_option
from memos.printing import safe


@click.command(
    "show",
    epilog="""\b
Examples:
  memos show archival:12
  memos show archival:12 --around 2
  memos show recall:7 --agent ada
  memos show digest:1a2b3c4d5e6f --json""",
)
@click.argument("pointer", metavar="ID")
@click.option("--agent", help="Whose: needed for recall:…, and for documents that only this agent sees.")
@click.option("--around", default=1, show_default=True, type=click.IntRange(0, 20), help="Neighbours on each side.")
@json_option
def command(pointer: str, agent: str | None, around: int, as_json: bool) -> None:
    """Open ID: a passage (archival:12), a message (recall:7), or a summary (digest:…) with what it sums up."""
    from memos.agents.opening import opened

    rows = opened(pointer, agent, around)
    for row in rows:
        if as_json:
            click.echo(json.dumps(asdict(row), ensure_ascii=False))
            continue
        here = row.id == pointer.strip()
        click.echo(f"{click.style(row.id, bold=here)} {click.style(safe(row.where), dim=not here)}")
        click.echo(safe(row.text) + "\n")
        _print_below(row)


def _print_below(row: Any) -> None:
    if row.below:
        click.echo("made from: " + " ".join(row.below))
