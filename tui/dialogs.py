"""Small questions over the screen: a line of text, yes or no. They know nothing of agents."""

from __future__ import annotations

from time import monotonic
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Static

# Seconds without a key before a dialog that nobody called for takes one, as browsers wait with theirs.
SETTLE = 0.7


class Ask(ModalScreen[str]):
    """Asks for a line; Esc gives an empty one.

    Args:
        question: what.
        value: what stands there already.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Cancel", id="ask_cancel")]

    def __init__(self, question: str, value: str = "") -> None:
        super().__init__(classes="dialog")
        self._question, self._value = question, value

    def compose(self) -> ComposeResult:
        """The question and an input."""
        with Vertical():
            yield Static(Content(self._question))
            yield Input(self._value, id="answer")
            yield Static("Enter: go on · Esc: cancel", classes="hint")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """That is it."""
        event.stop()
        self.dismiss(event.value.strip())

    def action_leave(self) -> None:
        """Nothing is wanted."""
        self.dismiss("")


class Confirm(ModalScreen[bool]):
    """Asks before something that cannot be undone, or is large.

    Args:
        question: a sentence.
        yes: the button that does it.
        no: the other.
        unasked: it opens by itself, so whoever is typing then does not answer it: a key counts once none came for
            `SETTLE` seconds. Esc and the mouse count at once.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,n", "answer(False)", "No", id="confirm_no"),
        Binding("y", "answer(True)", "Yes", id="confirm_yes"),
    ]

    def __init__(self, question: str, yes: str = "Yes", no: str = "No", *, unasked: bool = False) -> None:
        super().__init__(classes="dialog")
        self._question, self._yes, self._no = question, yes, no
        self._unasked = unasked
        self._last_key = monotonic()

    def compose(self) -> ComposeResult:
        """The question and two buttons."""
        with VerticalScroll():
            yield Static(Content(self._question))
            with Horizontal():
                yield Button(f"{self._yes} (y)", id="yes", variant="primary")
                yield Button(f"{self._no} (n)", id="no")

    def on_mount(self) -> None:
        """The harmless answer has the focus."""
        self.query_one("#no").focus()

    def on_key(self, event: events.Key) -> None:
        """Before the bindings have it: what was meant for the input below is no answer."""
        now = monotonic()
        if self._unasked and event.key != "escape" and now - self._last_key < SETTLE:
            event.stop()
        self._last_key = now

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """One of the two."""
        event.stop()
        self.dismiss(event.button.id == "yes")

    def action_answer(self, yes: bool) -> None:
        """By a key."""
        self.dismiss(yes)
