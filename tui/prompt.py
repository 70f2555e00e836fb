"""The input: grows with its text, remembers what was sent, offers what it may be completed to.

It does not know what becomes of the text, nor where completions are found.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import events, work
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import OptionList, Static, TextArea
from textual.widgets.option_list import Option

from memos.tui import completing, messages
from memos.tui.text import one_line

LONG = 3000  # characters; a longer paste is offered to archival memory


class Completions(OptionList, can_focus=False):
    """What the word before the cursor may become; Tab takes the highlighted one, Esc hides them."""

    _offered: completing.Offered = ()

    def complete(self, text: str, word: str) -> None:
        """Offer what may be typed next. Of files, those that still fit are shown until the folder has answered.

        Args:
            text: of the prompt.
            word: the one before the cursor.
        """
        named = completing.commands(text)
        fitting = [one for one in self._offered if one[0].startswith(word)] if word.startswith("@") else []
        self.offer(named or fitting)
        self._look(word)

    @work(exclusive=True, group="completions")
    async def _look(self, word: str) -> None:
        """Look for files; the next word ends that."""
        if word.startswith("@") and (found := await completing.files(word)) != self._offered:
            self.offer(found)

    def hide(self) -> None:
        """Offer nothing, whatever is found still."""
        self.workers.cancel_group(self, "completions")
        self.offer([])

    def offer(self, found: completing.Offered) -> None:
        """Show completions, each with a line about it; none hides the list."""
        self._offered = found
        self.clear_options()
        self.add_options([Option(Content(f"{text}  {about}"), id=text) for text, about in found])
        self.display = bool(found)
        if found:
            self.highlighted = 0

    @property
    def chosen(self) -> str:
        """The highlighted one; empty where none is."""
        if not self.display or self.highlighted is None:
            return ""
        return self.get_option_at_index(self.highlighted).id or ""


class Waiting(Static):
    """What will be sent, or replaced, in other ways than usual: texts that were sent while the agent was busy or still
    loading go out once it is free; and the message in whose place Enter puts what is typed."""

    def __init__(self) -> None:
        super().__init__("", id="waiting")
        self._texts: list[str] = []
        self._edited: int | None = None
        self.display = False

    def add(self, text: str) -> None:
        """One more."""
        self._texts.append(text)
        self._draw()

    def take(self) -> str:
        """All of it, as one message; empty where nothing waits. Nothing waits afterwards."""
        text = "\n\n".join(self._texts)
        self._texts.clear()
        self._draw()
        return text

    def edits(self, number: int | None) -> None:
        """Which message is said in other words; None: none is."""
        self._edited = number
        self._draw()

    def _draw(self) -> None:
        lines = []
        if self._edited is not None:
            lines.append(f"Enter puts this in the place of recall:{self._edited} and all after it; Esc leaves it.")
        if self._texts:
            lines.append(f"Sent when the agent is free; Esc takes it back: {one_line(' '.join(self._texts))}")
        self.display = bool(lines)
        self.update(Content("\n".join(lines)))


class Prompt(TextArea):
    """What the user types. Enter sends, Shift+Enter or Ctrl+J makes a line, Up and Down go through what was sent.

    Args:
        menu: where completions are offered.
        id: Textual's.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "send", "Send", priority=False, show=False, id="send"),
        Binding("shift+enter,ctrl+j,alt+enter", "new_line", "New line", show=False, id="new_line"),
    ]

    def __init__(self, menu: Completions, id: str) -> None:  # noqa: A002 - Textual's own name for it
        super().__init__(id=id, compact=True, placeholder="Say something. /help lists commands, @ names a file.")
        self._menu = menu
        self._texts = [""]  # what was sent, as it was left where it was changed since, and last what is new
        self._place = 0  # in them
        self.highlight_cursor_line = False

    def remember(self, sent: Sequence[str]) -> None:
        """What was sent before, oldest first."""
        self._texts = [*sent, ""]
        self._place = len(sent)

    def put(self, text: str) -> None:
        """Replace the text, with the cursor at its end."""
        self.text = text
        self.move_cursor(self.document.end)

    def put_instead(self, text: str) -> None:
        """Replace the text; Up brings back what stood there."""
        self._keep(self.text.strip())
        self.put(text)

    def _keep(self, text: str) -> None:
        if text and self._texts[-2:-1] != [text]:
            self._texts[-1:] = [text, ""]
        self._place = len(self._texts) - 1
        self._texts[-1] = ""

    def action_send(self) -> None:
        """Send the text, unless it is blank."""
        text = self.text.strip()
        if not text:
            return
        self._keep(text)
        self.clear()
        self.post_message(messages.Submitted(text))

    def action_new_line(self) -> None:
        """Begin another line."""
        self.insert("\n")

    async def _on_key(self, event: events.Key) -> None:
        """Keys that mean something else here than in an editor."""
        row = self.wrapped_document.location_to_offset(self.cursor_location).y  # as it is seen
        if self._menu.chosen and event.key in ("tab", "up", "down", "escape"):
            event.stop()
            event.prevent_default()
            self._choose(event.key)
        elif event.key == "enter":
            event.stop()
            event.prevent_default()
            self.action_send()
        elif event.key == "up" and row == 0 and self._place > 0:
            self._recall(-1, event)
        elif event.key == "down" and row == self.wrapped_document.height - 1 and self._place < len(self._texts) - 1:
            self._recall(1, event)
        else:
            await super()._on_key(event)

    def _choose(self, key: str) -> None:
        """Take the completion that is marked, mark another, or have none."""
        if key == "up":
            self._menu.action_cursor_up()
        elif key == "down":
            self._menu.action_cursor_down()
        elif key == "escape":
            self._menu.hide()
        else:
            row, column = self.cursor_location
            begun = completing.last_word(self.document.get_line(row)[:column])
            self.replace(self._menu.chosen, (row, column - len(begun)), (row, column))

    def _recall(self, step: int, event: events.Key) -> None:
        event.stop()
        event.prevent_default()
        self._texts[self._place] = self.text
        self._place += step
        self.put(self._texts[self._place])

    async def _on_paste(self, event: events.Paste) -> None:
        """A text that is too long for a message is offered elsewhere."""
        if len(event.text) > LONG:
            event.stop()
            event.prevent_default()
            self.post_message(messages.LongPaste(event.text))
        else:
            await super()._on_paste(event)

    def on_text_area_changed(self) -> None:
        """Tell what could be completed."""
        row, column = self.cursor_location
        self.post_message(messages.Typed(self.text, completing.last_word(self.document.get_line(row)[:column])))
