"""The conversation: its messages as widgets, a window of them at a time.

Owns what a message looks like, how a reply grows, and which messages are mounted: however long the history, only some
dozens are, and more come when one scrolls. It does not know where they come from.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import ComposeResult, RenderResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Collapsible, Static

from memos.messages import Kind, Message, State
from memos.tui import messages
from memos.tui.commands import message_bindings
from memos.tui.plain import call_line
from memos.tui.text import has_markup, moment, one_line, right_to_left, speaker

if TYPE_CHECKING:
    from textual.widgets.markdown import MarkdownStream

MOST = 90  # messages that are mounted at once; twice as many while one talks
LONG_CALL = 1.0  # seconds from which a call says how long it took
SLICE = 10  # mounted before the event loop gets its turn


class Said(Widget, can_focus=True):
    """A message of the user or the assistant. It is drawn by the widget itself, since dozens are mounted at a time; a
    reply that grows, a formatted one that has the focus (so that its text can be selected) and a text from right to
    left have widgets of their own inside.

    Args:
        who: `you`, or the agent's name.
        kind: `user` or `speech`.
        text: what was said so far.
        message_id: in recall storage.
        when: it was said.
        note: what else is to be told of it, e.g. that it was cut off.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*message_bindings()]

    def __init__(self, who: str, kind: Kind, text: str, message_id: int, when: datetime, note: str = "") -> None:
        super().__init__(classes=f"said {kind}")
        self.kind, self.text, self.message_id = kind, text, message_id
        self._head = f"{'▌' if kind is Kind.USER else '●'} {who} · {moment(when)} · recall:{message_id}"
        self._note = note
        self._stream: MarkdownStream | None = None

    @property
    def _heading(self) -> Content:
        text = f"{self._head} · {self._note}" if self._note else self._head
        return Content.styled(text, "bold" if self.kind is Kind.USER else "dim")

    @property
    def _formatted(self) -> bool:
        return self.kind is Kind.SPEECH and has_markup(self.text)

    def render(self) -> RenderResult:
        """The message, where it has no widgets inside."""
        if not self._formatted:
            return Content.assemble(self._heading, "\n", self.text)
        from rich.console import Group
        from rich.markdown import Markdown
        from rich.text import Text

        heading = Text(self._heading.plain, "dim", no_wrap=True, overflow="ellipsis")
        return Group(heading, Markdown(self.text, code_theme="ansi_dark", inline_code_theme="ansi_dark"))

    def compose(self) -> ComposeResult:
        """A line about it and its words, where direction matters."""
        if right_to_left(self.text):
            yield Static(self._heading, classes="heading")
            yield self._body()

    async def on_focus(self) -> None:
        """A formatted text becomes one that can be selected."""
        if self._formatted and not self.children:
            await self._fill()

    async def settle(self) -> None:
        """Draw a formatted text without widgets again: each of them costs time whenever the screen is laid out."""
        settled = self._stream is None and not self.has_focus and not right_to_left(self.text)
        if settled and self._formatted and self.children:
            await self.remove_children()
            self.refresh(layout=True)

    async def _fill(self) -> None:
        """Put heading and words inside."""
        with self.app.batch_update():
            await self.remove_children()
            if self.is_attached:
                await self.mount(Static(self._heading, classes="heading"), self._body())

    def _body(self) -> Widget:
        if self._formatted:
            from textual.widgets import Markdown

            body: Widget = Markdown(self.text, classes="body", open_links=False)
        else:
            body = Static(Content(self.text), classes="body")
        body.set_class(right_to_left(self.text), "right-to-left")
        return body

    async def grow(self, more: str) -> None:
        """More words of a reply."""
        from textual.widgets import Markdown

        self.text += more
        if not self.is_attached:
            return
        if self._stream is None:
            await self.remove_children()
            body = Markdown(classes="body", open_links=False)
            await self.mount(Static(self._heading, classes="heading"), body)
            self._stream = Markdown.get_stream(body)
            more = self.text
        await self._stream.write(more)

    async def finish(self, text: str, *, cut: bool) -> None:
        """The reply is whole, or was cut off."""
        grown = self._stream is not None and text == self.text
        if self._stream is not None:
            await self._stream.stop()
            self._stream = None
        self.text = text or self.text
        self._note = "cut off" if cut else self._note
        if grown and self._formatted:  # what has grown stays: to make it anew would hold up the event loop
            self.query_one(".heading", Static).update(self._heading)
            self.query_one(".body").set_class(right_to_left(text), "right-to-left")
        elif self._formatted or right_to_left(self.text):
            await self._fill()
        else:
            await self.remove_children()
            self.refresh(layout=True)


