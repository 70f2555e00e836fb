"""The shell: a terminal in which an agent's memory can be seen and touched.

Composes the screen, and turns events of the agent into what the widgets show. It sees `Agent` and events, nothing
deeper; what a command does is in `doing`, who works for it in `session`. Nothing heavy is imported before the first
paint: the agent's libraries load in a thread while the screen is up already.
"""

from __future__ import annotations

import asyncio
import gc
import signal
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from rich.segment import Segment
from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.color import Color
from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.containers import Horizontal
from textual.events import Resize
from textual.filter import LineFilter
from textual.notifications import SeverityLevel
from textual.widgets import Footer, Static

from memos import events
from memos.errors import MemosError
from memos.printing import safe
from memos.tui import doing, hangup, messages
from memos.tui.commands import BY_ID, COMMANDS, bindings, is_command, keys_of, parse
from memos.tui.dialogs import Confirm
from memos.tui.panel import MapStrip, MemoryPanel, Timeline
from memos.tui.prompt import Completions, Prompt, Waiting
from memos.tui.session import PAGE, Session
from memos.tui.status import Status
from memos.tui.text import note_line, paging_line
from memos.tui.transcript import Said, Transcript

if TYPE_CHECKING:
    from memos.agents import Agent, Sessions
    from memos.context_map import ContextMap
    from memos.messages import Message as Stored

Result = TypeVar("Result")
WIDE = 110  # columns from which the panel is shown by itself
SMALLEST = (40, 10)  # columns and rows


class Harmless(LineFilter):
    """Lines as they are drawn, without what the terminal would obey: whatever widget a text of others is in.

    This is the one place for what is on the screen, so widgets take texts as they are. It does not see what goes to the
    terminal otherwise: the clipboard (`Shell.copy_to_clipboard`), and the lines of `memos.tui.plain`. The title of the
    terminal is not set; addresses of links are encoded by Markdown.
    """

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """Segments of a line, their texts safe."""
        # What is printable has nothing of that, and nearly all of a screen, drawn many times a second, is.
        return [
            one if one.control or one.text.isprintable() else Segment(safe(one.text), one.style) for one in segments
        ]


class ShellCommands(Provider):
    """The registry in the palette."""

    async def discover(self) -> Hits:
        """All of them."""
        for command in COMMANDS:
            yield DiscoveryHit(command.title, self._doing(command.id), help=command.help)

    async def search(self, query: str) -> Hits:
        """Those that match."""
        matcher = self.matcher(query)
        for command in COMMANDS:
            score = matcher.match(f"{command.title} {command.id} {command.help}")
            if score > 0:
                yield Hit(score, matcher.highlight(command.title), self._doing(command.id), help=command.help)

    def _doing(self, name: str) -> Callable[[], Any]:
        shell = self.app
        assert isinstance(shell, Shell)
        return lambda: shell.run_worker(shell.action_do(name))


