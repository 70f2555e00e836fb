"""Memory by hand, as a part of the Python API: `agent.blocks` and `agent.memory`.

Joins what storage and kernel each do of one operation, so that it happens as a whole. It holds no state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from memos.errors import BlockError, InputError
from memos.events import Event, Notice
from memos.kernel import Kernel
from memos.messages import Block, BlockChange, Kind, Passage, pointed
from memos.working_context import undoable

if TYPE_CHECKING:
    from memos.storage.database import AgentStorage

Alone = Callable[[Callable[[], Iterable[Event]]], tuple[Event, ...]]


class Blocks(Mapping[str, Block]):
    """The working context, by label. Assigning text edits a block by hand; the model is told at once.

    Args:
        kernel: of the agent.
        stored: what is stored of it.
        alone: runs something while no turn does, and gives its events.
    """

    def __init__(self, kernel: Kernel, stored: AgentStorage, alone: Alone) -> None:
        self._kernel, self._stored, self._alone = kernel, stored, alone

    def __getitem__(self, label: str) -> Block:
        return self._kernel.working[label]

    def __setitem__(self, label: str, text: str) -> None:
        self.edit(label, text)

    def __contains__(self, label: object) -> bool:
        return label in list(self)

    def get(self, label: str, default: Any = None, /) -> Any:
        """A block, or something else where there is none of this label."""
        return next((block for block in self._kernel.working.blocks if block.label == label), default)

    def __iter__(self) -> Iterator[str]:
        return iter(block.label for block in self._kernel.working.blocks)

    def __len__(self) -> int:
        return len(self._kernel.working.blocks)

    def edit(self, label: str, text: str) -> tuple[Event, ...]:
        """Set a block's text by hand.

        Raises:
            BlockError: no such block, or over its limit; nothing is changed.
        """
        return self._alone(lambda: self._kernel.by_hand.edit_block(label, text))

    def size(self, text: str) -> int:
        """Tokens of a text, as a block's limit counts them."""
        return self._kernel.working.count(text)

    def changes(self, label: str) -> list[BlockChange]:
        """Former texts of a block, oldest first, with who changed them and when."""
        return self._stored.history.block_changes(label)

    def undo(self, label: str) -> tuple[Event, ...]:
        """Take the last change of a block back; called again, the one before it.

        Raises:
            BlockError: there is nothing to take back.
        """
        former, now = undoable(self.changes(label)), self[label].text
        while former and former[-1] == now:  # what was forgotten is gone from both: to go back to that changes nothing
            former.pop()
        if not former:
            raise BlockError(f"Block {self._kernel.working[label].label!r} was never changed.")
        return self._alone(lambda: self._kernel.by_hand.edit_block(label, former[-1], by="undo"))


class HandMemory:
    """What is in view, and what is kept: `agent.memory`.

    Pointers are those of search results, `recall:7` or `archival:7`.

    Args:
        kernel: of the agent.
        stored: what is stored of it.
        alone: runs something while no turn does, and gives its events.
    """

    def __init__(self, kernel: Kernel, stored: AgentStorage, alone: Alone) -> None:
        self._kernel, self._stored, self._alone = kernel, stored, alone

    @property
    def notes(self) -> tuple[Passage, ...]:
        """All that is noted, oldest first; not the documents."""
        return tuple(self._stored.archival.notes())

    def page_in(self, pointer: str) -> tuple[Event, ...]:
        """Put a message or a passage into view now; it leaves again like any other.

        Raises:
            InputError: there is no such thing.
        """
        return self._alone(lambda: self._kernel.by_hand.page_in(pointer))

    def pin(self, pointer: str) -> tuple[Event, ...]:
        """Keep a message or a passage in view for good, in block `pinned`.

        Raises:
            InputError: there is no such thing.
            BlockError: block `pinned` is full; nothing is changed.
        """
        return self._alone(lambda: self._kernel.by_hand.pin(pointer))

    def unpin(self, pointer: str) -> tuple[Event, ...]:
        """Let a pinned thing go.

        Raises:
            InputError: it is not pinned.
        """
        return self._alone(lambda: self._kernel.by_hand.unpin(pointer))

    @property
    def pins(self) -> tuple[str, ...]:
        """Pointers of what is pinned."""
        return self._kernel.by_hand.pins

    def hide(self, message_id: int) -> tuple[Event, ...]:
        """Take a message out of view without losing its place; nothing is read again.

        Raises:
            ToolError: it is not in view.
        """
        queue = self._kernel.queue
        return self._alone(lambda: queue.hiding.hide(queue.context, message_id))

    def restore(self, message_id: int) -> tuple[Event, ...]:
        """Bring a hidden message back.

        Raises:
            ToolError: it is not hidden, or there is no room for it.
        """
        queue = self._kernel.queue
        return self._alone(lambda: queue.hiding.restore(queue.context, message_id))

    def forget(self, pointer: str) -> tuple[Event, ...]:
        """Destroy the words of a message, or a note, for good: in storage, in view, and where a page, a note, a pin or
        a line of a block quotes it.

        A summary that was made of them may still tell; the last event says so where there is one.

        Raises:
            InputError: there is no such thing, or it cannot be forgotten.
        """
        named = pointed(pointer)
        if named is None:
            raise InputError(f"{pointer!r} names nothing; write recall:NUMBER or archival:NUMBER.")
        return self._alone(lambda: self._forget(*named))

    def _forget(self, where: str, number: int) -> Iterator[Event]:
        stored = self._stored
        if where == "recall":
            message = stored.recall.get(number)
            if message is None or message.kind is Kind.CALL:
                raise InputError(f"recall:{number} cannot be forgotten: there is no such message, or it is a call.")
            changed = stored.history.forget_message(number)
        else:
            passage = stored.archival.get(number)
            if passage is None or passage.source:
                raise InputError(f"archival:{number} is no note; remove a document as a whole.")
            changed = stored.history.forget_note(number)
        yield from self._kernel.by_hand.forgotten(changed)
        if stored.state.summary():
            yield Notice(f"{where}:{number} is forgotten. The summary in view may still tell of it.")