class CallView(Collapsible):
    """A function call and its result, or a page: one line that opens.

    Args:
        line: the line.
        body: what it opens to.
        message_id: in recall storage.
    """

    def __init__(self, line: str, body: str, message_id: int) -> None:
        self._line, self.message_id = line, message_id
        self._text = Static(Content(body), classes="result")
        super().__init__(self._text, title=_escaped(line), collapsed=True, classes="call")

    def finish(self, *, ok: bool, result: str, seconds: float) -> None:
        """The function returned, or failed."""
        sign = "✓" if ok else "✗ failed"
        self.title = _escaped(
            f"{self._line} {sign} {seconds:.1f} s" if seconds >= LONG_CALL else f"{self._line} {sign}"
        )
        self._text.update(Content(result))
        self.set_class(not ok, "failed")


def _escaped(text: str) -> str:
    return one_line(text, 120).replace("[", "\\[")


class Note(Static):
    """A line about what the memory does, or what went wrong."""

    def __init__(self, text: str, *, failed: bool = False) -> None:
        super().__init__(Content(f"{'✗' if failed else '·'} {text}"), classes="note")
        self.set_class(failed, "failed")


class Transcript(VerticalScroll, can_focus=True):
    """The messages, oldest first. It follows the end while one is there."""

    def __init__(self, id: str) -> None:  # noqa: A002 - Textual's own name for it
        super().__init__(id=id)
        self._agent = "assistant"
        self._growing: Said | None = None
        self._calls: dict[int, CallView] = {}
        self._asking = False
        self._showing = asyncio.Lock()
        self.oldest = self.newest = 0  # ids of the first and last message that is mounted
        self.at_newest = True  # whether there are no later messages than those
        self.at_oldest = False  # whether it is known that there are no earlier ones

    # ------------------------------------------------------------------------------------------- pages

    async def show(self, agent: str, page: Sequence[Message], *, newest: bool = True) -> None:
        """Show a page of history in the place of what is shown.

        Args:
            agent: its name.
            page: messages in their order.
            newest: whether the last of them is the conversation's last.
        """
        async with self._showing:
            self._agent, self._growing, self._calls = agent, None, {}
            await self.remove_children()
            self.oldest = page[0].id if page else 0
            self.newest = page[-1].id if page else 0
            self.at_newest, self.at_oldest = newest, False
            await self._mount_all(self._views(page))
            self._asking = False
        if newest:
            self.follow()

    async def prepend(self, page: Sequence[Message]) -> None:
        """Show earlier messages in front; what is looked at stays where it is."""
        async with self._showing:
            if page and page[-1].id < self.oldest:
                self.oldest = page[0].id
                views, anchor = self._views(page), self.children[0] if self.children else None
                place = anchor.virtual_region.y - self.scroll_y if anchor else 0
                await self._mount_all(views, before=anchor)
                self._drop(len(self.children) - MOST, last=True)
                if anchor is not None:
                    self.call_after_refresh(self._keep_place, anchor, place)
            elif not page:
                self.at_oldest = True
        self._asking = False

    def _keep_place(self, anchor: Widget, place: float) -> None:
        self.scroll_to(y=anchor.virtual_region.y - place, animate=False, immediate=True)

    async def append_page(self, page: Sequence[Message], *, newest: bool) -> None:
        """Show later messages behind."""
        async with self._showing:
            fresh = [message for message in page if message.id > self.newest]
            await self._mount_all(self._views(fresh))
            if fresh:
                self.newest = fresh[-1].id
            self.at_newest = newest
            self._drop(len(self.children) - MOST, last=False)
        self._asking = False

    def _drop(self, count: int, *, last: bool) -> None:
        """Unmount some at one end."""
        if count <= 0:
            return
        gone = list(self.children)[-count:] if last else list(self.children)[:count]
        left = [child for child in self.children if child not in gone]
        numbers = [number for child in left if (number := _number(child))]
        if numbers:
            self.oldest, self.newest = min(numbers), max(numbers)
        self.at_newest = self.at_newest and not last
        self.at_oldest = self.at_oldest and last
        if self._growing in gone:
            self._growing = None
        for child in gone:
            child.remove()

    async def _mount_all(self, views: Sequence[Widget], before: Widget | None = None) -> None:
        for start in range(0, len(views), SLICE):
            if not self.is_attached:  # one leaves, and Textual refuses what comes then
                return
            await self.mount_all(views[start : start + SLICE], before=before)
            await asyncio.sleep(0)

    def _views(self, page: Sequence[Message]) -> list[Widget]:
        views: list[Widget] = []
        call: CallView | None = None
        for message in page:
            if message.kind in (Kind.USER, Kind.SPEECH):
                note = {State.CUT: "cut off", State.FORGOTTEN: "forgotten"}.get(message.state, "")
                who = speaker(message, self._agent)
                views.append(Said(who, message.kind, message.content, message.id, message.created_at, note))
            elif message.kind is Kind.CALL:
                call = CallView(_stored_call(message.content), "", message.id)
                views.append(call)
            elif message.kind is Kind.RESULT and call is not None:
                call._text.update(Content(message.content))
                call = None
            elif message.kind is Kind.PAGE:
                views.append(CallView("paged in by the kernel", message.content, message.id))
            elif message.kind is Kind.RESULT:
                views.append(CallView("result", message.content, message.id))
            # An alert is told to the model alone: nobody sees it come either, and the window's map has it.
        return views

    # -------------------------------------------------------------------------------------------- live

    async def user_said(self, text: str, message_id: int) -> None:
        """The user's message is stored."""
        for earlier in self.query(Said):
            await earlier.settle()
        await self._add(Said("you", Kind.USER, text, message_id, datetime.now(UTC)))

    async def speech(self, more: str, message_id: int) -> None:
        """The assistant says more."""
        if not self.at_newest:
            return  # one looks at something earlier; it is read from storage when one comes back
        if self._growing is None or self._growing.message_id != message_id:
            there = [said for said in self.query(Said) if said.message_id == message_id]
            self._growing = there[0] if there else Said(self._agent, Kind.SPEECH, "", message_id, datetime.now(UTC))
            if not there:
                await self._add(self._growing)
        await self._growing.grow(more)

    async def speech_ended(self, text: str, message_id: int, *, cut: bool) -> None:
        """The assistant has said all of it."""
        if self._growing is None:
            await self.speech(text, message_id)
        await self._finish(text, cut=cut)

    async def speech_failed(self) -> None:
        """Whatever the assistant was saying, no more of it comes."""
        await self._finish("", cut=True)

    async def _finish(self, text: str, *, cut: bool) -> None:
        if self._growing is not None:
            await self._growing.finish(text, cut=cut)
            self._growing = None

    async def call(self, name: str, arguments: dict[str, Any], message_id: int) -> None:
        """The assistant calls a function."""
        view = self._calls[message_id] = CallView(call_line(name, arguments), "runs …", message_id)
        await self._add(view)

    def call_ended(self, message_id: int, *, ok: bool, result: str, seconds: float) -> None:
        """The function returned."""
        view = self._calls.pop(message_id, None)
        if view is not None:
            view.finish(ok=ok, result=result, seconds=seconds)

    async def paged_in(self, sources: Sequence[str], tokens: int, message_id: int, text: str) -> None:
        """Memory came into view."""
        line = f"paged in {', '.join(sources) or f'recall:{message_id}'} ({tokens} tokens)"
        await self._add(CallView(line, text, message_id))

    async def note(self, text: str, *, failed: bool = False) -> None:
        """Something is told."""
        await self._add(Note(text, failed=failed))

    async def _add(self, view: Widget) -> None:
        if not self.at_newest and _number(view):
            return
        async with self._showing:
            await self._mount_all([view])
            number = _number(view)
            self.newest = max(self.newest, number)
            self.oldest = self.oldest or number
            if self.at_newest:
                self._drop(len(self.children) - 2 * MOST, last=False)

    # ---------------------------------------------------------------------------------------- scrolling

    def action_page_up(self) -> None:
        """A page up, at once: an animation over a long history is a delay."""
        self.release_anchor()
        self.scroll_page_up(animate=False)

    def action_page_down(self) -> None:
        """A page down, at once."""
        self.scroll_page_down(animate=False)

    def follow(self) -> None:
        """Go to the end, and stay there while it grows."""
        self.anchor()

    def watch_scroll_y(self, old: float, new: float) -> None:
        """Ask for more messages near either end."""
        super().watch_scroll_y(old, new)
        if self._asking or not self.children:
            return
        if new < old and new <= self.size.height and self.oldest and not self.at_oldest:
            self._asking = True
            self.post_message(messages.Older(self.oldest))
        elif new > old and not self.at_newest and new >= self.max_scroll_y - self.size.height:
            self._asking = True
            self.post_message(messages.Newer(self.newest))

    def find(self, message_id: int) -> Widget | None:
        """The widget of a message, or of the next one, if it is mounted."""
        if not self.oldest <= message_id <= self.newest:
            return None
        mounted = [child for child in self.children if _number(child) >= message_id]
        return mounted[0] if mounted else None

    def last_said(self, kind: Kind) -> Said | None:
        """The last message of a kind that is mounted."""
        said = [child for child in self.query(Said) if child.kind is kind]
        return said[-1] if said else None


def _number(view: Widget) -> int:
    """The id of the message that a widget shows; 0 for a note."""
    return getattr(view, "message_id", 0)


def _stored_call(content: str) -> str:
    """A stored call in a line."""
    try:
        data = json.loads(content)
        return call_line(str(data["function"]), dict(data["arguments"]))
    except (ValueError, KeyError, TypeError):
        return one_line(content)
