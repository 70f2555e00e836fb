"""Hiding messages of the queue and bringing them back, without loss: the smallest kind of paging.

A hidden message takes no room and is not seen. Its keys and values are parked beside the cache, and what follows keeps
its own, so neither way is anything read again; where the cache was rewritten meanwhile, what comes back is read. After
Sculptor (Li et al. 2025, arXiv 2508.04664), as true paging (docs/llama-cpp.md, 5). It does not know why something is
hidden.
"""

from __future__ import annotations

from collections.abc import Sequence

from memos.errors import ToolError
from memos.events import Event, Hidden, PrefixMoved, Restored
from memos.generation import Parked, shared_prefix
from memos.main_context import Entry, MainContext
from memos.messages import Kind
from memos.protocols import AgentState, LanguageModel

LONG = 48  # tokens; what is shorter is not worth a gap


class Hiding:
    """What is hidden of one agent's queue.

    Args:
        model: has the keys and values.
        state: where it is kept which messages are hidden.
    """

    def __init__(self, model: LanguageModel, state: AgentState) -> None:
        self._model, self._state = model, state
        self._parked: dict[int, Parked] = {}  # by the id of the message that is hidden

    def as_it_was(self, entries: Sequence[Entry]) -> list[Entry]:
        """The queue at a start, with what was hidden hidden."""
        hidden = set(self._state.hidden())
        return [entry.hidden() if entry.message_id in hidden else entry for entry in entries]

    def hide(self, context: MainContext, message_id: int) -> list[Event]:
        """Hide a message.

        Raises:
            ToolError: it is not in view.
        """
        entries = context.entries
        index = next((i for i, entry in enumerate(entries) if entry.message_id == message_id and entry.tokens), None)
        if index is None:
            raise ToolError(f"recall:{message_id} is not in view.")
        start, stop = context.span(index)
        if shared_prefix(self._model.resident(), context.tokens) > stop:
            parked = self._model.park(start, stop)
            if parked is not None:
                self._parked[message_id] = parked
        kept = context.exchange(index, entries[index].hidden())
        self._record(context)
        return [Hidden(message_id, stop - start), PrefixMoved("hide", kept)]

    def restore(self, context: MainContext, message_id: int) -> list[Event]:
        """Bring a hidden message back, where it was.

        Raises:
            ToolError: it is not hidden, or there is no room for it.
        """
        entries = context.entries
        index = next((i for i, entry in enumerate(entries) if entry.message_id == message_id and entry.parked), None)
        if index is None:
            raise ToolError(f"recall:{message_id} is not hidden.")
        size = len(entries[index].parked)
        if size > context.free:
            raise ToolError(f"recall:{message_id} has {size} tokens, and {context.free} are free.")
        parked = self._parked.pop(message_id, None)
        spared = parked is not None and self._model.unpark(parked)
        kept = context.exchange(index, entries[index].shown())
        self._record(context)
        return [Restored(message_id, size, spared), PrefixMoved("restore", kept)]

    def hide_long_results(self, context: MainContext, keep_turn: int | None) -> list[Event]:
        """Hide what functions returned in turns that are over, where it is long."""
        long = [
            entry.message_id
            for entry in context.entries
            if entry.kind is Kind.RESULT and entry.turn != keep_turn and len(entry.tokens) >= LONG
        ]
        return [event for message_id in long for event in self.hide(context, message_id)]

    def _record(self, context: MainContext) -> None:
        hidden = context.hidden_ids
        self._parked = {message_id: kept for message_id, kept in self._parked.items() if message_id in hidden}
        self._state.record_hidden(hidden)
