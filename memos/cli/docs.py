"""`memos docs`: questions to documents, their summaries, and what two of them say."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from memos.cli.options import json_option
from memos.printing import Status, safe

if TYPE_CHECKING:
    from memos.agents.documents import Answer
    from memos.agents.research import Research
    from memos.events import Event


@click.group(
    "docs",
    epilog="""\b
Examples:
  memos docs ask "How long are backups kept?"
  memos docs summarise docs/
  memos docs compare old.md new.md""",
)
def command() -> None:
    """Ask documents, sum them up, compare them. `memos ingest` reads them in first."""


def _shared(function: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        json_option,
        click.option("--model", help="A name of `memos models list`, or a GGUF file."),
        click.option("--agent", help="Also the documents that only this agent sees."),
    ):
        function = option(function)
    return function


@command.command(
    "ask",
    epilog="""\b
Examples:
  memos docs ask "How long are backups kept?"
  memos docs ask "Who signed the contract?" --source /home/ada/docs/contract.pdf
  memos docs ask "Which rules changed?" --source /home/ada/docs/rules.md --whole --json""",
)
@click.argument("question")
@click.option("--source", help="Only this document, by its path or the end of it, or this folder.")
@click.option("--whole", is_flag=True, help="Read all of --source, from the first page to the last.")
@_shared
def ask(question: str, source: str | None, whole: bool, agent: str | None, model: str | None, as_json: bool) -> None:
    """Answer QUESTION from documents, with citations that `memos show` opens, or say that they do not tell it."""
    if whole and source is None:
        raise click.UsageError("--whole reads one document: say which with --source.")
    with _research(agent, model, as_json) as research:
        if whole and source is not None:
            answer = research.team.ask(question, research.document(source))
        else:
            answer = research.analyst.ask(question, source=research.path(source) if source else None)
    _print_answer(answer, as_json)


@command.command(
    "summarise",
    epilog="""\b
Examples:
  memos docs summarise docs/handbook.pdf
  memos docs summarise docs/
  memos docs summarise docs/ --json""",
)
@click.argument("path", type=click.Path())
@_shared
def summarise(path: str, agent: str | None, model: str | None, as_json: bool) -> None:
    """Sum up the document or folder PATH. Only what has changed is read again; Ctrl-C loses nothing."""
    with _research(agent, model, as_json) as research:
        digest = research.summaries.summarise(research.path(path))
    if as_json:
        click.echo(json.dumps({"id": digest.id, **asdict(digest)}, ensure_ascii=False))
        return
    click.echo(safe(digest.text))
    click.echo(click.style(f"{digest.id}: memos show opens it, and what it is made from.", dim=True))


@command.command(
    "compare",
    epilog="""\b
Examples:
  memos docs compare contract-2025.pdf contract-2026.pdf "What is the notice period?"
  memos docs compare old.md new.md""",
)
@click.argument("first", type=click.Path())
@click.argument("second", type=click.Path())
@click.argument("question", required=False)
@_shared
def compare(first: str, second: str, question: str | None, agent: str | None, model: str | None, as_json: bool) -> None:
    """What FIRST and SECOND say to QUESTION; without one, which passages are in one and not in the other."""
    if question is None:
        _print_difference(first, second, agent, as_json)
        return
    with _research(agent, model, as_json) as research:
        both = research.analyst.compare(research.document(first), research.document(second), question)
    if as_json:
        click.echo(json.dumps(asdict(both), ensure_ascii=False))
        return
    for name, answer in ((first, both.first), (second, both.second)):
        click.echo(click.style(name, bold=True))
        _print_answer(answer, as_json=False)
    click.echo("They agree." if both.agree else "They do not say the same.")


def _print_difference(first: str, second: str, agent: str | None, as_json: bool) -> None:
    from memos.agents.difference import difference
    from memos.agents.opening import documents
    from memos.agents.paths import stored_document

    with documents(agent) as archival:
        only = difference(archival, stored_document(archival, first), stored_document(archival, second))
    if as_json:
        click.echo(json.dumps(asdict(only), default=str, ensure_ascii=False))
        return
    for name, passages in ((first, only.first), (second, only.second)):
        click.echo(click.style(f"Passages only in {name}: {len(passages)}", bold=True))
        for passage in passages:
            click.echo(safe(f"archival:{passage.id} {passage.location}: {' '.join(passage.text.split())[:160]}"))
    click.echo(f"Passages in both: {only.shared}")


def _print_answer(answer: Answer, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(asdict(answer), ensure_ascii=False))
        return
    click.echo(safe(answer.text))
    for citation in answer.citations:
        click.echo(click.style(safe(f"  {citation.id} {citation}"), dim=True))


@contextmanager
def _research(agent: str | None, model: str | None, as_json: bool) -> Iterator[Research]:
    from memos.agents.research import open_research

    status = Status(quiet=as_json)
    observe = _Observer(status, as_json).show
    try:
        with open_research(agent=agent, model=model, observe=observe, progress=status.show) as research:
            yield research
    finally:
        status.clear()


class _Observer:
    """Prints events: every one as JSON, or a moving line."""

    def __init__(self, status: Status, as_json: bool) -> None:
        self._status, self._json = status, as_json

    def show(self, event: Event) -> None:
        """Show one event."""
        from memos import events

        if self._json:
            click.echo(json.dumps(event.to_json(), ensure_ascii=False))
        elif isinstance(event, events.Progress):
            self._status.show(f"{event.task}: {event.done} of {event.total} {event.unit}", event.done / event.total)
        elif isinstance(event, events.MemberReported):
            self._status.show(f"reading part {event.member} of {event.of}", event.member / event.of)
        elif isinstance(event, events.PagesShown):
            self._status.show(f"reading {len(event.pages)} pages", 0.5)
