"""Embedding beside reading: one thread that follows what is stored, and its progress as events.

Owns that thread and the hand-over. It does not know what an embedding is: an `Indexer` makes them.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from queue import Empty, SimpleQueue
from types import TracebackType

from memos.ingest.events import Embedded
from memos.protocols import Indexer

POLL_SECONDS = 0.2  # the longest between two looks whether enough was stored
# Seconds that a thread of Python may keep the interpreter from another: by itself 5 ms. A batch of the embedding model
# is some hundred calls, after each of which it needs the interpreter again, and the thread that stores is seldom idle.
SWITCH_SECONDS = 0.0005


class _Stopped(Exception):
    """The consumer has gone; raised in the indexer's thread at its next report of progress."""


class Embedding:
    """Runs `index_pending` on a thread while documents are stored on another. A context manager.

    Within it the threads of this process take turns more often (`SWITCH_SECONDS`). Leaving the block by an exception
    stops it at its next report of progress; what it has not done is done by the next `index_pending`.

    Args:
        indexer: whose passages are embedded.
    """

    def __init__(self, indexer: Indexer) -> None:
        self._indexer = indexer
        self._reports: SimpleQueue[Embedded | None] = SimpleQueue()
        self._stop = threading.Event()
        self._complete = threading.Event()
        self._news = threading.Event()
        self._looked_last = False
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="memos-index")

    def __enter__(self) -> Embedding:
        self._switch_before = sys.getswitchinterval()
        sys.setswitchinterval(min(SWITCH_SECONDS, self._switch_before))
        self._work = self._pool.submit(self._indexer.index_pending, self._progress, follow=self._follow)
        self._work.add_done_callback(lambda _: self._reports.put(None))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None or not self._complete.is_set():
            self._stop.set()
        self._all_is_stored()
        self._pool.shutdown()
        sys.setswitchinterval(self._switch_before)

    def stored(self) -> None:
        """Something was stored: whoever waits for more may look."""
        self._news.set()

    def latest(self) -> Iterator[Embedded]:
        """The newest progress, if there is any since the last time.

        Raises:
            StorageError: the index cannot be written, so there is no use in going on.
        """
        newest: Embedded | None = None
        while True:
            try:
                newest = self._reports.get_nowait() or newest
            except Empty:
                break
        if newest is not None:
            yield newest
        if self._work.done() and self._work.exception() is not None:
            self._work.result()

    def finish(self) -> Iterator[Embedded]:
        """Everything is stored: progress until everything is embedded."""
        self._all_is_stored()
        while not self._work.done():
            report = self._reports.get()
            if report is None:
                break
            yield report
        yield from self.latest()

    @property
    def embedded(self) -> int:
        """How many passages were embedded, once it is finished."""
        return self._work.result()

    def _all_is_stored(self) -> None:
        self._complete.set()
        self._news.set()

    def _progress(self, done: int, total: int) -> None:
        if self._stop.is_set():
            raise _Stopped
        self._reports.put(Embedded(done, total))

    def _follow(self) -> bool:
        if self._stop.is_set():
            raise _Stopped
        if self._complete.is_set():
            # Yes, once: what was stored last may have come after the indexer looked.
            last_look, self._looked_last = not self._looked_last, True
            return last_look
        self._news.wait(POLL_SECONDS)
        self._news.clear()
        return True
