"""Noting: in which messages of the user facts are still to be looked for, and looking when there is time.

What the user tells is told whether the answer ends or not, so a message is written down as one to look into when it
comes, and struck out when that is done: after its turn, between two turns, or after a later one, where a turn was
cancelled, left or killed. It does not know what a fact is, nor when there is time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from memos.events import Event
from memos.keeping import Keeping
from memos.messages import Call, Message, State
from memos.protocols import AgentState, ArchivalStorage, RecallStorage

NOTE = "archival_memory_insert"  # the call that a note stands for


class Noting:
    """What is still to be noted of one agent's conversation.

    Args:
        keeping: keeps the facts of a message.
        recall: the messages, and the calls that saved something of them.
        archival: the notes.
        state: where it is written down.
    """

    def __init__(self, keeping: Keeping, recall: RecallStorage, archival: ArchivalStorage, state: AgentState) -> None:
        self._keeping, self._recall, self._archival, self._state = keeping, recall, archival, state

    def owe(self, message: Message) -> None:
        """A message has come."""
        self._state.record_unnoted([*self._state.unnoted(), message.id])

    def keep(self, cancelled: Callable[[], bool]) -> Iterator[Event]:
        """Keep the facts of all messages that are written down, the oldest first.

        Args:
            cancelled: asked between sentences; the rest stays written down.
        """
        for number in self._state.unnoted():
            if cancelled():
                return
            message = self._recall.get(number)
            if message is not None and message.state is State.DONE:
                yield from self._keeping.keep_facts(message, self._saved(message), cancelled)
                if cancelled():
                    return
            self._state.record_unnoted([one for one in self._state.unnoted() if one != number])

    def _saved(self, message: Message) -> list[Call]:
        """The calls of a message's turn that succeeded, and one for each note of it that there is already."""
        notes = self._archival.quoting(f"recall:{message.id}")
        return [*self._recall.calls(message.turn), *(Call(NOTE, {"content": note.text}) for note in notes)]
