"""`memos sources`: the documents in archival memory."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from memos.cli.options import json_option
from memos.printing import printable, safe

agent_option = click.option("--agent", help="An agent's own documents; by default those that all agents see.")


@click.group(
    "sources",
    epilog="""\b
Examples:
  memos sources list
  memos sources show docs/handbook.pdf
  memos sources remove docs/drafts""",
)
def command() -> None:
    """List, show and remove the documents that were read."""


@command.command("list", epilog="Example:  memos sources list docs/ --json")
@click.argument("under", required=False, metavar="[FOLDER]", type=click.Path())
@agent_option
@json_option
def list_sources(under: str | None, agent: str | None, as_json: bool) -> None:
    """The documents, with their passages, size and when they were read; only those below FOLDER if it is given."""
    from memos.agents.composition import library

    with library(agent) as opened:
        documents = opened.sources(under)
    if as_json:
        click.echo(json.dumps([asdict(one) for one in documents], default=str))
        return
    for one in documents:
        when = f"{one.created_at.astimezone():%Y-%m-%d %H:%M}"
        whose = "shared" if one.shared else (agent or "")
        size = f"{one.size:>13,}" if one.size else " " * 13
        passages = "passage " if one.passages == 1 else "passages"
        click.echo(f"{one.passages:>7,} {passages} {size} bytes  {when}  {whose:<8}  {printable(one.source)}")
        for copy in one.copies:
            click.echo(f"{'the same bytes:':>62}  {printable(copy)}")
    if not documents:
        nothing = f"Nothing below {printable(under)} is stored" if under else "No documents are stored"
        click.echo(f"{nothing}; `memos ingest PATH` reads documents.", err=True)


@command.command("show", epilog="Example:  memos sources show docs/handbook.pdf")
@click.argument("path", type=click.Path())
@agent_option
@json_option
def show(path: str, agent: str | None, as_json: bool) -> None:
    """The passages of the document PATH, each with its place and first words, and what ingest did with the file.

    Of a file that could not be read, only the latter.
    """
    from memos.agents.composition import library

    with library(agent) as opened:
        record = opened.record(path)
        outline = list(opened.outline(record.source)) if record.document else []
    if as_json:
        known = asdict(record.document) if record.document else {"source": record.source, "passages": 0}
        parts = {"outline": [asdict(one) for one in outline], "jobs": [asdict(job) for job in record.jobs]}
        click.echo(json.dumps({**known, **parts}, default=str))
        return
    click.echo(printable(record.source) + ("" if record.document else ": nothing of it is stored"))
    for copy in record.document.copies if record.document else ():
        click.echo(f"  the same bytes: {printable(copy)}")
    for passage in outline:
        place = f"[{printable(passage.location)}] " if passage.location else ""
        click.echo(f"  archival:{passage.id:<7} {place}{safe(' '.join(passage.opening.split()))}")
    for job in record.jobs:
        reason = f": {printable(job.reason)}" if job.reason else ""
        click.echo(f"{job.created_at.astimezone():%Y-%m-%d %H:%M}  {job.outcome}{reason}")


@command.command(
    "remove",
    epilog="""\b
Examples:
  memos sources remove docs/old.md
  memos sources remove docs/drafts --yes""",
)
@click.argument("path", type=click.Path())
@agent_option
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def remove(path: str, agent: str | None, yes: bool, as_json: bool) -> None:
    """Forget the file PATH, or all files below it. The files themselves stay where they are."""
    from memos.agents.composition import library

    with library(agent) as opened:
        paths = opened.paths(path)
        if not yes:
            what = printable(paths[0]) if len(paths) == 1 else f"{len(paths):,} files below {printable(path)}"
            click.confirm(f"Remove {what} from memory?", abort=True, err=True)
        removed = opened.remove(paths)
    if as_json:
        click.echo(json.dumps({"removed": paths}))
    else:
        click.echo(f"{removed:,} removed.")
