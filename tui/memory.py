"""The memory browser: messages, notes and documents, with scores, sources and dates; and what can be done with each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Footer, Input, OptionList, Static
from textual.widgets.option_list import Option

from memos.errors import MemosError
from memos.tui import messages
from memos.tui.dialogs import Confirm
from memos.tui.text import moment, one_line, speaker

if TYPE_CHECKING:
    from memos.agents import Agent
    from memos.tui.app import Shell

PAGE = 50  # results at a time


@dataclass(frozen=True, slots=True)
class Hit:
    """A line of the browser.

    Args:
        pointer: `recall:7` or `archival:7`.
        source: who said it, or which document it is from.
        text: of it.
        when: it was stored.
        score: of the search; 0 where one only browses.
    """

    pointer: str
    source: str
    text: str
    when: datetime
    score: float

    @property
    def line(self) -> str:
        """One line for the list."""
        score = f"{self.score:5.2f} " if self.score else ""
        return f"{score}{moment(self.when)} {self.pointer} {one_line(self.source, 30)}: {one_line(self.text)}"


def look_up(agent: Agent, query: str, where: str, offset: int = 0) -> tuple[list[Hit], int]:
    """A page of what an agent remembers, best first; newest first without a query.

    Args:
        agent: whose memory.
        query: words.
        where: `recall` or `archival`.
        offset: how many of the best to skip.

    Returns:
        The hits, and how many there are in all.
    """
    if where == "recall":
        said = agent.recall.search(query, limit=PAGE, offset=offset)
        return [
            Hit(f"recall:{one.id}", speaker(one, agent.name), one.content, one.created_at, score)
            for one, score in zip(said.items, said.scores, strict=True)
        ], said.total
    kept = agent.archival.search(query, limit=PAGE, offset=offset)
    hits = []
    for one, score in zip(kept.items, kept.scores, strict=True):
        source = " > ".join(part for part in (one.source, one.location) if part)
        hits.append(Hit(f"archival:{one.id}", source or "note", one.text, one.created_at, score))
    return hits, kept.total


def _key(key: str, action: str, title: str, told: str) -> Binding:
    """A key of the browser; the footer shows its title, F1 what is told of it."""
    return Binding(key, action, title, id=f"memory_{action}", priority=True, tooltip=told)


class MemoryBrowser(ModalScreen[None]):
    """Searches and browses what the agent that is open remembers.

    Args:
        query: to begin with.
    """

    app: Shell
    BINDINGS: ClassVar[list[BindingType]] = [
        _key("f6", "switch", "Messages/archive", "Messages, or notes and documents."),
        _key("f7", "pin", "Pin", "Keep it in view for good, or let it go."),
        _key("f8", "page_in", "Page in", "Put it into view now."),
        _key("f9", "forget", "Forget", "Destroy its words for good."),
        _key("f10", "more", "More", "Show more results."),
        Binding("down", "list", "Results", show=False, id="memory_list"),
        Binding("escape", "leave", "Close", id="memory_close"),
    ]

    def __init__(self, query: str = "") -> None:
        super().__init__()
        self._query, self._where = query, "recall"
        self._hits: list[Hit] = []
        self._total = 0

    def compose(self) -> ComposeResult:
        """Query above, results below, and the whole text of the one that is looked at."""
        with Vertical(id="memory"):
            with Horizontal(id="search"):
                yield Input(self._query, placeholder="Words to search for; empty: newest first", id="query")
                yield Button("messages", id="where", compact=True)
            yield Static("", id="found", classes="title")
            yield OptionList(id="hits", compact=True)
            with VerticalScroll(id="whole"):
                yield Static("", id="text")
            yield Footer(compact=True)

    def on_mount(self) -> None:
        """Begin."""
        self.query_one("#query").focus()
        self._search()

    def on_input_changed(self) -> None:
        """Search while one types."""
        self._search()

    @work(exclusive=True, group="search")
    async def _search(self, offset: int = 0) -> None:
        query, where = self.query_one("#query", Input).value, self._where
        try:
            hits, total = await self.app.session.read(lambda agent: look_up(agent, query, where, offset))
        except MemosError as error:
            self.query_one("#found", Static).update(Content(str(error)))
            return
        self._hits, self._total = (self._hits[:offset] + hits), total
        self._draw(offset)

    def _draw(self, keep: int = 0) -> None:
        pins = self.app.session.agent.memory.pins if self.app.session.agent else ()
        shown = self.query_one("#hits", OptionList)
        shown.clear_options()
        shown.add_options([Option(Content(self._line(hit, pins))) for hit in self._hits])
        what = "messages" if self._where == "recall" else "notes and passages"
        more = ", F10 shows more" if len(self._hits) < self._total else ""
        self.query_one("#found", Static).update(Content(f"{len(self._hits)} of {self._total:,} {what}{more}"))
        self.query_one("#where", Button).label = "messages" if self._where == "recall" else "archive"
        if self._hits:
            shown.highlighted = min(keep, len(self._hits) - 1)
        else:
            self.query_one("#text", Static).update(Content("Nothing found; try other words."))

    def _line(self, hit: Hit, pins: Sequence[str]) -> str:
        return f"{'⚑ ' if hit.pointer in pins else ''}{hit.line}"

    @property
    def _chosen(self) -> Hit | None:
        place = self.query_one("#hits", OptionList).highlighted
        return self._hits[place] if place is not None and place < len(self._hits) else None

    def on_option_list_option_highlighted(self) -> None:
        """Show the whole of it."""
        hit = self._chosen
        if hit is not None:
            told = f"{hit.pointer} · {hit.source} · {moment(hit.when)}\n\n{hit.text}"
            self.query_one("#text", Static).update(Content(told))

    def on_option_list_option_selected(self) -> None:
        """Go to a message in the conversation."""
        hit = self._chosen
        if hit is not None and hit.pointer.startswith("recall:"):
            self.dismiss(None)
            self.app.post_message(messages.JumpTo(int(hit.pointer.removeprefix("recall:"))))

    def on_input_submitted(self) -> None:
        """On to the results."""
        self.action_list()

    def on_button_pressed(self) -> None:
        """The other place."""
        self.action_switch()

    def action_list(self) -> None:
        """From the query to the results."""
        self.query_one("#hits").focus()

    def action_switch(self) -> None:
        """Messages, or notes and documents."""
        self._where = "archival" if self._where == "recall" else "recall"
        self._search()

    def action_more(self) -> None:
        """The next page."""
        if len(self._hits) < self._total:
            self._search(len(self._hits))

    async def action_pin(self) -> None:
        """Keep it in view for good, or let it go."""
        if (hit := self._chosen) is not None:
            agent = self.app.session.agent
            pinned = agent is not None and hit.pointer in agent.memory.pins
            await self.app.change_memory("unpin" if pinned else "pin", hit.pointer)
            self._draw(self.query_one("#hits", OptionList).highlighted or 0)

    async def action_page_in(self) -> None:
        """Put it into view now."""
        if (hit := self._chosen) is not None:
            await self.app.change_memory("page_in", hit.pointer)

    @work
    async def action_forget(self) -> None:
        """Destroy its words, after a question."""
        hit = self._chosen
        if hit is None:
            return
        question = f"Forget {hit.pointer} for good? This cannot be undone.\n\n{one_line(hit.text)}"
        if await self.app.push_screen_wait(Confirm(question, "Forget", "Keep")):
            await self.app.change_memory("forget", hit.pointer)
            self._search()

    def action_leave(self) -> None:
        """Close."""
        self.dismiss(None)
