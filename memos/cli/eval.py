"""`memos eval`: how well memory finds and answers, measured on a data set."""

from __future__ import annotations

import shlex
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from memos.printing import Status

if TYPE_CHECKING:
    from memos.eval.answering import Answer
    from memos.eval.report import Report
    from memos.eval.suites import Run

RETRIEVAL = ("locomo-recall", "msc-recall", "longmemeval-recall")
ANSWERING = ("locomo-qa", "longmemeval-qa", "nested-kv", "multidoc-qa", "babilong", "needle")
DOCUMENTS = ("docs-recall", "docs")
ARMS = ("memos", "memos-no-prefetch", "truncate", "rag", "closed-book")


@click.command(
    "eval",
    epilog="""\b
Examples:
  memos eval locomo-recall --data ../shared/data/locomo
  memos eval msc-recall --data ../shared/data/msc --limit 200 --json msc.json
  memos eval locomo-qa --data ../shared/data/locomo --limit 100 --arms memos,truncate
  memos eval nested-kv --data ../shared/data/nested_kv --category nesting_4 --limit 30
  memos eval docs-recall --data ../shared/data/docs --json docs-recall.json
  memos eval docs --data ../shared/data/docs --model qwen2.5-coder-1.5b
  memos eval babilong --data ../shared/data/babi --category qa1/128k --arms memos --limit 20
  memos eval needle --data ../shared/data/needle --category passkey/64k/50 --arms memos""",
)
@click.argument("suite", type=click.Choice((*RETRIEVAL, *ANSWERING, *DOCUMENTS)))
@click.option("--data", required=True, type=click.Path(path_type=Path), help="The data set's folder; only read.")
@click.option("--model", help="The chat model of a suite that answers.  [default: the setting]")
@click.option("--context", type=int, help="Its window in tokens.  [default: the setting]")
@click.option(
    "--arms",
    default=",".join(ARMS),
    show_default=True,
    help="Ways to answer that are compared; not for -recall and docs.",
)
@click.option("--category", default="", help="Only questions of this kind, such as qa1/128k or qa1.")
@click.option("--limit", type=click.IntRange(min=1), help="A random sample of so many questions.  [default: all]")
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Of the sample, the intervals, and where a haystack hides what.",
)
@click.option("--embedding", help="The embedding model, or none for words only.")
@click.option("--json", "file", type=click.Path(dir_okay=False, path_type=Path), help="Write the result here, too.")
@click.option(
    "--answers",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write each question here with its answer, a line of JSON each; not for -recall.",
)
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
    answers: Path | None,
) -> None:
    """Measure SUITE on the data set in the folder of --data.

    The -recall suites measure what search finds, without a model: there, --model, --context and --arms are refused.
    Vectors and answers are kept in the data folder: a second run is fast, and one that was ended goes on.
    """
    from rich.console import Console

    from memos.eval.answering import lost_by_arm
    from memos.eval.journal import write_answers
    from memos.eval.machine import describe
    from memos.eval.suites import Run
    from memos.settings import load

    _refuse_unused(suite)
    chosen = tuple(dict.fromkeys(arm.strip() for arm in arms.split(",") if arm.strip()))
    if not chosen:
        raise click.UsageError(f"--arms names none of {', '.join(ARMS)}.")
    if unknown := [arm for arm in chosen if arm not in ARMS]:
        raise click.UsageError(f"There is no arm {unknown[0]!r}; there are {', '.join(ARMS)}.")
    settings = load(model=model, context=context, embedding=embedding)
    report, answered, faults = _measured(Run(suite, data, settings, limit, seed, chosen, category))
    report.show(Console())
    lost = lost_by_arm(answered)
    for arm, reasons in lost.items():
        if reasons:
            listed = ", ".join(f"{reason} {count}" for reason, count in sorted(reasons.items()))
            click.echo(f"{arm}: wrong answers were lost: {listed}")
    for name, fault in faults.items():
        click.echo(f"nasty: {name!r} {fault}")
    if file is not None:
        more = {"nasty_failed": faults} if suite == "docs-recall" else {"lost": lost}
        report.save(file, **more, **describe(shlex.join(["memos", *sys.argv[1:]])))
    if answers is not None:
        write_answers(answers, answered)


def _measured(run: Run) -> tuple[Report, list[Answer], dict[str, str]]:
    """The report of a run, its answers, and the nasty files that misbehave."""
    from memos.eval.documents import docs, docs_recall
    from memos.eval.suites import answering, retrieval

    status = Status()
    progress = _Progress(status)
    try:
        if run.suite in RETRIEVAL:
            return retrieval(run, progress), [], {}
        if run.suite == "docs-recall":
            report, faults = docs_recall(run, progress)
            return report, [], faults
        report, answers = docs(run, progress) if run.suite == "docs" else answering(run, progress)
        return report, answers, {}
    finally:
        status.clear()


def _refuse_unused(suite: str) -> None:
    """Refuse options that would change nothing: a result must not be taken for that of another run.

    Raises:
        UsageError: one was given; the sentence names it.
    """
    context = click.get_current_context()
    unused = () if suite in ANSWERING else ("arms",) if suite == "docs" else ("arms", "model", "context", "answers")
    for name in unused:
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            raise click.UsageError(f"--{name} changes nothing in {suite}; leave it out.")


class _Progress:
    """Questions done and the time that the rest will take, from those of this run."""

    def __init__(self, status: Status) -> None:
        self._status, self._started, self._before = status, time.monotonic(), -1

    def __call__(self, done: int, of: int) -> None:
        if self._before < 0:
            self._before, self._started = done, time.monotonic()
        new = done - self._before
        left = ""
        if new:
            each = (time.monotonic() - self._started) / new
            left = f", {each:.1f} s a question, {each * (of - done) / 60:.0f} min left"
        self._status.show(f"{done:,} of {of:,}{left}", done / max(1, of))
