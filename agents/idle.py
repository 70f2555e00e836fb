"""Work for the time between two turns, while the user reads or types.

It starts a moment after the last turn, in a thread of its own. What uses the model is given up as soon as input
arrives; what does not goes on beside the turn. It does not know what the work is.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

IDLE_SECONDS = 2.0  # after a turn, before work is done that the user did not ask for
Work = Callable[[Callable[[], bool]], None]


class Idle:
    """The idle time of one agent.

    Args:
        beside: work that may go on while a turn runs.
        ahead: work that may not.

    Both are given a function that says when to stop, and raise nothing.
    """

    def __init__(self, beside: Work, ahead: Work) -> None:
        self._beside, self._ahead = beside, ahead
        self._working = threading.Lock()
        self._over = threading.Event()
        self._timer = threading.Timer(0, lambda: None)
        self._begun: list[threading.Timer] = []  # those that may still be at work beside turns
        self._closed = False

    def begin(self) -> None:
        """A turn is over, and nobody asks for anything. After `close`, nothing begins any more."""
        self.end()
        if self._closed:
            return
        over = self._over = threading.Event()
        self._timer = threading.Timer(IDLE_SECONDS, self._work, (over,))
        self._timer.daemon = True
        self._timer.start()
        self._begun = [*(timer for timer in self._begun if timer.is_alive()), self._timer]

    def end(self) -> None:
        """Input is here. Returns when nothing uses the model any more."""
        self._over.set()
        self._timer.cancel()
        with self._working:
            pass

    def close(self) -> None:
        """End, have all of it stop, and wait for that."""
        self._closed = True
        self.end()
        for timer in self._begun:
            timer.join()

    def _work(self, over: threading.Event) -> None:
        self._beside(lambda: self._closed)
        with self._working:
            if not over.is_set():
                self._ahead(over.is_set)
