"""`memos eval`: how well memory finds and answers, measured on a data set."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import click

from memos.cli.options import Status

RETRIEVAL = ("locomo-recall", "msc-recall", "longmemeval-recall")
ANSWERING = ("locomo-qa", "longmemeval-qa", "nested-kv", "multidoc-qa")
ARMS = ("memos", "memos-no-prefetch", "truncate", "rag", "closed-book")


@click.command(
    "eval",
    epilog="""\b
Examples:
  memos eval locomo-recall --data ../shared/data/locomo
  memos eval msc-recall --data ../shared/data/msc --limit 200 --json msc.json
  memos eval locomo-qa --data ../shared/data/locomo --limit 100 --arms memos,truncate
  memos eval nested-kv --data ../shared/data/nested_kv --category nesting_4 --limit 30""",
)
@click.argument("suite", type=click.Choice((*RETRIEVAL, *ANSWERING)))
@click.option("--data", required=True, type=click.Path(path_type=Path), help="The data set's folder; only read.")
@click.option("--model", help="The chat model of a suite that answers.  [default: the setting]")
@click.option("--context", type=int, help="Its window in tokens.  [default: the setting]")
@click.option("--arms", default=",".join(ARMS), show_default=True, help="Ways to answer that are compared.")
@click.option("--category", default="", help="Questions of this kind only, where a model answers.")
@click.option("--limit", type=click.IntRange(min=1), help="A random sample of so many questions.  [default: all]")
@click.option("--seed", default=0, show_default=True, help="Of the sample and the confidence intervals.")
@click.option("--embedding", help="The embedding model, or none for words only.")
@click.option("--json", "file", type=click.Path(dir_okay=False, path_type=Path), help="Write the result here, too.")
def command(
    suite: str,
    data: Path,
    model: str | None,
    context: int | None,
    arms: str,
    category: str,
    limit: int | None,
    seed: int,
    embedding: str | None,
    file: Path | None,
) -> None:
    """Measure SUITE on the data in PATH.

    Vectors and answers are kept in the data folder: a second run is fast, and one that was ended goes on.
    """
    from rich.console import Console

    from memos.eval.machine import describe
    from memos.eval.suites import Run, answering, retrieval
    from memos.settings import load

    chosen = tuple(arm.strip() for arm in arms.split(",") if arm.strip())
    if unknown := [arm for arm in chosen if arm not in ARMS]:
        raise click.UsageError(f"There is no arm {unknown[0]!r}; there are {', '.join(ARMS)}.")
    settings = load(model=model, context=context, embedding=embedding)
    run = Run(suite, data, settings, limit, seed, chosen, category)
    status = Status()

    def progress(done: int, of: int) -> None:
        status.show(f"{done:,} of {of:,}", done / max(1, of))

    lost: dict[str, dict[str, int]] = {}
    try:
        if suite in RETRIEVAL:
            report = retrieval(run, progress)
        else:
            report, lost = answering(run, progress)
    finally:
        status.clear()
    report.show(Console())
    for arm, reasons in lost.items():
        listed = ", ".join(f"{reason} {count}" for reason, count in sorted(reasons.items()))
        click.echo(f"{arm}: wrong answers were lost: {listed or 'none'}")
    if file is not None:
        report.save(file, lost=lost, **describe(shlex.join(["memos", *sys.argv[1:]])))
