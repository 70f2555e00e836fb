"""The plain shell: lines in, lines out; for pipes, screen readers and `--json`.

Owns how events look as text. The assistant's words go to standard output as they are generated, everything
else (what the memory does, progress, errors) to standard error. It sees `Agent` and events, nothing deeper.
"""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout, suppress
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

from memos import events
from memos.errors import InputError, MemosError
from memos.printing import Status, safe
from memos.tui.commands import is_command
from memos.zone import local

if TYPE_CHECKING:
    from memos.agents import Agent
    from memos.consent import ConsentRequest
    from memos.messages import Block

HELP = """\
/context          what fills the window
/blocks           what the assistant always has in view
/edit BLOCK TEXT  replace a block's text by hand; without TEXT, show it
/search WORDS     search what was said, and notes and documents
/rewind [NUMBER]  take the last message back, or another, and all after it
/forget ID        destroy a message or note for good: recall:7, archival:3
/evict            page the oldest messages out now
/quit             leave (or Ctrl-D); Ctrl-C stops a reply or a command"""


def converse(agent: Agent, *, as_json: bool, yes: bool = False) -> bool:
    """Talk until the input ends.

    Args:
        agent: with whom.
        as_json: events as lines of JSON.
        yes: every call is allowed unasked; without it, on a terminal the user is asked, elsewhere it is refused.

    Returns:
        Whether any message failed; the rest was answered all the same.
    """
    printer: Printer = JsonPrinter() if as_json else TextPrinter()
    interactive = sys.stdin.isatty() and not as_json
    if interactive or yes:
        agent.consent = (lambda _request: True) if yes else lambda request: asked(agent, request)
    printer.all(agent.start_events)
    if interactive:
        click.secho(f"{agent.name} · {agent.settings.model} · /help, Ctrl-D leaves", dim=True, err=True)
    failed = False
    for text in _prompted() if interactive else _piped():
        if isinstance(text, InputError):
            failed = True
            printer.error(text)
        elif interactive and is_command(text):
            if text in ("/quit", "/exit"):
                break
            _command(agent, text, printer)
        elif not _turn(agent, text, printer):
            failed = True
    return failed


def answer(agent: Agent, text: str, *, as_json: bool, yes: bool = False) -> bool:
    """Send one message and print what comes.

    Args:
        agent: to whom.
        text: the message.
        as_json: events as lines of JSON.
        yes: every call is allowed; without it, one that documents in view may have caused is refused.

    Returns:
        Whether it failed, as for `converse`.
    """
    printer: Printer = JsonPrinter() if as_json else TextPrinter()
    if yes:
        agent.consent = lambda _request: True
    printer.all(agent.start_events)
    return not _turn(agent, text, printer)


def asked(agent: Agent, request: ConsentRequest) -> bool:
    """Ask on the terminal whether a call may run. No answer is no; Ctrl-C stops the reply, too."""
    stop = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        click.echo(err=True)
        return _typed(f"{safe(request.question)} [y/N] ").strip().casefold() in ("y", "yes")
    except KeyboardInterrupt:
        click.echo(err=True)
        agent.cancel()
        return False
    except (EOFError, UnicodeDecodeError):
        return False
    finally:
        signal.signal(signal.SIGINT, stop)


def _turn(agent: Agent, text: str, printer: Printer) -> bool:
    try:
        with interruptible(agent):
            printer.all(agent.stream(text))
    except MemosError as error:
        printer.error(error)
        return False
    return True


def _prompted() -> Iterator[str]:
    with suppress(ImportError):
        import readline  # noqa: F401 - gives input() a history and editing
    while True:
        try:
            text = _typed("you> ").strip()
        except EOFError:
            click.echo(err=True)
            return
        except KeyboardInterrupt:
            click.echo("  (Ctrl-D leaves)", err=True)
            continue
        except UnicodeDecodeError:
            click.secho("memos: That was not valid UTF-8; nothing was sent.", fg="red", err=True)
            continue
        if text:
            yield text


def _typed(prompt: str) -> str:
    """A line that is typed on the terminal. Standard output may lead elsewhere, where nobody sees what is asked."""
    with redirect_stdout(sys.stdout if sys.stdout.isatty() else sys.stderr):
        return input(prompt)


