"""Showing: what is put into view behind the message of a turn, as a page of memory or a word to the model.

Whatever comes into view needs room that other things must leave, and what the turn before brought is near enough to be
pointed at. Owns how that is put there. It does not know what is worth showing, nor how pages are laid out.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence

from memos import prompts
from memos.events import Event, PagedIn
from memos.messages import Kind
from memos.pager import POINTER
from memos.policy import KernelSettings
from memos.queue_manager import QueueManager

Line = tuple[float, str]  # how sure it is, and the line
LayOut = Callable[[Sequence[Line], int], str]  # of lines and tokens; empty where these do not suffice


class Showing:
    """Puts things into view for one agent.

    Args:
        queue: where they go.
        policy: the room that is left for an answer.
    """

    def __init__(self, queue: QueueManager, policy: KernelSettings) -> None:
        self._queue, self._policy = queue, policy

    def tell(self, line: str, turn: int, cancelled: Callable[[], bool]) -> Generator[Event, None, None]:
        """Tell the model something behind the message of a turn, if there is room for it.

        Args:
            line: what it is told.
            turn: the turn's number.
            cancelled: asked while room is made; nothing is told any more then.
        """
        needed = self._queue.cost(Kind.ALERT, line) + self._policy.step_room
        yield from self._queue.make_room(needed, keep_turn=turn, cancelled=cancelled)
        if needed <= self._queue.context.free and not cancelled():
            self._queue.append(Kind.ALERT, line, turn=turn)

    def page(
        self, lines: Sequence[Line], lay_out: LayOut, most: int, turn: int, cancelled: Callable[[], bool]
    ) -> Generator[Event, None, bool]:
        """Put a page of memory behind the message of a turn.

        Args:
            lines: what it shows, each with how sure it is.
            lay_out: makes it of these.
            most: tokens that it may have.
            turn: the turn's number.
            cancelled: asked while room is made; nothing is shown any more then.

        Returns:
            Whether there is one.
        """
        if not lines:
            return False
        room = self._policy.step_room
        yield from self._queue.make_room(most + room, keep_turn=turn, cancelled=cancelled)
        if cancelled():
            return False
        page = lay_out(self._unrepeated(lines, turn), min(most, self._queue.context.free - room))
        if not page:
            return False
        stored = self._queue.append(Kind.PAGE, page, turn=turn)
        size = len(self._queue.context.entries[-1].tokens)
        yield PagedIn(stored.id, tuple(POINTER.findall(page)), size)
        return True

    def _unrepeated(self, lines: Sequence[Line], turn: int) -> list[Line]:
        """Lines, those that stand on the page of the turn before replaced by a word on where they stand.

        What stands farther up is shown again: a small model answers from what is near the question.
        """
        near = {
            pointer
            for page in self._queue.pages(turn - 1)
            for pointer in POINTER.findall(page.content)
            if prompts.above(pointer) not in page.content
        }
        found = ((sure, line, POINTER.search(line)) for sure, line in lines)
        return [
            (sure, prompts.above(pointer[0]) if pointer and pointer[0] in near else line)
            for sure, line, pointer in found
        ]
