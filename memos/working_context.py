"""The working context: labelled blocks that are always in view, their limits, and write-back.

Owns the current text of every block. An edit is stored and visible (as the call's result) at once; the copy in
the prompt's head is as old as the last `written_back`, so that an edit does not move the prefix. It does not
know where blocks are stored or how the prompt is laid out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from memos.errors import BlockError
from memos.events import BlockEdited, Editor
from memos.messages import Block, BlockChange
from memos.protocols import AgentState

PINNED = "pinned"  # the block whose lines quote messages and passages; see `memos.by_hand`


class WorkingContext:
    """The blocks of one agent.

    Args:
        state: where they are stored.
        count: tokens of a text, by the loaded model.
        observe: called with every edit.
    """

    def __init__(self, state: AgentState, count: Callable[[str], int], observe: Callable[[BlockEdited], None]) -> None:
        self._state = state
        self._count = count
        self._observe = observe
        self._blocks = {block.label: block for block in state.blocks()}

    @property
    def blocks(self) -> tuple[Block, ...]:
        """All blocks, in their order."""
        return tuple(self._blocks.values())

    def reload(self) -> None:
        """Take the blocks as they are in storage, where history was changed."""
        self._blocks = {block.label: block for block in self._state.blocks()}

    def add(self, block: Block, *, by: Editor) -> None:
        """Add a block behind the others; one of its label stays as it is."""
        if block.label not in self._blocks:
            self._state.save_block(block, by=by)
            self._blocks[block.label] = block

    def __getitem__(self, label: str) -> Block:
        try:
            return self._blocks[label]
        except KeyError:
            known = ", ".join(self._blocks)
            raise BlockError(f"There is no block {label!r}; there are {known}.") from None

    def count(self, text: str) -> int:
        """Tokens of a text, as limits count them."""
        return self._count(text)

    def left(self, label: str) -> int:
        """Tokens that the block can still take."""
        block = self[label]
        return block.limit - self._count(block.text)

    def lines(self, label: str) -> tuple[str, ...]:
        """The block's lines that are not blank: the units that `replace` works on."""
        return tuple(line for line in self[label].text.split("\n") if line.strip())

    def told(self) -> Iterator[tuple[str, str]]:
        """The lines of all blocks but the assistant's own, each with its block's label."""
        for block in self.blocks:
            if block.label != "assistant":
                yield from ((block.label, line) for line in self.lines(block.label))

    def check(self, block: Block, text: str) -> None:
        """Refuse a text that a block cannot hold.

        Raises:
            BlockError: it is over the block's limit.
        """
        size = self._count(text)
        if size > block.limit:
            raise BlockError(
                f"Block {block.label!r} holds at most {block.limit} tokens, and this text would make it {size}; "
                f"it has {block.limit - self._count(block.text)} left."
            )

    def set(self, label: str, text: str, *, by: Editor) -> Block:
        """Replace a block's whole text.

        Args:
            by: `assistant` or `user`; kept in the block's history.

        Raises:
            BlockError: no such block, or over its limit; nothing is changed.
        """
        block = self[label]
        self.check(block, text)
        changed = replace(block, text=text)
        if changed != block:
            self._state.save_block(changed, by=by)
            self._blocks[label] = changed
            self._observe(BlockEdited(label, block.text, text, by))
        return changed

    def append(self, label: str, content: str, *, by: Editor) -> Block:
        """Add a line to a block; a line that is there already changes nothing."""
        content = " ".join(content.split())
        if not content:
            raise BlockError("There is nothing to add: the content is empty.")
        text = self[label].text
        if content in self.lines(label):
            return self[label]
        return self.set(label, f"{text}\n{content}" if text.strip() else content, by=by)

    def replace(self, label: str, old: str, new: str, *, by: Editor) -> Block:
        """Replace `old` in a block by `new`: the line that is `old`, or else where it first stands. An empty `new`
        deletes, and a line left blank goes with it.

        Raises:
            BlockError: `old` is not in the block.
        """
        text = self[label].text
        if not old.strip() or old not in text:
            raise BlockError(f"Block {label!r} does not contain {old!r}; its text is: {text!r}.")
        lines = text.split("\n")
        if old in lines:
            lines[lines.index(old)] = new
        else:
            lines = text.replace(old, new, 1).split("\n")
        return self.set(label, "\n".join(line for line in lines if line.strip()), by=by)


def undoable(changes: Sequence[BlockChange]) -> list[str]:
    """The texts that undo goes back to, the next one last: an undo takes a change off, as an editor's does.

    Args:
        changes: a block's history, oldest first.
    """
    stack: list[str] = []
    for change in changes:
        if change.by == "undo" and stack:
            stack.pop()
        else:
            stack.append(change.former)
    return stack
