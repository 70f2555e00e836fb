"""`memos memory`: what an agent keeps of what it was told."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from memos.cli.options import json_option
from memos.printing import safe


@click.command(
    "memory",
    epilog="""\b
Examples:
  memos memory ada
  memos memory ada --json

\b
What is wrong, tell the agent ("Please forget that ..."); or press F3 in `memos chat`
to edit a block, F4 to forget a note, or write /forget archival:7 with --plain.""",
)
@click.argument("agent")
@json_option
def command(agent: str, as_json: bool) -> None:
    """Show what AGENT has always in view (its blocks), and all that it has noted, without loading the model.

    A note names the message that it quotes: `memos show recall:7 --agent AGENT` opens it.
    """
    from memos.agents.composition import stored_agent

    with stored_agent(agent) as stored:
        blocks, notes = stored.state.blocks(), stored.archival.notes()
    if as_json:
        told = {"agent": agent, "blocks": [asdict(one) for one in blocks], "notes": [asdict(one) for one in notes]}
        click.echo(json.dumps(told, default=str, ensure_ascii=False))
        return
    for block in blocks:
        click.echo(click.style(f"block {block.label}", bold=True) + ("" if block.text else "  (empty)"))
        for line in block.text.splitlines():
            click.echo(f"  {safe(line)}")
    click.echo(click.style(f"{len(notes):,} note" + ("" if len(notes) == 1 else "s"), bold=True))
    for note in notes:
        where = f"{note.created_at.astimezone():%Y-%m-%d} {note.location}".rstrip()
        click.echo(f"  {click.style(f'archival:{note.id}', bold=True)} {where}: {safe(' '.join(note.text.split()))}")
