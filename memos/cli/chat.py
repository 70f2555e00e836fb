"""`memos chat`: the shell on a terminal, lines in pipes, events with `--json`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from memos.cli.options import json_option, model_options, open_agent, yes_option
from memos.printing import dumb

if TYPE_CHECKING:
    from memos.agents import Sessions


@click.command(
    "chat",
    epilog="""\b
Examples:
  memos chat
  memos chat ada --context 8192
  memos chat ada --plain
  printf 'Hello!\\nWhat is my dog called?\\n' | memos chat ada
  echo 'Hello!' | memos chat ada --json

\b
In the shell, F1 lists keys and commands. Keys and colours are settings:
  theme = "gruvbox"
  [keys]
  panel = "ctrl+g\"""",
)
@click.argument("agent", default="default")
@model_options
@json_option
@yes_option
@click.option("--plain", is_flag=True, help="Lines instead of a full screen; good with a screen reader.")
def command(agent: str, as_json: bool, yes: bool, plain: bool, **settings: Any) -> None:
    """Talk with AGENT, who is made if new.

    On a terminal the shell opens. In pipes, with --plain and on dumb terminals one line is one message; Ctrl-C stops a
    reply, Ctrl-D leaves. Before a call that documents in view may have caused you are asked; in pipes it is refused,
    but with --yes.
    """
    if as_json or plain or not _full_screen():
        from memos.tui.plain import converse

        with open_agent(agent, quiet=as_json, **settings) as opened:
            failed = converse(opened, as_json=as_json, yes=yes)
        raise SystemExit(1 if failed else 0)
    from memos.tui.app import Shell

    def make() -> Sessions:
        from memos.agents import Sessions

        return Sessions(**settings)

    shell = Shell(agent, make, allow_all=yes)
    shell.run()
    raise SystemExit(shell.return_code)


def _full_screen() -> bool:
    """Whether this is a terminal that can show a full screen."""
    # Textual draws on standard error.
    return not dumb() and all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr))
