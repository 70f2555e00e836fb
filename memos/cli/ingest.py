"""`memos ingest`: files and folders into archival memory."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from memos.cli.options import Status, json_option

if TYPE_CHECKING:
    from memos.ingest.pipeline import IngestEvent


@click.command(
    "ingest",
    epilog="""\b
Examples:
  memos ingest docs/
  memos ingest handbook.pdf notes.md --agent ada
  memos ingest docs/ --json""",
)
@click.argument("paths", nargs=-1, required=True, type=click.Path())
@click.option("--agent", help="Only this agent shall see the documents; by default all do.")
@json_option
def command(paths: tuple[str, ...], agent: str | None, as_json: bool) -> None:
    """Read the files and folders PATHS into archival memory. What has not changed is not read again."""
    from memos.agents.composition import library

    with library(agent) as read:
        report = _Report(as_json)
        totals = read(paths, report.show)
    report.close(totals.read, totals.unchanged, totals.skipped, totals.failed, totals.passages)
    raise SystemExit(1 if totals.failed else 0)


class _Report:
    """Prints the pipeline's events: lines for what went wrong, one moving line for progress."""

    def __init__(self, as_json: bool) -> None:
        self._json = as_json
        self._status = Status(quiet=as_json)
        self._files, self._total = 0, 0

    def show(self, event: IngestEvent) -> None:
        """Show one event of the pipeline."""
        from memos.ingest import pipeline

        if self._json:
            click.echo(json.dumps({"event": type(event).__name__, **asdict(event)}, default=str))
            return
        match event:
            case pipeline.FilesFound(total=total):
                self._total = total
            case pipeline.Embedded(done=done, total=total):
                self._status.show(f"embedding {done:,} of {total:,} passages", done / max(1, total))
            case pipeline.FileSkipped(path=path, reason=reason):
                self._problem("skipped", path, reason)
            case pipeline.FileFailed(path=path, reason=reason):
                self._problem("failed", path, reason)
            case pipeline.FileRead() | pipeline.FileUnchanged():
                self._next_file()

    def _next_file(self) -> None:
        self._files += 1
        share = self._files / max(1, self._total)
        self._status.show(f"reading {self._files:,} of {self._total:,} files", share)

    def _problem(self, verb: str, path: Path, reason: str) -> None:
        self._status.clear()
        click.echo(f"{verb} {path}: {reason}", err=True)
        self._next_file()

    def close(self, read: int, unchanged: int, skipped: int, failed: int, passages: int) -> None:
        self._status.clear()
        if not self._json:
            sys.stdout.flush()
            click.echo(
                f"{read:,} read ({passages:,} passages), {unchanged:,} unchanged, "
                f"{skipped:,} skipped, {failed:,} failed."
            )
