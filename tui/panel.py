"""The memory panel: the window to token scale, and the paging timeline.

Owns how a context map is drawn: a glyph a segment, so that no colour alone carries meaning. It does not know where the
numbers come from.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from memos.tui import messages
from memos.tui.text import moment

if TYPE_CHECKING:
    from memos.context_map import ContextMap, Segment

FREE, RESERVE = "·", "░"
# Glyph, style and name of what a segment is.
LOOKS = {
    "instructions": ("█", "$text-muted", "instructions"),
    "block": ("▓", "$primary", "blocks"),
    "summary": ("▒", "$text-secondary", "summary"),
    "page": ("◆", "$accent", "pages"),
    "leaves": ("□", "$text-disabled", "leaves next"),
    "queue": ("■", "$success", "queue"),
}
MAP_ROWS = 6


def look_of(segment: Segment) -> str:
    """What a segment is drawn as: a key of `LOOKS`."""
    name = segment.name.split()[0]
    if name in ("instructions", "block", "summary"):
        return name
    if segment.leaves:
        return "leaves"
    return "page" if name == "page" else "queue"


def cells(view: ContextMap, count: int) -> list[str]:
    """The window as `count` cells, each the key of a look, `free`, `reserve`, or a mark's: `warning`, `flush`.

    A cell shows what stands at its middle token; a segment that has tokens but no middle gets the cell of its start,
    so that nothing in view is invisible.
    """
    scale = view.window / count
    drawn = ["free"] * count
    for index in range(count):
        token = int((index + 0.5) * scale)
        if token >= view.usable:
            drawn[index] = "reserve"
        elif (segment := view.at(token)) is not None:
            drawn[index] = look_of(segment)
    for segment in view.segments:
        place = min(count - 1, int(segment.start / scale))
        small = segment.tokens and segment.tokens < scale
        if small and look_of(segment) not in drawn[max(0, place - 1) : place + 2]:
            drawn[place] = look_of(segment)
    drawn[min(count - 1, int(view.warning / scale))] = "warning"
    drawn[min(count - 1, int(view.usable / scale))] = "flush"
    return drawn


def strip(drawn: Iterable[str]) -> Content:
    """Cells as a coloured text."""
    looks = {
        **{key: look[:2] for key, look in LOOKS.items()},
        "free": (FREE, "$text-disabled"),
        "reserve": (RESERVE, "$text-disabled"),
        "warning": ("!", "bold $warning"),
        "flush": ("‖", "bold $error"),
    }
    return Content.assemble(*(looks[cell] for cell in drawn))


class MapStrip(Static):
    """The window in one line, for where there is no room for the panel."""

    view: ContextMap | None = None

    def show(self, view: ContextMap) -> None:
        """Draw a map."""
        self.view = view
        self.refresh_line()

    def refresh_line(self) -> None:
        """Draw it to the width there is."""
        if self.view is not None and self.size.width > 8:
            self.update(strip(cells(self.view, self.size.width)))

    def on_resize(self) -> None:
        """Draw it anew."""
        self.refresh_line()


class MemoryPanel(Vertical):
    """Map, legend and timeline."""

    view: ContextMap | None = None

    def compose(self) -> ComposeResult:
        """Three parts, from the top."""
        yield Static("Window", classes="title")
        yield Static("", id="map")
        yield Static("", id="legend")
        yield Static("Paging", classes="title")
        yield Timeline(id="timeline", compact=True)

    def show(self, view: ContextMap) -> None:
        """Draw a map."""
        self.view = view
        self.redraw()

    def redraw(self) -> None:
        """Draw it to the width there is."""
        width, high = self.query_one("#map").size.width, self.size.height
        if self.view is None or width < 8:
            return
        count = MAP_ROWS if high >= 2 * MAP_ROWS + len(LOOKS) + 4 else MAP_ROWS // 2
        drawn = cells(self.view, width * count)
        rows = [strip(drawn[row * width : (row + 1) * width]) for row in range(count)]
        self.query_one("#map", Static).update(Content("\n").join(rows))
        self.query_one("#legend", Static).update(legend(self.view))

    def on_resize(self) -> None:
        """Draw it anew."""
        self.redraw()

    def on_descendant_focus(self) -> None:
        """Where there is little room, the timeline has all of it now."""
        self.add_class("in-timeline")

    def on_descendant_blur(self) -> None:
        """The map is back."""
        self.remove_class("in-timeline")


def legend(view: ContextMap) -> Content:
    """What each glyph is, and its tokens."""
    counts = dict.fromkeys(LOOKS, 0)
    for segment in view.segments:
        counts[look_of(segment)] += segment.tokens
    shown = [(glyph, style, name, counts[key]) for key, (glyph, style, name) in LOOKS.items()]
    shown.append((FREE, "$text-disabled", "free", max(0, view.usable - view.used)))
    shown.append((RESERVE, "$text-disabled", "for the reply", view.reserved))
    entries = [Content.assemble((glyph, style), f" {name:<13}{count:>6,}") for glyph, style, name, count in shown]
    half = (len(entries) + 1) // 2
    lines = [Content("  ").join(pair) for pair in zip(entries[:half], entries[half:], strict=True)]
    marks = f" warning at {view.warning:,}, "
    lines.append(Content.assemble(("!", "bold $warning"), marks, ("‖", "bold $error"), f" flush at {view.usable:,}"))
    return Content("\n").join(lines)


class Timeline(OptionList):
    """What was paged, an event a line; Enter jumps to the message."""

    def add(self, line: str, message_id: int, when: datetime | None) -> None:
        """Add a line.

        Args:
            line: what happened.
            message_id: that it is about; 0: none.
            when: it happened; None: not known.
        """
        at_end = self.highlighted is None or self.highlighted >= self.option_count - 1
        prefix = f"{moment(when)} " if when is not None else ""
        self.add_option(Option(Content(f"{prefix}{line}"), id=f"{self.option_count}-{message_id}"))
        if at_end and not self.has_focus:
            self.highlighted = self.option_count - 1

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Jump to the message that the line is about."""
        event.stop()
        number = int((event.option.id or "0-0").split("-")[1])
        if number:
            self.post_message(messages.JumpTo(number))
