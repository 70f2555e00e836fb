"""Who uses what is freed by hand: it is not freed before they are done, and nobody is let in afterwards.

llama.cpp's objects are pointers, and whoever uses one that was freed ends the process. Owns who is at it, in which
thread. It does not know what is used, nor who may use it beside whom.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import TypeVar

from memos.errors import ModelError

Item = TypeVar("Item")


class Uses:
    """The uses of something that is freed once. Safe to use from threads."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._threads: list[int] = []  # one for every use
        self._ending = self._freed = False

    @contextmanager
    def one(self) -> Iterator[None]:
        """It is not freed while the block runs.

        Raises:
            ModelError: it is, or is about to be.
        """
        thread = threading.get_ident()
        with self._changed:
            if self._ending and thread not in self._threads:  # whoever is at it comes to an end
                raise ModelError("The model is closed.")
            self._threads.append(thread)
        try:
            yield
        finally:
            self._leave()

    def each(self, steps: Generator[Item, None, None]) -> Generator[Item, None, None]:
        """A generator of which every step is a use; between two of them it may be freed.

        Raises:
            ModelError: it was.
        """
        try:
            while True:
                with self.one():
                    try:
                        item = next(steps)
                    except StopIteration:
                        return
                yield item
        finally:
            self._leave_off(steps)

    def _leave_off(self, steps: Generator[Item, None, None]) -> None:
        """Have a generator take back what it has not finished, unless that is gone."""
        with self._changed:
            if self._freed:
                return
            self._threads.append(threading.get_ident())
        try:
            steps.close()
        finally:
            self._leave()

    def _leave(self) -> None:
        with self._changed:
            self._threads.remove(threading.get_ident())
            self._changed.notify_all()

    def end(self, free: Callable[[], None]) -> None:
        """Let nobody in any more, wait for those who are, and free it.

        Args:
            free: frees it; called once, however often this is.

        Raises:
            ModelError: called by one of them, who cannot wait for their own end; all stays as it is.
        """
        with self._changed:
            if threading.get_ident() in self._threads:
                raise ModelError("The model cannot be closed in the middle of what it computes.")
            self._ending = True
            self._changed.wait_for(lambda: not self._threads)
            if not self._freed:
                self._freed = True
                free()
