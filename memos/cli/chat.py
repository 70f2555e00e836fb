"""`memos chat`: the plain line interface; pipes work, and `--json` prints events."""

from __future__ import annotations

from typing import Any

import click

from memos.cli.options import json_option, model_options, open_agent


@click.command(
    "chat",
    epilog="""\b
Examples:
  memos chat
  memos chat ada --context 8192
  printf 'Hello!\\nWhat is my dog called?\\n' | memos chat ada
  echo 'Hello!' | memos chat ada --json""",
)
@click.argument("agent", default="default")
@model_options
@json_option
@click.option("--plain", is_flag=True, help="The line interface (the only one for now).")
def command(agent: str, as_json: bool, plain: bool, **settings: Any) -> None:
    """Talk with AGENT, who is made if new. One line is one message; Ctrl-C stops a reply, Ctrl-D leaves."""
    from memos.tui.plain import converse

    with open_agent(agent, quiet=as_json, **settings) as opened:
        failed = converse(opened, as_json=as_json)
    raise SystemExit(1 if failed else 0)
