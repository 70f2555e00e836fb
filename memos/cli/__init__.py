"""The command line: arguments in, exit status out. Sees agents and events, nothing deeper.

Each command is a module that is imported when it is asked for, so that `memos --help` answers at once.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from io import TextIOWrapper
from typing import Any

import click

# name of the command -> (module, one line for `memos --help`)
COMMANDS = {
    "chat": ("memos.cli.chat", "Talk with an agent in the terminal."),
    "ask": ("memos.cli.ask", "Ask an agent one thing and print its answer."),
    "ingest": ("memos.cli.ingest", "Read files and folders into archival memory."),
    "sources": ("memos.cli.sources", "List, show and remove the documents that were read."),
    "docs": ("memos.cli.docs", "Ask documents, sum them up, compare them."),
    "show": ("memos.cli.show", "Open an id that an answer, a page or a summary carries."),
    "search": ("memos.cli.search", "Search what was said, and notes and documents."),
    "memory": ("memos.cli.memory", "Show what an agent has noted, and what it has always in view."),
    "context": ("memos.cli.context", "Show what fills an agent's window, token by token."),
    "agents": ("memos.cli.agents", "List, rename, copy, export, import and delete agents."),
    "models": ("memos.cli.models", "List, pull and inspect models."),
    "settings": ("memos.cli.settings", "Show every setting, and what holds now."),
    "eval": ("memos.cli.eval", "Measure how well memory finds and answers, on a data set."),
    "reindex": ("memos.cli.reindex", "Rebuild the search index from the database."),
}


class LazyGroup(click.Group):
    """A group whose commands are imported when they run."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands in the order in which a newcomer needs them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command itself; for the list of `--help`, only its one line."""
        if cmd_name not in COMMANDS:
            return None
        module, line = COMMANDS[cmd_name]
        if ctx.resilient_parsing:
            return click.Command(cmd_name, short_help=line)
        command: click.Command = import_module(module).command
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command. That whoever read its output has gone is nothing wrong; click would exit with 1."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            # Keep Python from complaining at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            ctx.exit(0)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Names and lines from the table above, without importing anything."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="""\b
Examples:
  memos models pull qwen2.5-coder-1.5b
  memos chat ada
  memos ingest docs/
  memos ask ada "What is my dog called?"

\b
MEMOS_HOME names the data folder; settings.toml in it, and MEMOS_* variables,
set defaults (e.g. MEMOS_CONTEXT=8192).""",
)
@click.version_option(package_name="memos-local", prog_name="memos")
def cli() -> None:
    """An assistant with a lasting memory, on one local model. Nothing leaves this machine."""


def _open_streams() -> None:
    """Let what the caller closed (`memos chat <&-`) be an empty input, or an output that leads nowhere.

    Python has None in its place, which nothing expects; and the next file that is opened, a database say, would get the
    number of the stream, and with it whatever a library writes there.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            number = os.open(os.devnull, os.O_RDWR)  # the lowest that is free: that of the stream
            os.set_inheritable(number, True)  # child processes expect it, too
            nowhere = os.fdopen(number, mode, encoding="utf-8", errors="replace")  # to the end
            setattr(sys, name, nowhere)
            setattr(sys, f"__{name}__", nowhere)


def main() -> None:
    """Run the command line; every error of ours is one sentence and exit status 1."""
    _open_streams()
    from memos.errors import MemosError
    from memos.printing import dumb, safe

    if isinstance(sys.stdout, TextIOWrapper):
        # Pipes and files are UTF-8, in as out; a terminal of another encoding shows ? for what it does not have.
        sys.stdout.reconfigure(encoding=None if sys.stdout.isatty() else "utf-8", errors="replace")
    color = False if dumb() or os.environ.get("NO_COLOR") else None  # None: as the stream is a terminal or not
    try:
        cli.main(standalone_mode=False, prog_name="memos", color=color)
    except MemosError as error:
        click.echo(f"memos: {safe(str(error))}", err=True)
        sys.exit(1)
    except click.exceptions.Abort as error:  # of Ctrl-C, or since the answer to a question was no, or none came
        if isinstance(error.__context__, EOFError):
            click.echo("\nmemos: No answer came, so nothing was done.", err=True)
        sys.exit(130 if isinstance(error.__context__, KeyboardInterrupt) else 1)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
