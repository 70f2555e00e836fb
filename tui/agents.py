"""Choosing: agents with search, and models. They know names and sizes, nothing of what is said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Footer, Input, OptionList, Static
from textual.widgets.option_list import Option

from memos.printing import size
from memos.tui.text import moment

if TYPE_CHECKING:
    from memos.agents.sessions import ModelChoice, Sessions
    from memos.tui.app import Shell


@dataclass(frozen=True, slots=True)
class Choice:
    """What was chosen, and what shall be done with it: `open`, `rename`, `export` or `delete`."""

    name: str
    what: str = "open"


class AgentList(ModalScreen[Choice | None]):
    """All agents, the last used first. Typing narrows the list; a name that is not in it makes an agent."""

    app: Shell
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f6", "choose('rename')", "Rename", id="agent_rename", priority=True),
        Binding("f7", "choose('export')", "Export", id="agent_export", priority=True),
        Binding("f8", "choose('delete')", "Delete", id="agent_delete", priority=True),
        Binding("down", "move(1)", "Next", show=False, id="agent_next", priority=True),
        Binding("up", "move(-1)", "Previous", show=False, id="agent_previous", priority=True),
        Binding("escape", "leave", "Close", id="agent_close"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._rows: list[tuple[str, str]] = []

    def compose(self) -> ComposeResult:
        """A filter and the list."""
        with Vertical(id="agents"):
            yield Static("Agents", classes="title")
            yield Input(placeholder="Search, or the name of a new agent", id="filter")
            yield OptionList(id="rows")
            yield Footer(compact=True)

    async def on_mount(self) -> None:
        """Read the list in the worker."""

        def read(sessions: Sessions) -> list[tuple[str, str]]:
            rows = []
            for one in sessions.agents():
                last = moment(one.last_at) if one.last_at else "never used"
                rows.append((one.name, f"{one.name:<24} {one.messages:>8,} messages   {last}"))
            return rows

        self.query_one("#filter").focus()
        self._rows = await self.app.from_sessions(read) or []
        self._draw("")

    def on_input_changed(self, event: Input.Changed) -> None:
        """Narrow the list."""
        self._draw(event.value)

    def _draw(self, begun: str) -> None:
        shown = self.query_one("#rows", OptionList)
        shown.clear_options()
        wanted = [(name, row) for name, row in self._rows if begun.strip().casefold() in name.casefold()]
        shown.add_options([Option(Content(row), id=name) for name, row in wanted])
        new = begun.strip()
        if new and all(name.casefold() != new.casefold() for name, _ in self._rows):
            shown.add_option(Option(Content(f"make a new agent: {new}"), id=new))
        if shown.option_count:
            shown.highlighted = 0

    @property
    def _chosen(self) -> str:
        shown = self.query_one("#rows", OptionList)
        if shown.highlighted is None:
            return ""
        return shown.get_option_at_index(shown.highlighted).id or ""

    def on_input_submitted(self) -> None:
        """Open the one that is marked."""
        self.action_choose("open")

    def on_option_list_option_selected(self) -> None:
        """Open it."""
        self.action_choose("open")

    def action_choose(self, what: str) -> None:
        """That one."""
        if self._chosen:
            self.dismiss(Choice(self._chosen, what))

    def action_move(self, step: int) -> None:
        """Another one."""
        shown = self.query_one("#rows", OptionList)
        if step > 0:
            shown.action_cursor_down()
        else:
            shown.action_cursor_up()

    def action_leave(self) -> None:
        """None of them."""
        self.dismiss(None)


class ModelList(ModalScreen[str]):
    """The models that memos knows; one that is not here cannot be chosen, and says how it gets here."""

    app: Shell
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Close", id="model_close")]

    def __init__(self, current: str) -> None:
        super().__init__()
        self._current = current
        self._here: dict[str, bool] = {}

    def compose(self) -> ComposeResult:
        """The list, and a field for a file."""
        with Vertical(id="models"):
            yield Static("Models (Enter opens this agent with it)", classes="title")
            yield OptionList(id="rows")
            yield Input(placeholder="Or the path of a GGUF file", id="file")
            yield Footer(compact=True)

    async def on_mount(self) -> None:
        """Read the list in the worker."""

        def read(sessions: Sessions) -> list[ModelChoice]:
            return sessions.models()

        shown = self.query_one("#rows", OptionList)
        for one in await self.app.from_sessions(read) or []:
            self._here[one.name] = one.here
            mark = "●" if one.name == self._current else " "
            here = "" if one.here else f"   not here: memos models pull {one.name}"
            shown.add_option(Option(Content(f"{mark} {one.name:<24}{size(one.size):>8}{here}"), id=one.name))
        if shown.option_count:
            shown.highlighted = 0
        shown.focus()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Take it, if it is here."""
        name = event.option.id or ""
        if self._here.get(name):
            self.dismiss(name)
        else:
            self.app.notice(f"{name} is not on this machine. Get it with: memos models pull {name}", "warning")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """A file."""
        if event.value.strip():
            self.dismiss(event.value.strip())

    def action_leave(self) -> None:
        """Stay with the one that is open."""
        self.dismiss("")
