"""The status line: who is open, what is waited for, pressure, speed, and what this turn cost.

Adds up what the steps of a turn evaluated and reused. It does not know where events come from.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.content import Content
from textual.widgets import Static

from memos import events
from memos.events import Event

if TYPE_CHECKING:
    from memos.context_map import ContextMap

WIDTH = 10  # cells of the pressure bar


@dataclass
class Turn:
    """What a turn has cost so far.

    Args:
        evaluated: prompt tokens that were read.
        reused: prompt tokens that were resident.
        pieces: of speech; one is a token, but for characters that span several, or a word of a sentence.
        first: of these, how many came at once.
        began: when the first came, in seconds.
        ended: when the last came.
    """

    evaluated: int = 0
    reused: int = 0
    pieces: int = 0
    first: int = 0
    began: float = 0.0
    ended: float = 0.0

    def add(self, event: Event, now: float) -> None:
        """Take an event into account; `now` in seconds."""
        match event:
            case events.MessageStored():
                self.evaluated = self.reused = self.pieces = 0
                self.began = self.ended = now
            case events.SpeechDelta(text=text):
                new = max(1, len(text.split()))  # a part of a word, or a sentence
                if not self.pieces:
                    self.began, self.first = now, new
                self.ended = now
                self.pieces += new
            case events.Step(evaluated=evaluated, reused=reused):
                self.evaluated += evaluated
                self.reused = max(self.reused, reused)

    @property
    def speed(self) -> float:
        """Tokens spoken a second, words where a sentence is said at once; 0 before there are two."""
        return (self.pieces - self.first) / (self.ended - self.began) if self.ended > self.began else 0.0


def bar(pressure: float, warning: float) -> str:
    """Pressure as a bar with the warning mark in it; `!` where it is passed, so that no colour is needed."""
    full = min(WIDTH, round(pressure * WIDTH))
    mark = round(warning * WIDTH)
    drawn = ["━" if index < full else "╌" for index in range(WIDTH)]
    if full <= mark < WIDTH:
        drawn[mark] = "┊"
    return "".join(drawn) + ("!" if pressure >= warning else "")


class Status(Static):
    """One line at the bottom."""

    def __init__(self, id: str) -> None:  # noqa: A002 - Textual's own name for it
        super().__init__("", id=id)
        self.turn = Turn()
        self._who = self._doing = self._moved = ""
        self._view: ContextMap | None = None

    def who(self, agent: str, model: str) -> None:
        """Which agent is open, on which model."""
        self._who = f"{agent} · {model}"
        self.draw()

    def doing(self, what: str) -> None:
        """What is waited for; empty: nothing."""
        if what != self._doing:
            self._doing = what
            self.draw()

    def moved(self, what: str) -> None:
        """What moved the prefix in this turn; empty: nothing."""
        self._moved = what
        self.draw()

    def window(self, view: ContextMap) -> None:
        """What the window is like."""
        self._view = view
        self.draw()

    def draw(self) -> None:
        """Draw the line; what matters most comes first, since a narrow terminal cuts the rest."""
        parts: list[Content | tuple[str, str]] = []
        if self._doing:
            parts += [(f"◌ {self._doing}", "bold"), ("  ", "")]
        if self._view is not None:
            warning = self._view.warning / self._view.usable
            style = "$error" if self._view.pressure >= warning else ""
            parts.append((f"{self._view.pressure:.0%} {bar(self._view.pressure, warning)}", style))
        parts.append((f"  {self._who}", ""))
        turn = self.turn
        if turn.speed:
            parts.append((f"  {turn.speed:.0f} tok/s", ""))
        if turn.evaluated or turn.reused:
            parts.append((f"  read {turn.evaluated:,}, reused {turn.reused:,}", ""))
        if self._moved:
            parts.append((f"  ~ {self._moved}", ""))
        self.update(Content.assemble(*parts))
