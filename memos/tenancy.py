"""Tenancy: whose a loaded model's resident context is, where several share one.

Owns that it goes from one to the next as a whole, however many ask for it at once. It does not know who they are, nor
what a model is.
"""

from __future__ import annotations

import threading
from collections.abc import Callable


class Tenancy:
    """Who has a model's resident context. Safe to use from threads."""

    def __init__(self) -> None:
        self._changing = threading.Lock()
        self._release: Callable[[], None] | None = None

    def claim(self, release: Callable[[], None]) -> bool:
        """Take the context over; see `LanguageModel.claim`."""
        with self._changing:  # else two would have it, of whom the second asked while the first took it over
            before = self._release
            if before == release:
                return False
            if before is not None:
                before()
            self._release = release
            return True
