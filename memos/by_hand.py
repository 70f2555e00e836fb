"""Memory by hand: what the user does to it between two turns. The model is told at once.

Edits of blocks, pages and pins that the user asks for, and bringing the queue in line with a history that was changed.
Each moves the prefix only where an event says so. It does not know how history is stored or who asks.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterator

from memos import events, prompts
from memos.errors import BlockError, InputError
from memos.events import Editor, Event
from memos.messages import Block, Kind, State, pointed
from memos.pager import POINTER, Pager, passage_line
from memos.policy import KernelSettings
from memos.protocols import ArchivalStorage, RecallStorage
from memos.queue_manager import QueueManager
from memos.working_context import PINNED, WorkingContext


class ByHand:
    """What a user may do to the memory of one agent.

    Args:
        queue: the queue and the main context.
        working: the blocks.
        pager: how memory looks in view.
        recall: message history.
        archival: notes and passages.
        policy: sizes.
        pending: takes the events of edits.
    """

    def __init__(
        self,
        queue: QueueManager,
        working: WorkingContext,
        pager: Pager,
        recall: RecallStorage,
        archival: ArchivalStorage,
        policy: KernelSettings,
        pending: list[Event],
    ) -> None:
        self._queue, self._working, self._pager = queue, working, pager
        self._recall, self._archival = recall, archival
        self._policy, self._pending = policy, pending

    def edit_block(self, label: str, text: str, *, by: Editor = "user") -> Generator[Event, None, None]:
        """Set a block; the model is told at once, without moving the prefix.

        Args:
            label: which block.
            text: its whole new text.
            by: `user`, or `undo` for an edit that takes one back.

        Raises:
            BlockError: no such block, or over its limit; nothing is changed.
        """
        before = self._working[label].text
        block = self._working.set(label, text, by=by)
        happened = tuple(self._pending)
        self._pending.clear()
        if block.text == before:
            yield from happened
            return
        alert = self._pager.cut(prompts.edited(label, block.text), self._policy.result)
        # Stored at once: to make room may take seconds, and a kill must not part the block from what tells of it.
        stored = self._recall.append(Kind.ALERT, alert, turn=self._recall.last_turn())
        yield from self._queue.take_in([stored], tell=happened)

    def page_in(self, pointer: str) -> Generator[Event, None, None]:
        """Put a message or a passage at the end of the queue.

        Args:
            pointer: `recall:7` or `archival:7`.

        Raises:
            InputError: there is no such thing.
        """
        line = self._line(pointer)
        text = self._pager.cut(prompts.shown(line), self._policy.page)
        cost = self._queue.cost(Kind.PAGE, text)
        yield from self._queue.make_room(cost)
        stored = self._queue.append(Kind.PAGE, text, turn=self._recall.last_turn())
        yield events.PagedIn(stored.id, tuple(POINTER.findall(line)[:1]), cost)

    def pin(self, pointer: str) -> Generator[Event, None, None]:
        """Keep a message or a passage in view for good: a line of block `pinned`, which is made with the first.

        Raises:
            InputError: there is no such thing.
            BlockError: the block is full, or the window too small for one; nothing is changed.
        """
        line = self._line(pointer)
        if all(block.label != PINNED for block in self._working.blocks):
            block = Block(PINNED, "", self._policy.block, "what the user wants in view")
            if self._queue.spare < block.limit:
                raise BlockError("The window is too small for a block of pins; open a larger --context.")
            self._working.check(block, line)
            self._working.add(block, by="user")
        lines = [one for one in self._working.lines(PINNED) if _pointer(one) != pointer]
        yield from self.edit_block(PINNED, "\n".join([*lines, line]))

    def unpin(self, pointer: str) -> Generator[Event, None, None]:
        """Take a line out of block `pinned`.

        Raises:
            InputError: it is not pinned.
        """
        if pointer not in self.pins:
            raise InputError(f"{pointer} is not pinned.")
        lines = [one for one in self._working.lines(PINNED) if _pointer(one) != pointer]
        yield from self.edit_block(PINNED, "\n".join(lines))

    @property
    def pins(self) -> tuple[str, ...]:
        """Pointers of what is pinned."""
        if all(block.label != PINNED for block in self._working.blocks):
            return ()
        return tuple(pointer for line in self._working.lines(PINNED) if (pointer := _pointer(line)))

    def forgotten(self, message_ids: Collection[int]) -> Iterator[Event]:
        """Words were forgotten in storage: take them out of view, too.

        Args:
            message_ids: the messages that had them; blocks may have had them as well.
        """
        before = self._working.blocks
        self._working.reload()
        changed = [(old, new) for old, new in zip(before, self._working.blocks, strict=True) if old.text != new.text]
        for old, new in changed:
            yield events.BlockEdited(new.label, old.text, new.text, "user")
        yield from self._queue.redact(message_ids, blocks_differ=bool(changed))

    def rewound(self) -> Iterator[Event]:
        """The end of the history was taken back in storage, and the blocks' copies in the head with it where nothing in
        the queue would tell the difference: bring blocks and queue in line."""
        self._working.reload()
        yield from self._queue.reload("rewind")

    def _line(self, pointer: str) -> str:
        where, number = pointed(pointer) or ("", 0)
        if where == "recall":
            message = self._recall.get(number)
            if message is not None and message.state is not State.REWOUND:
                return " ".join(prompts.line(message).split())
        elif where == "archival":
            passage = self._archival.get(number)
            if passage is not None:
                return passage_line(passage)
        raise InputError(f"There is no {pointer} in memory; write recall:NUMBER or archival:NUMBER.")


def _pointer(line: str) -> str:
    found = POINTER.search(line)
    return found[0] if found else ""
