"""What system calls see of the agent: the kernel's side of `memos.functions.Memory`.

Joins blocks, pages and archival notes behind one small object. It knows no SQL and no model.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from memos import prompts
from memos.dates import dated, undated
from memos.document_pager import DocumentPager
from memos.errors import ToolError
from memos.events import Event, Hidden
from memos.messages import pointed
from memos.pager import Pager
from memos.protocols import ArchivalStorage
from memos.queue_manager import QueueManager
from memos.working_context import WorkingContext


class KernelMemory:
    """Memory of one agent, as its system calls use it.

    Args:
        working: the blocks.
        pager: search results as pages.
        archival: where notes go.
        queue: for what is in view already.
        observe: called with what happens to the queue.
        room: the longest page, in tokens.
        now: the clock, in the user's zone: what is written down says which day its "next Friday" is.
    """

    def __init__(
        self,
        working: WorkingContext,
        pager: Pager,
        archival: ArchivalStorage,
        queue: QueueManager,
        observe: Callable[[Event], None],
        room: int,
        now: Callable[[], datetime],
    ) -> None:
        self._working, self._pager, self._archival = working, pager, archival
        self._library = DocumentPager(archival, pager)
        self._queue, self._observe, self._room, self._now = queue, observe, room, now

    def append_block(self, label: str, content: str) -> str:
        """Add a line to a block."""
        self._working.append(label, self._dated(content), by="assistant")
        return prompts.saved(label, self._working.left(label))

    def replace_block(self, label: str, old: str, new: str) -> str:
        """Replace a part of a block."""
        block = self._working.replace(label, old, self._dated(new, instead=old), by="assistant")
        return f"block {label} now says: {block.text or '(empty)'}"

    def search_recall(self, query: str, page: int) -> str:
        """A page of earlier messages by text."""
        return self._pager.recall_page(query, page, before_id=self._queue.first_id, room=self._room)

    def search_recall_by_date(self, start: str, end: str, page: int) -> str:
        """A page of messages by date."""
        return self._pager.recall_page_by_date(start, end, page, room=self._room)

    def insert_archival(self, content: str) -> str:
        """Keep a note."""
        passage = self._archival.insert(self._dated(content))
        return prompts.stored(f"archival:{passage.id}")

    def search_archival(self, query: str, page: int) -> str:
        """A page of notes and documents."""
        return self._pager.archival_page(query, page, room=self._room)

    def read_document(self, document: str, page: int) -> str:
        """A page of a document."""
        return self._library.page(document, page, room=self._room)

    def search_document(self, document: str, query: str) -> str:
        """Passages of one document."""
        return self._library.search(document, query, room=self._room)

    def hide(self, words: str) -> str:
        """Hide the longest message in view, of an earlier turn, that has these words."""
        found = self._queue.find(words)
        if found is None:
            raise ToolError(f"No earlier message in view has the words {words!r}.")
        freed = 0
        for event in self._queue.hiding.hide(self._queue.context, found):
            freed += event.tokens if isinstance(event, Hidden) else 0
            self._observe(event)
        return f"recall:{found} is hidden; {freed} tokens are free again. restore_messages brings it back."

    def restore(self, message: str) -> str:
        """Bring a hidden message back."""
        where, number = pointed(message) or ("", 0)
        if where != "recall":
            raise ToolError(f"{message!r} is no message; write recall:NUMBER.")
        for event in self._queue.hiding.restore(self._queue.context, number):
            self._observe(event)
        return f"{message} is in view again."

    def _dated(self, content: str, *, instead: str = "") -> str:
        """What is written down, to be read without its day; relative times that stood there mean what they meant."""
        now = self._now()
        return dated(content, now, alone=True, known=undated(instead, now)[1])
