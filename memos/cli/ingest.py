"""`memos ingest`: files and folders into archival memory."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from memos.cli.ingesting import Report
from memos.cli.options import json_option
from memos.errors import StorageError

if TYPE_CHECKING:
    from memos.agents.library import Library
    from memos.ingest.pipeline import Options

GO_ON = "What was read is stored; the same command goes on from there."


@click.command(
    "ingest",
    epilog="""\b
Examples:
  memos ingest docs/
  memos ingest handbook.pdf notes.md --agent ada
  memos ingest docs/ --glob '*.md' --exclude drafts --prune
  memos ingest docs/ --watch
  memos ingest docs/ --json

\b
Ctrl-C, or a kill, loses nothing: the same command goes on. The exit status is 1 if
a file failed. `memos sources` lists, shows and removes what was read.""",
)
@click.argument("paths", nargs=-1, required=True, type=click.Path())
@click.option("--agent", help="Only this agent shall see the documents; by default all do.")
@click.option(
    "--glob", "only", multiple=True, metavar="PATTERN", help="Of folders, only such files; may be given again."
)
@click.option("--exclude", multiple=True, metavar="PATTERN", help="Not such files and folders; may be given again.")
@click.option("--prune", is_flag=True, help="Remove what is stored of files that are gone from the folders.")
@click.option("--again", is_flag=True, help="Read anew what has not changed, too.")
@click.option("--watch", is_flag=True, help="Stay, and read what changes, until Ctrl-C.")
@json_option
def command(
    paths: tuple[str, ...],
    agent: str | None,
    only: tuple[str, ...],
    exclude: tuple[str, ...],
    prune: bool,
    again: bool,
    watch: bool,
    as_json: bool,
) -> None:
    """Read the files and folders PATHS into archival memory. What has not changed is not read again."""
    from memos.agents.composition import library
    from memos.ingest.pipeline import Options
    from memos.ingest.walking import Selection, absolute

    for path in paths:
        absolute(Path(path))  # a slip of the pen shall make no agent
    options = Options(selection=Selection(only, exclude), prune=prune, again=again)
    with library(agent, create=True) as opened:
        if watch:
            _follow(opened, paths, options, as_json)
            return
        try:
            with Report(as_json) as report:
                totals = opened.ingest(paths, report.show, options)
                report.close()
        except KeyboardInterrupt:
            click.echo(f"Stopped. {GO_ON}", err=True)
            raise
        except StorageError as error:
            raise StorageError(f"{error} {GO_ON}") from error
    raise SystemExit(1 if totals.failed else 0)


def _follow(opened: Library, paths: tuple[str, ...], options: Options, as_json: bool) -> None:
    try:
        with Report(as_json) as report:
            for run, totals in enumerate(opened.watch(paths, report.show, options)):
                if run == 0 or totals.read or totals.copied or totals.removed:
                    report.close()
                else:
                    report.stopped()
                if run == 0 and not as_json:
                    click.echo("Watching; Ctrl-C ends it.", err=True)
    except KeyboardInterrupt:
        click.echo("Stopped watching. Everything that was reported is stored.", err=True)