def _piped() -> Iterator[str | InputError]:
    """The lines of standard input that are not blank; one that is no UTF-8 is refused by its number."""
    for number, data in enumerate(sys.stdin.buffer, 1):
        try:
            text = data.decode("utf-8").strip("\r\n")
        except UnicodeDecodeError as error:
            yield InputError(
                f"Line {number} of standard input is not valid UTF-8 (byte {error.start + 1}); it was not sent."
            )
            continue
        if text.strip():
            yield text


@contextmanager
def interruptible(agent: Agent) -> Iterator[None]:
    """While this runs, the first Ctrl-C ends a turn or a page-out between two tokens, and nothing that is done at once;
    the second ends the program."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        agent.cancel()

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _command(agent: Agent, text: str, printer: Printer) -> None:
    """Do a slash command. Ctrl-C ends one that only looks wherever it is; what changes something is `interruptible`."""
    name, _, rest = text[1:].partition(" ")
    try:
        if name in _DO:
            _DO[name](agent, rest.strip(), printer)
        else:
            click.echo(HELP, err=True)
    except MemosError as error:
        printer.error(error)
    except KeyboardInterrupt:
        if name in _CHANGES:
            raise
        click.echo(f"  /{name} was stopped", err=True)


def _changed(agent: Agent, change: Callable[[], Iterable[events.Event]], printer: Printer) -> None:
    """Change something by hand, and show it."""
    with interruptible(agent):
        printer.all(change())


def _context(agent: Agent, _: str, _printer: Printer) -> None:
    ledger = agent.context()
    for segment, tokens in ledger.segments:
        if tokens:
            click.echo(f"  {segment:<18}{tokens:>7,}")
    click.echo(f"  {'used':<18}{ledger.used:>7,} of {ledger.usable:,} ({ledger.pressure:.0%})")


def _blocks(agent: Agent, _: str, _printer: Printer) -> None:
    for block in agent.blocks.values():
        _show_block(block)


def _edit(agent: Agent, rest: str, printer: Printer) -> None:
    label, _, content = rest.partition(" ")
    if content.strip():
        _changed(agent, lambda: agent.edit_block(label, content), printer)
    _show_block(agent.blocks[label])


def _search(agent: Agent, rest: str, _printer: Printer) -> None:
    said, kept = agent.recall.search(rest, limit=5).items, agent.archival.search(rest, limit=5).items
    for message in said:
        when = f"{local(message.created_at):%Y-%m-%d}"
        click.echo(f"  recall:{message.id} {when} {message.kind}: {safe(message.content)}")
    for note in kept:
        click.echo(f"  archival:{note.id} {safe(note.source or 'note')}: {safe(' '.join(note.text.split()))}")
    if not said and not kept:
        click.echo("  Nothing found; try other words.", err=True)


def _rewind(agent: Agent, rest: str, printer: Printer) -> None:
    number = agent.history.number(rest)
    _changed(agent, lambda: agent.history.rewind(number), printer)
    click.echo("  taken back, with all that came after it", err=True)


def _forget(agent: Agent, rest: str, printer: Printer) -> None:
    if not rest:
        raise InputError("Say what to forget: /forget ID.")
    try:
        wanted = click.confirm(f"Forget {rest} for good? This cannot be undone.", err=True)
    except click.Abort:  # no answer is no
        click.echo(err=True)
        return
    if wanted:
        _changed(agent, lambda: agent.memory.forget(rest), printer)
        click.echo(f"  {rest} is forgotten", err=True)


def _evict(agent: Agent, _: str, printer: Printer) -> None:
    printer.show(events.Progress("paging out", 0, 1))
    _changed(agent, agent.evict, printer)


_DO: Mapping[str, Callable[[Agent, str, Printer], None]] = {
    "context": _context,
    "blocks": _blocks,
    "edit": _edit,
    "search": _search,
    "rewind": _rewind,
    "forget": _forget,
    "evict": _evict,
}
_CHANGES = ("edit", "rewind", "forget", "evict")


def _show_block(block: Block) -> None:
    click.echo(f"  [{block.label}] at most {block.limit} tokens\n  {safe(block.text) or '(empty)'}")


class Printer:
    """Shows events, one by one."""

    def all(self, stream: Iterable[events.Event]) -> None:
        """Show a stream of events as they come."""
        for event in stream:
            self.show(event)

    def show(self, event: events.Event) -> None:
        """Show one event."""
        raise NotImplementedError

    def error(self, error: MemosError) -> None:
        """Show that a message failed."""
        click.secho(f"memos: {safe(str(error))}", fg="red", err=True)


class JsonPrinter(Printer):
    """Every event as a line of JSON on standard output."""

    def show(self, event: events.Event) -> None:
        click.echo(json.dumps(event.to_json(), ensure_ascii=False))

    def error(self, error: MemosError) -> None:
        click.echo(json.dumps({"event": "Error", "type": type(error).__name__, "text": str(error)}))
        super().error(error)


class TextPrinter(Printer):
    """Words on standard output; on a terminal, dim lines about the memory on standard error."""

    def __init__(self) -> None:
        self._talks = sys.stderr.isatty()
        self._status = Status()
        self._speaking = False

    def show(self, event: events.Event) -> None:
        match event:
            case events.Progress():
                self._progress(event)
            case events.SpeechDelta(text=text):
                self._status.clear()
                click.echo(safe(text), nl=False)
                self._speaking = True
            case events.Speech(cut=cut):
                self._end(cut=cut)
            case events.Repaired(what=what):
                self._note(what, always=True)
            case events.Notice(text=text):
                self._note(text, always=True)
            case events.TurnFinished(reason="cancelled", text=""):
                self._note("stopped before a word was said", always=True)
            case _:
                line = describe(event)
                if line:
                    self._note(line)

    def error(self, error: MemosError) -> None:
        self._status.clear()
        if self._speaking:
            self._end(cut=True)
        super().error(error)

    def _end(self, *, cut: bool) -> None:
        """Nothing more is said: what comes now begins a line."""
        click.echo(" …" if cut else "")
        self._speaking = False

    def _progress(self, event: events.Progress) -> None:
        """A line that the next one takes the place of."""
        if event.done >= event.total:
            self._status.clear()
        elif not self._speaking:
            amount = f"{event.done:,} of {event.total:,} {event.unit}" if event.total > 1 else "…"
            self._status.show(f"{event.task} {amount}")

    def _note(self, text: str, *, always: bool = False) -> None:
        self._status.clear()
        if self._talks or always:
            click.secho(f"  · {safe(text)}", dim=True, err=True)


def call_line(name: str, arguments: Mapping[str, Any]) -> str:
    """A call in a line."""
    return f"{name}({', '.join(json.dumps(value, ensure_ascii=False) for value in arguments.values())})"


def describe(event: events.Event) -> str:
    """What an event means for the memory, in a few words; empty for what nobody needs to see."""
    match event:
        case events.CallStarted(name=name, arguments=arguments):
            return call_line(name, arguments)
        case events.ConsentGiven(name=name, allowed=allowed):
            return f"{name} was {'allowed' if allowed else 'not allowed: documents are in view'}"
        case events.CallFinished(name=name, ok=False, result=result):
            return f"{name} {result}"
        case events.CallFinished(name=name, result=result) if "search" in name:
            return result.split("\n")[0]
        case events.Probed(noted_in=where, sentence=sentence) if where:
            return f"noted in {where}: {sentence}"
        case events.Probed(question="change" | "forget" as what, led_to=where) if where:
            return f"{'corrected in' if what == 'change' else 'taken out of'} {where}"
        case events.PagedIn(sources=sources):
            return f"paged in {', '.join(sources)}"
        case events.Evicted(messages=count, first_id=first, last_id=last):
            return f"{count} messages left the window (recall:{first}-{last}); a summary took their place"
        case events.Grown(before=before, window=window, method=method):
            return f"the window grew from {before:,} to {window:,} tokens ({method})"
        case events.Hidden(message_id=number, tokens=tokens):
            return f"recall:{number} is hidden ({tokens} tokens)"
        case events.Restored(message_id=number):
            return f"recall:{number} is in view again"
        case events.PressureWarning(pressure=pressure):
            return f"the window is {pressure:.0%} full"
        case events.CallInvalid(reason=reason):
            return f"a call was not run: {reason}"
        case _:
            return ""