class Shell(App[None]):
    """The application.

    Args:
        agent: which agent opens.
        make: makes the `Sessions`; called in a thread, since it imports what takes long.
        allow_all: calls that documents may have caused run unasked.
    """

    TITLE = "memos"
    CSS_PATH = "shell.tcss"
    # Classes of every screen, by which the style sheet leaves out frames where there is no room for them.
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (64, "-broad")]  # noqa: RUF012 - no class variable for mypy
    VERTICAL_BREAKPOINTS = [(0, "-short"), (18, "-tall")]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = [*bindings()]
    COMMANDS = App.COMMANDS | {ShellCommands}

    def __init__(self, agent: str, make: Callable[[], Sessions], *, allow_all: bool = False) -> None:
        super().__init__()
        self._allow_all = allow_all
        self.wanted = agent
        self.session = Session(self.post_message, make)
        self.keys: Mapping[str, str] = {}
        self._editing: int | None = None
        self._panel_chosen = False
        self._unstored = ""
        self._to_tell: list[str] = []  # when the agent is open
        self._harmless = Harmless()

    def compose(self) -> ComposeResult:
        """Conversation and panel, and the lines below."""
        with Horizontal(id="middle"):
            yield Transcript(id="transcript")
            yield MemoryPanel(id="panel")
        menu = Completions(id="completions")
        yield menu
        yield MapStrip(id="strip")
        yield Waiting()
        yield Prompt(menu, id="prompt")
        yield Status(id="status")
        yield Footer(compact=True)
        yield Static("", id="too-small")

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Textual's own, and ours."""
        return [*super().get_line_filters(), self._harmless]

    def on_mount(self) -> None:
        """Be there first, then load."""
        if self.console.color_system == "standard":
            self.theme = "ansi-dark"
        self.query_one(Completions).display = False
        self.query_one(Prompt).focus()
        self.query_one(Status).doing("starting")
        if not self.is_headless:
            hangup.watch(lambda: self.call_from_thread(self.exit))
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self.exit, None, 128 + signal.SIGTERM)
        self.call_after_refresh(self.open, self.wanted)

    def open(self, name: str, **settings: Any) -> None:
        """Open an agent; where that fails, it is the one that `/retry` is about."""
        self.wanted = name
        self.session.open(name, **settings)

    async def action_quit(self) -> None:
        """Save and leave."""
        await self.action_do("quit")

    def action_help_quit(self) -> None:
        """What Ctrl+C is told, where nothing is selected that it could copy."""
        stop, leave = (keys_of(BY_ID[name], self.keys) for name in ("stop", "quit"))
        self.notice(f"{stop} stops a reply, {leave} leaves.")

    def on_unmount(self) -> None:
        """Whatever ends the application: the agent is saved."""
        self.session.close()

    # ------------------------------------------------------------------------------------------ parts

    @property
    def transcript(self) -> Transcript:
        """The conversation."""
        return self.query_one(Transcript)

    @property
    def prompt(self) -> Prompt:
        """The input."""
        return self.query_one(Prompt)

    @property
    def waiting(self) -> Waiting:
        """What is sent once the agent is free."""
        return self.query_one(Waiting)

    @property
    def status(self) -> Status:
        """The status line."""
        return self.query_one(Status)

    @property
    def editing(self) -> int | None:
        """The message whose place the next one takes; None: it goes behind the last."""
        return self._editing

    @editing.setter
    def editing(self, number: int | None) -> None:
        self._editing = number
        self.waiting.edits(number)

    # --------------------------------------------------------------------------------------- commands

    async def action_do(self, name: str) -> None:
        """Do a command without an argument."""
        await self._do(name, "")

    async def _do(self, name: str, argument: str) -> None:
        await self._told(doing.DO[name](self, argument))

    async def _told(self, work: Awaitable[None]) -> None:
        """Await something; what is refused, or goes wrong, becomes a note."""
        try:
            await work
        except (MemosError, OSError) as error:
            await self.transcript.note(str(error), failed=True)
        except Exception as error:  # as in the agent's thread: the user shall see it and go on
            await self.transcript.note(f"Something unforeseen: {error!r}.", failed=True)

    def beside(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something that asks the user first, without waiting for it; what goes wrong becomes a note. Who presses a
        key again before the question is there is asked once."""
        name = getattr(work, "__qualname__", "")  # of every coroutine, though not of the type
        if any(one.name == name and not one.is_finished for one in self.workers):
            work.close()
        else:
            self.run_worker(self._told(work), name=name)

    async def action_do_on_message(self, name: str) -> None:
        """Do a command to the message that has the focus."""
        said = self.focused
        if isinstance(said, Said):
            await self._told(doing.DO_ON_A_MESSAGE[name](self, said))

    async def on_submitted(self, message: messages.Submitted) -> None:
        """A message, or a command."""
        if is_command(message.text):
            found = parse(message.text)
            if found is None:
                name = message.text.split()[0]
                await self.transcript.note(f"There is no command {name}; F1 lists them.", failed=True)
                self.give_back(message.text)
            else:
                await self._do(found[0].id, found[1])
            return
        await self._say(message.text)

    async def _say(self, text: str) -> None:
        await self._told(doing.say(self, text))

    def on_typed(self, message: messages.Typed) -> None:
        """Offer what the word may become."""
        self.query_one(Completions).complete(message.text, message.word)

    async def on_long_paste(self, message: messages.LongPaste) -> None:
        """Offer to read it into archival memory."""
        self.run_worker(self._told(doing.long_paste(self, message.text)))

    def copy_to_clipboard(self, text: str) -> None:
        """Copy what is seen: an escape sequence in it would be obeyed where it is pasted."""
        super().copy_to_clipboard(safe(text))

    def notice(self, text: str, severity: SeverityLevel = "information") -> None:
        """Tell something in a corner, for a moment; brackets in it are no markup."""
        self.notify(text, severity=severity, markup=False)

    def sending(self, text: str) -> None:
        """A text is on its way; it comes back into the input if it is not stored."""
        self._unstored = text

    def give_back(self, text: str = "") -> None:
        """Put a text that was not sent, and what waits behind it, before what is in the input."""
        before = [each for each in (text, self.waiting.take()) if each]
        if before:
            self.prompt.put("\n\n".join([*before, *filter(None, [self.prompt.text])]))

    async def change_memory(self, what: str, pointer: str) -> None:
        """Page something in, pin it, let it go or forget it; a notice says how it went."""
        done = {"page_in": "is in view now", "pin": "is pinned", "unpin": "is let go", "forget": "is forgotten"}
        try:
            await self.session.change(lambda agent: getattr(agent.memory, what)(pointer))
        except MemosError as error:
            self.notice(str(error), "error")
            return
        self.notice(f"{pointer} {done[what]}.")
        if what == "forget":
            await self.to_newest()

    async def from_sessions(self, work: Callable[[Sessions], Result]) -> Result | None:
        """Ask the list of agents; None, and a notice, where that fails."""
        try:
            self.session.require_idle()
            return await self.session.with_sessions(work)
        except MemosError as error:
            self.notice(str(error), "error")
            return None

    # ---------------------------------------------------------------------------------- what happens

    def on_loading(self, message: messages.Loading) -> None:
        """Say what is waited for."""
        share = f" {message.share:.0%}" if message.share else ""
        self.status.doing(f"{message.what}{share}")

    def on_settings_read(self, message: messages.SettingsRead) -> None:
        """Theme and keys of the user's own."""
        settings = message.settings
        unknown = [name for name in settings.keys if name not in BY_ID]
        if unknown:
            self._to_tell.append(f"settings.toml gives keys to {', '.join(unknown)}: there is no such command.")
        self.keys = {name: keys for name, keys in settings.keys.items() if name in BY_ID}
        self.set_keymap(dict(self.keys))
        if settings.theme and settings.theme in self.available_themes:
            self.theme = settings.theme
        elif settings.theme:
            self._to_tell.append(f"There is no theme {settings.theme}; /theme lists them.")

    async def on_opened(self, message: messages.Opened) -> None:
        """An agent is open."""
        _collect_between_turns()
        agent = message.agent
        self.wanted = agent.name
        self.title = f"memos · {agent.name}"
        self.editing = None  # its number means another message here
        self.status.who(agent.name, agent.model_name)
        self.prompt.remember(message.asked)
        timeline = self.query_one(Timeline)
        timeline.clear_options()
        for eviction in message.evictions:
            timeline.add(
                f"← out recall:{eviction.first_id}-{eviction.last_id}, {eviction.tokens} tokens ({eviction.reason})",
                eviction.first_id,
                None,
            )
        self.show_window(message.view)
        await self.transcript.show(agent.name, message.messages)
        while self._to_tell:
            await self.transcript.note(self._to_tell.pop(0), failed=True)

    async def on_failed(self, message: messages.Failed) -> None:
        """A sentence and a way on; a text that was not stored comes back."""
        await self.transcript.speech_failed()
        await self.transcript.note(message.sentence, failed=True)
        self.transcript.follow()
        self.give_back(self._unstored if message.unsent else "")
        self._unstored = ""
        agent = self.session.agent
        if message.opening and agent is not None:  # what was refused at once took nothing away
            self.wanted = agent.name
        elif message.opening:
            self.status.who("no agent is open", "/retry · /agents · /models")

    async def on_changed(self, message: messages.Changed) -> None:
        """History is not what it was."""
        agent = self.session.agent
        if not self._unstored:  # not by what stands in the input: the message that it was for may be gone
            self.editing = None
        await self.transcript.show(agent.name if agent else self.wanted, message.messages)
        self.show_window(message.view)

    async def on_turn_over(self, message: messages.TurnOver) -> None:
        """The agent waits, unless a message waits for it."""
        self.status.doing("")
        gc.collect()
        if message.view is not None:
            self.show_window(message.view)
        if not self.session.busy and (text := self.waiting.take()):
            await self._say(text)

    def on_consent_wanted(self, message: messages.ConsentWanted) -> None:
        """Ask; the agent waits meanwhile."""
        if self._allow_all:
            self.session.answer(allowed=True)
            return
        self.status.doing("waiting for you")

        async def ask() -> None:
            allowed = await self.push_screen_wait(Confirm(message.question, "Allow", "Refuse", unasked=True))
            self.session.answer(allowed=allowed)

        self.run_worker(self._told(ask()))

    def on_ingesting(self, message: messages.Ingesting) -> None:
        """How far."""
        done = f" {message.done:,} of {message.total:,} passages" if message.done else ""
        self.status.doing(f"reading {message.what}{done}, Esc stops")

    def show_window(self, view: ContextMap) -> None:
        """Draw the window."""
        self.query_one(MapStrip).show(view)
        self.query_one(MemoryPanel).show(view)
        self.status.window(view)

    async def on_happened(self, message: messages.Happened) -> None:
        """An event of the agent."""
        event, view = message.event, message.view
        self.status.turn.add(event, message.seconds)
        if view is not None:
            self.show_window(view)
        segment = ""
        if isinstance(event, events.PrefixMoved) and view is not None:
            place = view.at(event.kept)
            segment = place.name if place else ""
            self.status.moved(f"prefix moved at {segment or 'its end'} ({event.reason})")
        if (line := paging_line(event, segment)) is not None:
            self.query_one(Timeline).add(*line, datetime.now(UTC))
        await self._in_conversation(event)
        if text := note_line(event):
            await self.transcript.note(text)

    async def _in_conversation(self, event: events.Event) -> None:
        transcript = self.transcript
        match event:
            case events.MessageStored(message_id=number, text=text):
                self._unstored, self.editing = "", None
                self.status.moved("")
                self.status.doing("thinking")
                await transcript.user_said(text, number)
                transcript.follow()
            case events.SpeechDelta(message_id=number, text=text):
                self.status.doing("speaking, Esc stops")
                await transcript.speech(text, number)
            case events.Speech(message_id=number, text=text, cut=cut):
                await transcript.speech_ended(text, number, cut=cut)
            case events.CallStarted(message_id=number, name=name, arguments=arguments):
                await transcript.call(name, arguments, number)
            case events.CallFinished(message_id=number, ok=ok, result=result, seconds=seconds):
                transcript.call_ended(number, ok=ok, result=result, seconds=seconds)
            case events.PagedIn(message_id=number, sources=sources, tokens=tokens):
                await transcript.paged_in(sources, tokens, number, await self._page_text(number))
            case events.Progress(task=task, done=done, total=total, unit=unit):
                amount = f" {done:,} of {total:,} {unit}" if total > 1 else ""
                self.status.doing(f"{task}{amount}" if done < total else "thinking")
            case events.TurnFinished(reason="cancelled", text=""):
                await transcript.note("Stopped before a word was said.")
            case _:
                pass

    async def _page_text(self, message_id: int) -> str:
        try:
            stored = await self.session.read(lambda agent: agent.history.get(message_id))
        except MemosError:
            return ""
        return stored.content if stored else ""

    # ---------------------------------------------------------------------------------------- history

    async def on_older(self, message: messages.Older) -> None:
        """Earlier messages are wanted."""
        before = message.before_id
        await self.transcript.prepend(await self._read(lambda agent: agent.history.page(before_id=before, limit=PAGE)))

    async def on_newer(self, message: messages.Newer) -> None:
        """Later messages are wanted."""
        after = message.after_id + 1
        page = await self._read(lambda agent: agent.history.page(from_id=after, limit=PAGE))
        await self.transcript.append_page(page, newest=len(page) < PAGE)

    async def _read(self, work: Callable[[Agent], list[Stored]]) -> list[Stored]:
        try:
            return await self.session.read(work)
        except MemosError as error:
            await self.transcript.note(str(error), failed=True)
            return []

    async def to_newest(self) -> None:
        """Show the end of the conversation."""
        page = await self._read(lambda agent: agent.history.page(limit=PAGE))
        if page:
            await self.transcript.show(self.wanted, page)

    async def on_jump_to(self, message: messages.JumpTo) -> None:
        """Show a message of recall storage, with those around it."""
        number, transcript = message.message_id, self.transcript
        if transcript.find(number) is None:
            before = await self._read(lambda agent: agent.history.page(before_id=number, limit=PAGE // 4))
            after = await self._read(lambda agent: agent.history.page(from_id=number, limit=PAGE))
            await transcript.show(self.wanted, [*before, *after], newest=len(after) < PAGE)
        found = transcript.find(number)
        if found is not None:
            transcript.release_anchor()
            found.focus()
            transcript.scroll_to_widget(found, animate=False, top=True)

    # ------------------------------------------------------------------------------------------- size

    def toggle_panel(self) -> None:
        """Show or hide the panel; from now on the width has no say."""
        self._panel_chosen = True
        self._show_panel(not self.query_one(MemoryPanel).display)

    def _show_panel(self, shown: bool) -> None:
        self.query_one(MemoryPanel).display = shown
        self.query_one(MapStrip).display = not shown

    def on_resize(self, event: Resize) -> None:
        """Show what there is room for."""
        width, height = event.size
        if not self._panel_chosen:
            self._show_panel(width >= WIDE)
        small = width < SMALLEST[0] or height < SMALLEST[1]
        told = (
            f"This window has {width}×{height}; memos needs {SMALLEST[0]}×{SMALLEST[1]}. Nothing is lost: enlarge it."
        )
        too_small = self.query_one("#too-small", Static)
        too_small.update(told)
        too_small.display = small


def _collect_between_turns() -> None:
    """Leave full garbage collections to the pauses between turns, and what is loaded by now out of them: to look
    through all libraries takes 200 ms, in which the event loop stands still."""
    if not gc.get_freeze_count():
        gc.freeze()
        young, middle, _ = gc.get_threshold()
        gc.set_threshold(young, middle, 1_000_000)
