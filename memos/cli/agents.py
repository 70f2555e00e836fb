"""`memos agents`: the list of agents, and their names."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

import click

from memos.cli.options import json_option
from memos.printing import Status, counted, safe


@click.group(
    "agents",
    epilog="""\b
Examples:
  memos agents list
  memos agents rename ada lovelace
  memos agents export lovelace --json > lovelace.json
  memos agents import eve lovelace.json
  memos agents delete lovelace""",
)
def command() -> None:
    """List, rename, copy, export, import and delete agents."""


@command.command("list", epilog="Example:  memos agents list --json")
@json_option
def list_agents(as_json: bool) -> None:
    """All agents, with how much was said and when."""
    from memos.agents.composition import open_home

    with open_home() as database:
        agents = database.agents()
    if as_json:
        click.echo(json.dumps([asdict(agent) for agent in agents], default=str))
        return
    for agent in agents:
        last = f"{agent.last_at.astimezone():%Y-%m-%d %H:%M}" if agent.last_at else "never used"
        click.echo(f"{agent.name:<24}{agent.messages:>8,} messages   {last}")
    if not agents:
        click.echo("There are no agents yet; `memos chat NAME` makes one.", err=True)


@command.command("rename", epilog="Example:  memos agents rename ada lovelace")
@click.argument("agent")
@click.argument("new_name")
def rename(agent: str, new_name: str) -> None:
    """Give AGENT a NEW_NAME."""
    from memos.agents.composition import open_home

    with open_home() as database:
        database.rename_agent(agent, new_name)
    click.echo(f"{agent} is called {new_name} now.", err=True)


@command.command("fork", epilog="Example:  memos agents fork ada eve")
@click.argument("agent")
@click.argument("new_name")
def fork(agent: str, new_name: str) -> None:
    """Copy AGENT with everything it remembers into a new agent NEW_NAME."""
    from memos.agents.composition import open_home

    with open_home() as database:
        database.fork_agent(agent, new_name)
    click.echo(f"{new_name} is a copy of {agent}.", err=True)


@command.command(
    "export",
    epilog="""\b
Examples:
  memos agents export ada > ada.md
  memos agents export ada --json > ada.json""",
)
@click.argument("agent")
@json_option
def export(agent: str, as_json: bool) -> None:
    """Print AGENT's conversation and notes as Markdown, or all its messages, blocks, notes and summary as JSON."""
    from memos.agents.composition import stored_agent
    from memos.agents.history import exported

    with stored_agent(agent) as stored:
        text = exported(stored, "json" if as_json else "markdown")
    click.echo(safe(text) if sys.stdout.isatty() else text, nl=False)


@command.command(
    "import",
    epilog="""\b
Examples:
  memos agents import ada ada.json
  memos agents import ada conversations.json""",
)
@click.argument("agent")
@click.argument("file", type=click.Path(path_type=Path))
@json_option
def import_(agent: str, file: Path, as_json: bool) -> None:
    """Make AGENT of FILE: an agent exported with --json, or the conversations.json (or the archive) that ChatGPT or
    Claude export. Of another assistant, what was said is remembered, with its dates."""
    from memos.agents.composition import open_home
    from memos.agents.importing import read_past

    status = Status(quiet=as_json)
    try:
        status.show("reading")
        past = read_past(file)
        with open_home() as database:
            database.import_agent(agent, past)
            database.index.index_pending(status.embedding)
    finally:
        status.clear()
    if as_json:
        click.echo(json.dumps({"agent": agent, "messages": len(past.told), "notes": len(past.notes)}))
        return
    said, notes = counted(len(past.told), "message"), f", and {len(past.notes):,} noted" if past.notes else ""
    click.echo(f"{agent} remembers what was said ({said}{notes}).")


@command.command("delete", epilog="Example:  memos agents delete ada --yes")
@click.argument("agent")
@click.option("--yes", is_flag=True, help="Do not ask.")
def delete(agent: str, yes: bool) -> None:
    """Delete AGENT with everything it remembers. This cannot be undone."""
    from memos.agents.composition import open_home

    with open_home() as database:
        database.agent_info(agent)  # nobody is asked about one that there is not
        if not yes:
            click.confirm(f"Delete {agent} and everything it remembers?", abort=True, err=True)
        database.delete_agent(agent)
    click.echo(f"{agent} is deleted.", err=True)
