"""`memos ask`: one message, one answer."""

from __future__ import annotations

import sys
from typing import Any

import click

from memos.cli.options import json_option, model_options, open_agent, yes_option
from memos.errors import InputError


@click.command(
    "ask",
    epilog="""\b
Examples:
  memos ask ada "What is my dog called?"
  memos ask ada "What do the docs say about backups?" --json
  git log -3 | memos ask ada -""",
)
@click.argument("agent")
@click.argument("message")
@model_options
@json_option
@yes_option
def command(agent: str, message: str, as_json: bool, yes: bool, **settings: Any) -> None:
    """Send MESSAGE to AGENT (made if new) and print the answer. The conversation is kept. A MESSAGE of - is read from
    standard input.

    What acts outside of memory, or keeps what you did not say, is refused while documents are in view, but with --yes.
    """
    from memos.tui.plain import answer

    if message == "-":
        message = _piped()
    with open_agent(agent, quiet=as_json, **settings) as opened:
        failed = answer(opened, message, as_json=as_json, yes=yes)
    raise SystemExit(1 if failed else 0)


def _piped() -> str:
    """What standard input says, as one message."""
    try:
        return sys.stdin.buffer.read().decode("utf-8").strip()
    except UnicodeDecodeError as error:
        raise InputError(f"Standard input is not valid UTF-8 (byte {error.start + 1}); nothing was sent.") from error
