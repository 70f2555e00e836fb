"""`memos eval`: how well memory finds and answers, measured on a data set."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import click

from memos.cli.options import Status

SUITES = ("locomo-recall", "msc-recall", "longmemeval-recall")


@click.command(
    "eval",
    epilog="""\b
Examples:
  memos eval locomo-recall --data ../shared/data/locomo
  memos eval msc-recall --data ../shared/data/msc --limit 200 --json msc.json""",
)
@click.argument("suite", type=click.Choice(SUITES))
@click.option("--data", required=True, type=click.Path(path_type=Path), help="The data set's folder; only read.")
@click.option("--limit", type=click.IntRange(min=1), help="A random sample of so many questions.  [default: all]")
@click.option("--seed", default=0, show_default=True, help="Of the sample and the confidence intervals.")
@click.option("--embedding", help="The embedding model, or none for words only.")
@click.option("--json", "file", type=click.Path(dir_okay=False, path_type=Path), help="Write the result here, too.")
def command(suite: str, data: Path, limit: int | None, seed: int, embedding: str | None, file: Path | None) -> None:
    """Measure SUITE on the data in PATH. Vectors are kept in the data folder, so a second run is fast."""
    from rich.console import Console

    from memos.eval.machine import describe
    from memos.eval.suites import Run, retrieval
    from memos.settings import load

    status = Status()
    run = Run(suite, data, load(embedding=embedding), limit, seed)
    try:
        report = retrieval(run, lambda done, of: status.show(f"{done:,} of {of:,} questions", done / max(1, of)))
    finally:
        status.clear()
    report.show(Console())
    if file is not None:
        report.save(file, **describe(shlex.join(["memos", *sys.argv[1:]])))
