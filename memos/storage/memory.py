"""How much memory LanceDB takes, by what it reads from the environment and by the C library that it allocates from.

Owns these bounds. It does not know tables, nor what is done with them. LanceDB 0.40 has no settings of its own for this
in Python: not for what it reads ahead, nor for the rows that it decodes at a time, nor for its threads.
"""

from __future__ import annotations

import ctypes
import os
import sys
from functools import lru_cache
from typing import Any

# Read once in a process. By itself it decodes 8,192 rows at a time, several times over, and reads 2 GiB ahead: a
# table that is rewritten or indexed would be in memory as a whole. Fewer threads than its eight would slow searches.
ENVIRONMENT = {
    "LANCE_DEFAULT_BATCH_SIZE": "512",
    "LANCE_DEFAULT_IO_BUFFER_SIZE": str(16 << 20),
}
_ARENA_MAX = -8  # of mallopt


@lru_cache
def bound_memory() -> None:
    """Bound it in this process, before LanceDB is imported; arenas are the whole process's. What the user has set in
    the environment stays."""
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    # Each thread that allocates gets an arena, eight a processor, and each keeps what was freed. LanceDB has dozens of
    # threads, of which no more than there are processors run at once.
    library = _c_library()
    theirs = "MALLOC_ARENA_MAX" in os.environ or "arena_max" in os.environ.get("GLIBC_TUNABLES", "")
    if library is not None and not theirs:
        library.mallopt(_ARENA_MAX, max(2, os.cpu_count() or 1))


def give_back() -> None:
    """Give the system back what was freed: after a table was rewritten or indexed, that is tens of megabytes."""
    library = _c_library()
    if library is not None:
        library.malloc_trim(0)


@lru_cache
def _c_library() -> Any:
    """The GNU C library, where it is that; others have no arenas."""
    if not sys.platform.startswith("linux"):
        return None
    library = ctypes.CDLL(None)
    return library if hasattr(library, "malloc_trim") and hasattr(library, "mallopt") else None
