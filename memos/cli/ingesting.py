"""How ingest looks in a terminal: progress with rate and time left, lines for what went wrong, a table at the end.

Sees the pipeline's events and nothing else.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from memos.printing import Status, counted, printable

if TYPE_CHECKING:
    from memos.ingest.events import FileGone, IngestEvent, IngestFinished

MOST_REASONS = 12  # rows of the closing table for reasons
REMOVED = " What was stored of it is removed."


class Report:
    """Prints the events of one run, or of several one after the other.

    Args:
        as_json: a line of JSON an event, and nothing else.
    """

    def __init__(self, as_json: bool) -> None:
        self._json = as_json
        self._status = Status(quiet=as_json)
        self._begin(0, 0)

    def _begin(self, total: int, size: int) -> None:
        self._started = time.monotonic()
        self._total, self._total_bytes = total, size
        self._files = self._bytes = 0
        self._passages = self._embedded = self._waiting = 0
        self._pruned = 0
        self._reasons: Counter[tuple[str, str]] = Counter()
        self._finished: IngestFinished | None = None

    def show(self, event: IngestEvent) -> None:
        """Show one event of the pipeline."""
        from memos.ingest import events

        if self._json:
            click.echo(json.dumps({"event": type(event).__name__, **asdict(event)}, default=str))
            return
        match event:
            case events.FilesFound(total=total, size=size):
                self._begin(total, size)
            case events.Embedded(done=done, total=total):
                self._embedded, self._waiting = done, total - done
            case events.FileGone():
                self._gone(event)
            case events.IngestFinished():
                self._finished = event
            case _:
                self._file(event)
        self._status.show(self._line(), self._share())

    def __enter__(self) -> Report:
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped()  # whatever ended it, what is said of that begins a line

    def stopped(self) -> None:
        """Take the moving line away, without a table."""
        self._status.clear()

    def close(self) -> None:
        """Print the closing table."""
        self._status.clear()
        totals = self._finished
        if self._json or totals is None:
            return
        rows = [
            ("read", totals.read, counted(totals.passages, "passage") if totals.read else ""),
            ("same bytes as another", totals.copied, ""),
            ("unchanged", totals.unchanged, ""),
            *_with_reasons("skipped", totals.skipped, self._reasons),
            *_with_reasons("failed", totals.failed, self._reasons),
            ("gone", totals.gone, f"{self._pruned:,} removed" if self._pruned else "--prune removes them"),
        ]
        for what, number, more in rows:
            if number or what == "read":
                click.echo(f"{what:<22}{number:>8,}   {more}".rstrip())
        seconds = time.monotonic() - self._started
        rate = f", {totals.embedded:,} embedded" if totals.embedded else ""
        if totals.embedded >= seconds:  # of a few passages the rate is that of loading the model
            rate += f" ({totals.embedded / seconds:,.0f}/s)"
        click.echo(f"in {_time(seconds)}{rate}")

    def _file(self, event: IngestEvent) -> None:
        from memos.ingest import events

        self._files += 1
        self._bytes += getattr(event, "size", 0)
        match event:
            case events.FileRead(path=path, passages=passages, note=note):
                self._passages += passages
                if note:
                    self._say("partly", str(path), note)
            case events.FileSkipped(path=path, reason=reason, removed=removed):
                reason += REMOVED if removed else ""
                self._say("skipped", str(path), reason)
                self._reasons["skipped", reason] += 1
            case events.FileFailed(path=path, reason=reason):
                self._say("failed", str(path), reason)
                self._reasons["failed", reason] += 1

    def _gone(self, event: FileGone) -> None:
        self._pruned += event.removed
        self._say("removed" if event.removed else "gone", str(event.path), "It is no longer in the folder.")

    def _say(self, verb: str, path: str, reason: str) -> None:
        self._status.clear()
        click.echo(f"{verb} {printable(path)}: {printable(reason)}", err=True)

    def _line(self) -> str:
        seconds = max(1e-3, time.monotonic() - self._started)
        known = self._embedded + self._waiting
        line = f"{self._files:,} of {self._total:,} files, {self._embedded:,} of {known:,} passages"
        if self._embedded and seconds > 2:
            line += f", {self._embedded / seconds:,.0f}/s, {_time(self._left(seconds))} left"
        return line

    def _left(self, seconds: float) -> float:
        """Seconds left: passages that wait, and those to expect of the bytes that are left, at the rate so far."""
        unread = max(0, self._total_bytes - self._bytes)
        expected = self._passages * unread / self._bytes if self._bytes else 0
        return (self._waiting + expected) * seconds / max(1, self._embedded)

    def _share(self) -> float:
        read = self._bytes / self._total_bytes if self._total_bytes else self._files / max(1, self._total)
        known = self._embedded + self._waiting
        return min(1.0, read * (self._embedded / known if known else 1.0))


def _with_reasons(what: str, number: int, reasons: Counter[tuple[str, str]]) -> list[tuple[str, int, str]]:
    """A row for the whole, and one for each reason, the commonest first."""
    mine = [(reason, count) for (kind, reason), count in reasons.most_common() if kind == what]
    if len(mine) == 1:
        return [(what, number, printable(mine[0][0]))]
    rows = [(what, number, "")]
    rows += [("", count, printable(reason)) for reason, count in mine[:MOST_REASONS]]
    if rest := sum(count for _, count in mine[MOST_REASONS:]):
        rows.append(("", rest, "other reasons, each told above"))
    return rows


def _time(seconds: float) -> str:
    """`12 s`, `3:05 min`, `2:10 h`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02} min"
    return f"{whole // 3600}:{whole % 3600 // 60:02} h"
