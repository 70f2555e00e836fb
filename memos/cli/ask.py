"""`memos ask`: one message, one answer."""

from __future__ import annotations

from typing import Any

import click

from memos.cli.options import json_option, model_options, open_agent, yes_option


@click.command(
    "ask",
    epilog="""\b
Examples:
  memos ask ada "What is my dog called?"
  memos ask ada "What do the docs say about backups?" --json""",
)
@click.argument("agent")
@click.argument("message")
@model_options
@json_option
@yes_option
def command(agent: str, message: str, as_json: bool, yes: bool, **settings: Any) -> None:
    """Send MESSAGE to AGENT (made if new) and print the answer. The conversation is kept.

    What acts outside of memory, or keeps what you did not say, is refused while documents are in view, but with --yes.
    """
    from memos.tui.plain import answer

    with open_agent(agent, quiet=as_json, **settings) as opened:
        answer(opened, message, as_json=as_json, yes=yes)
