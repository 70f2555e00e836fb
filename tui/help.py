"""F1: every command with its keys, made from the registry, and the keys of every screen."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from memos.tui.agents import AgentList
from memos.tui.blocks import BlockEditor
from memos.tui.commands import BY_ID, COMMANDS, ON_A_MESSAGE, Command, keys_of
from memos.tui.memory import MemoryBrowser

TYPING = (
    ("Enter", "sends"),
    ("Shift+Enter, Ctrl+J", "a new line"),
    ("Up, Down", "what was sent"),
    ("Tab", "completes"),
    ('@PATH, @"A PATH"', "attaches a short text; a long one or a folder is read into archival memory"),
    ("Ctrl+P", "the palette"),
    ("Ctrl+C", "copies what was selected with the mouse"),
)
GLYPHS = (
    ("█", "instructions"),
    ("▓", "blocks"),
    ("▒", "summary"),
    ("■", "queue"),
    ("◆", "pages"),
    ("□", "leaves at the next eviction"),
    ("·", "free"),
    ("░", "kept for the reply"),
    ("!", "warning mark"),
    ("‖", "flush mark: what is beyond it pages the oldest turns out"),
)
LEAST = 28  # columns for what is told of a row; where there are fewer, it stands below
GAP = 2


def table(rows: Sequence[Sequence[str]], width: int) -> str:
    """Rows in columns, of which the last is wrapped within itself; where it has no room, it stands below the others.

    Args:
        rows: cells, as many in each.
        width: of the screen, in columns.
    """
    widths = [max(map(len, column)) for column in zip(*(row[:-1] for row in rows), strict=True)]
    indent = sum(size + GAP for size in widths if size)
    lines: list[str] = []
    for *cells, told in rows:
        head = "".join(cell.ljust(size + GAP) for cell, size in zip(cells, widths, strict=True) if size)
        if width - indent >= LEAST:
            lines += textwrap.wrap(told, width, initial_indent=head, subsequent_indent=" " * indent)
        else:
            lines.append("  ".join(filter(None, cells)))
            lines += textwrap.wrap(told, max(width, LEAST // 2), initial_indent="    ", subsequent_indent="    ")
    return "\n".join(lines)


class Table(Static):
    """Rows, to the width that there is."""

    def __init__(self, rows: Iterable[Sequence[str]]) -> None:
        super().__init__()
        self._rows = list(rows)

    def on_resize(self) -> None:
        """Lay them out anew."""
        self.update(Content(table(self._rows, self.size.width)))


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
        """A part for each place in which keys mean something."""
        with VerticalScroll(id="help"):
            yield Static("Keys and commands", classes="title")
            yield Table(self._row(command) for command in COMMANDS)
            yield Static("On a message (Tab or a click gives it the focus)", classes="title")
            yield Table(self._row(command)[::2] for command in ON_A_MESSAGE)
            yield Static("Typing", classes="title")
            yield Table(TYPING)
            for screen, where in ((MemoryBrowser, "memory"), (BlockEditor, "blocks"), (AgentList, "agents")):
                yield Static(f"In {BY_ID[where].title} ({keys_of(BY_ID[where], self._keymap)})", classes="title")
                yield Table(self._keys_in(screen.BINDINGS))
            yield Static("The map", classes="title")
            yield Table(GLYPHS)
            yield Static(
                Content('Keys are remapped in settings.toml: [keys], then e.g. panel = "ctrl+g". Esc closes this.'),
                classes="hint",
            )

    def _row(self, command: Command) -> tuple[str, str, str]:
        slash = f"/{command.id} {command.argument}".rstrip() if command.slash else ""
        return keys_of(command, self._keymap), slash, command.help

    def _keys_in(self, keys: Iterable[BindingType]) -> list[tuple[str, str]]:
        """The keys of a screen, without those that every list has."""
        shown = [one for one in keys if isinstance(one, Binding) and one.show]
        return [
            (keys_of(Command(one.id or "", "", "", one.key), self._keymap), one.tooltip or one.description)
            for one in shown
        ]

    def action_leave(self) -> None:
        """Close."""
        self.dismiss(None)
