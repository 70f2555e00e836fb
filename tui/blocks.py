"""The block editor: what the assistant always has in view, with its limit, its history, and undo."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Footer, OptionList, Static, TextArea
from textual.widgets.option_list import Option

from memos.errors import MemosError
from memos.messages import BlockChange
from memos.tui.text import moment, one_line

if TYPE_CHECKING:
    from memos.agents import Agent
    from memos.events import Event
    from memos.messages import Block
    from memos.tui.app import Shell


class BlockEditor(ModalScreen[None]):
    """Edits the blocks of the agent that is open."""

    app: Shell
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "save", "Save", id="block_save", priority=True),
        Binding("f6", "undo", "Undo last change", id="block_undo", priority=True),
        Binding("escape", "leave", "Close", id="block_close"),
    ]

    def __init__(self, agent: Agent) -> None:
        super().__init__()
        self._agent = agent
        self._labels = list(agent.blocks)
        self._label = self._labels[0]
        self._loaded = ""  # the block's text when it came into the editor
        self._changes: list[BlockChange] = []

    def compose(self) -> ComposeResult:
        """Blocks on the left; the text, its size and its history on the right."""
        with Vertical(id="blocks"):
            yield Static("Blocks: what the assistant always has in view", classes="title")
            with Horizontal():
                yield OptionList(*[Option(Content(label), id=label) for label in self._labels], id="labels")
                with Vertical(id="block"):
                    yield TextArea(id="text", soft_wrap=True)
                    yield Static("", id="size")
                    yield Static("Former texts (Enter brings one back into the editor)", classes="title")
                    yield OptionList(id="changes", compact=True)
            yield Footer(compact=True)

    def on_mount(self) -> None:
        """Begin with the first block."""
        self._show(self._label)
        self.query_one("#text").focus()

    @property
    def _block(self) -> Block:
        return self._agent.blocks[self._label]

    @property
    def _typed(self) -> str:
        return self.query_one("#text", TextArea).text

    def _show_anew(self) -> None:
        """Show the block as it is now; what was typed and is not in it is offered like a former text."""
        typed = BlockChange(self._typed, "you, not saved", datetime.now(UTC))
        self._show(self._label, *([] if typed.former in (self._loaded, self._block.text) else [typed]))

    def _show(self, label: str, *unsaved: BlockChange) -> None:
        self._label, self._loaded = label, self._agent.blocks[label].text
        self._put(self._loaded)
        self._measure()
        self._list(label, *unsaved)

    @work(exclusive=True)
    async def _list(self, label: str, *unsaved: BlockChange) -> None:
        """What the block was before, the newest first."""
        try:
            changes = await self.app.session.read(lambda agent: agent.blocks.changes(label))
        except MemosError as error:
            self.app.notice(str(error), "error")
            changes = []
        self._changes = [*changes, *unsaved]
        history = self.query_one("#changes", OptionList)
        history.clear_options()
        for number, change in reversed(list(enumerate(self._changes))):
            line = f"until {moment(change.at)}, by {change.by}: {one_line(change.former, 80) or '(empty)'}"
            history.add_option(Option(Content(line), id=str(number)))

    def _put(self, text: str) -> None:
        """Into the editor, with the cursor where one goes on writing."""
        editor = self.query_one("#text", TextArea)
        editor.text = text
        editor.move_cursor(editor.document.end)

    def _measure(self) -> None:
        text, block = self._typed, self._block
        used = self._agent.blocks.size(text)
        over = f" · {used - block.limit} over: it cannot be saved" if used > block.limit else ""
        saved = "" if text == self._loaded else " · not saved"
        told = f"{used} of {block.limit} tokens{over}{saved} · {block.description}"
        size = self.query_one("#size", Static)
        size.update(Content(told))
        size.set_class(used > block.limit, "failed")

    def on_text_area_changed(self) -> None:
        """The size has changed."""
        self._measure()

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        """Another block is looked at, unless an edit would be lost."""
        if event.option_list.id != "labels" or event.option.id in (None, self._label):
            return
        if self._typed != self._loaded:
            self.app.notice(f"Block {self._label} has changes: Ctrl+S saves them, Esc drops them.", "warning")
            event.option_list.highlighted = self._labels.index(self._label)
            return
        assert event.option.id is not None
        self._show(event.option.id)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """A former text comes back into the editor; saving it is another step."""
        if event.option_list.id == "changes" and event.option.id is not None:
            self._put(self._changes[int(event.option.id)].former)
            self.query_one("#text").focus()

    async def action_save(self) -> None:
        """Save the text; the assistant is told at once. What has changed meanwhile is never written over."""
        text, label = self._typed, self._label
        if self._block.text != self._loaded and not self.app.session.busy:  # while it is, nothing is saved
            self._show_anew()
            told = "was changed meanwhile and is shown as it is now; your text is below, as the newest former one."
            self.app.notice(f"Block {label} {told}", "warning")
            return
        await self._change(lambda agent: agent.blocks.edit(label, text), f"Block {label} is saved.")

    async def action_undo(self) -> None:
        """Take the last change back."""
        label = self._label
        await self._change(lambda agent: agent.blocks.undo(label), f"The last change of {label} is taken back.")

    async def _change(self, edit: Callable[[Agent], Iterable[Event]], told: str) -> None:
        try:
            await self.app.session.change(edit)
        except MemosError as error:
            self.app.notice(str(error), "error")
            return
        self._show_anew()
        self.app.notice(told)

    def action_leave(self) -> None:
        """Close; what is not saved is dropped."""
        self.dismiss(None)
