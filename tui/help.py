"""F1: every command with its keys, made from the registry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from memos.tui.commands import COMMANDS, ON_A_MESSAGE, Command, keys_of

GLYPHS = """\
█ instructions  ▓ blocks  ▒ summary  ■ queue  ◆ pages  □ leaves at the next eviction  · free  ░ kept for the reply
!  warning mark   ‖  flush mark: what is beyond it pages the oldest turns out"""


class Help(ModalScreen[None]):
    """Keys and commands.

    Args:
        keymap: keys that the settings give, by command.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,f1,q", "leave", "Close", id="help_close")]

    def __init__(self, keymap: Mapping[str, str]) -> None:
        super().__init__(classes="dialog")
        self._keymap = keymap

    def compose(self) -> ComposeResult:
        """Three parts."""
        with VerticalScroll(id="help"):
            yield Static("Keys and commands", classes="title")
            yield Static(Content("\n".join(self._line(command) for command in COMMANDS)))
            yield Static("On a message (Tab or a click gives it the focus)", classes="title")
            yield Static(Content("\n".join(self._line(command) for command in ON_A_MESSAGE)))
            yield Static("Typing", classes="title")
            yield Static(
                Content(
                    "Enter sends · Shift+Enter or Ctrl+J: a new line · Up, Down: what was sent · Tab completes\n"
                    '@PATH or @"A PATH" attaches a short text; a long one or a folder is read into archival memory\n'
                    "Ctrl+P: the palette · drag with the mouse and Ctrl+C: copy a selection"
                )
            )
            yield Static("The map", classes="title")
            yield Static(Content(GLYPHS))
            yield Static(
                Content('Keys are remapped in settings.toml: [keys], then e.g. panel = "ctrl+g". Esc closes this.'),
                classes="hint",
            )

    def _line(self, command: Command) -> str:
        slash = f"/{command.id} {command.argument}".rstrip() if command.slash else ""
        return f"{keys_of(command, self._keymap):<18}{slash:<22}{command.help}"

    def action_leave(self) -> None:
        """Close."""
        self.dismiss(None)
