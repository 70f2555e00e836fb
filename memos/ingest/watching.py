"""Following folders: tells when something below some paths has changed.

Knows `watchfiles`, and not what is done about a change.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Event

DEBOUNCE = 1600  # milliseconds within which changes are told together
TICK = 500  # milliseconds between two looks whether to stop


def changes(paths: Sequence[str | Path], stop: Event | None = None) -> Iterator[frozenset[Path]]:
    """The paths that changed, whenever some did, until `stop` is set.

    The first is an empty set: watching has begun, and what changed before that has not been seen.

    Args:
        paths: files and folders that are there.
        stop: ends it within a second or so.
    """
    from watchfiles import watch

    begun = False
    following = watch(
        *paths, debounce=DEBOUNCE, stop_event=stop, rust_timeout=TICK, yield_on_timeout=True, raise_interrupt=True
    )
    for found in following:
        if found or not begun:
            yield frozenset(Path(name) for _, name in found)
        begun = True
