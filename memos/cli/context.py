"""`memos context`: the ledger of an agent."""

from __future__ import annotations

import json
from typing import Any

import click

from memos.cli.options import json_option, open_agent, window_options


@click.command(
    "context",
    epilog="""\b
Examples:
  memos context ada
  memos context ada --context 8192 --json""",
)
@click.argument("agent")
@window_options
@json_option
def command(agent: str, as_json: bool, **settings: Any) -> None:
    """Show what fills AGENT's window: tokens by segment, used, reserved, free, and the pressure."""
    from memos.events import Notice, Repaired

    with open_agent(agent, create=False, quiet=as_json, **settings) as opened:
        ledger = opened.context()
        if as_json:
            plain = {
                "window": ledger.window,
                "segments": dict(ledger.segments),
                "used": ledger.used,
                "reserved": ledger.reserved,
                "free": ledger.free,
                "pressure": round(ledger.pressure, 4),
            }
            click.echo(json.dumps(plain))
            return
        for event in opened.start_events:
            match event:
                case Repaired(what=told) | Notice(text=told):
                    click.echo(f"· {told}", err=True)
        for name, tokens in ledger.segments:
            bar = "█" * round(40 * tokens / ledger.window)
            click.echo(f"{name:<18}{tokens:>8,}  {bar}")
        click.echo(f"{'used':<18}{ledger.used:>8,}")
        click.echo(f"{'reserved':<18}{ledger.reserved:>8,}  for the reply")
        click.echo(f"{'free':<18}{ledger.free:>8,}")
        click.echo(f"{'window':<18}{ledger.window:>8,}")
        click.echo(f"{'pressure':<18}{ledger.pressure:>8.0%}  of {ledger.usable:,} usable tokens")
