"""How much memory LanceDB takes, by what it reads from the environment and by the C library that it allocates from.

Owns these bounds. It does not know tables, nor what is done with them. LanceDB 0.40 has no settings of its own for this
in Python: not for what it reads ahead, nor for the rows that it decodes at a time, nor for its threads.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

# Read once in a process. By itself it decodes 8,192 rows at a time, several times over, and reads 2 GiB ahead: a
# table that is rewritten or indexed would be in memory as a whole. Its shuffler of today gathers 128 MiB of an index
# before it writes any, the one before writes as it goes. Fewer threads than its eight would slow searches.
ENVIRONMENT = {
    "LANCE_DEFAULT_BATCH_SIZE": "512",
    "LANCE_DEFAULT_IO_BUFFER_SIZE": str(4 << 20),
    "LANCE_LEGACY_SHUFFLER": "1",
}
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8  # of mallopt
# Bytes from which a block goes back to the system when it is freed. By itself the threshold grows from the first to the
# second with what is freed, which serves numpy well: arrays that come and go find their place in the heap.
_LEAST, _MOST = 128 << 10, 32 << 20


@lru_cache
def bound_memory() -> None:
    """Bound it in this process, before LanceDB is imported; what is set of the C library is the whole process's. What
    the user has set in the environment stays."""
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    # Each thread that allocates gets an arena, eight a processor, and each keeps what was freed. LanceDB has dozens of
    # threads, of which no more than there are processors run at once.
    _set(_ARENA_MAX, "arena_max", max(2, os.cpu_count() or 1))


@contextmanager
def frugal() -> Iterator[None]:
    """While a table is rewritten or indexed: its buffers go back to the system one by one, and what is left at the end.
    In the heap they would take tens of megabytes more. What others freed before goes back first."""
    _set(_MMAP_THRESHOLD, "mmap_threshold", _LEAST)
    give_back()
    try:
        yield
    finally:
        _set(_MMAP_THRESHOLD, "mmap_threshold", _MOST)
        _set(_TRIM_THRESHOLD, "trim_threshold", 2 * _MOST)  # as glibc has it where the other has grown
        give_back()


def _set(option: int, name: str, value: int) -> None:
    """Set an option of the C library, if the user has not."""
    library = _c_library()
    theirs = any(key.startswith(f"MALLOC_{name.upper()}") for key in os.environ)
    if library is not None and not theirs and name not in os.environ.get("GLIBC_TUNABLES", ""):
        library.mallopt(option, value)


def give_back() -> None:
    """Give the system back what was freed."""
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
