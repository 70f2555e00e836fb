"""Following files and folders: tells when something at or below some paths has changed.

Knows `watchfiles`, and not what is done about a change.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from memos.errors import IngestError
from memos.ingest.walking import is_hidden, why

DEBOUNCE = 1600  # milliseconds within which changes are told together
TICK = 500  # milliseconds between two looks whether to stop, and whether what is watched is still there

_Folder = tuple[Path, int, int]  # its path, and what the system knows it by


def changes(paths: Sequence[str | Path], stop: Event | None = None) -> Iterator[frozenset[Path]]:
    """The paths that changed, whenever some did, until `stop` is set. Hidden ones are passed over, as by the walk.

    The first is an empty set: watching has begun, and what changed before that has not been seen.

    Args:
        paths: files and folders. One that goes is told of, and followed again once it is back.
        stop: ends it within a second or so.

    Raises:
        IngestError: the system does not let them be watched.
    """
    stop = stop or Event()
    roots = [Path(path).absolute() for path in paths]
    watched, news = _watched(roots), frozenset[Path]()
    while not stop.is_set():
        before, watched, begun = watched, _watched(roots), False
        news |= before.other(watched)
        for found in _found(watched, stop):
            news |= _followed(found, roots)
            if news or not begun:
                yield news
            begun, news = True, frozenset()
            if watched != _watched(roots):  # a watch is on what a path was when it began
                break


@dataclass(frozen=True, slots=True)
class _Watched:
    """Folders that are watched: `whole` with all below them, `around` for single files in them."""

    whole: frozenset[_Folder]
    around: frozenset[_Folder]

    def other(self, now: _Watched) -> frozenset[Path]:
        """The paths where there is something else now."""
        return frozenset(path for path, *_ in (self.whole ^ now.whole) | (self.around ^ now.around))


def _watched(roots: Sequence[Path]) -> _Watched:
    whole: set[_Folder] = set()
    around: set[_Folder] = set()
    for root in roots:
        if folder := _folder(root):
            whole.add(folder)
        else:  # editors put a new file in the place of the old one, which is all that a watch on it would see
            around.update(filter(None, (_folder(path.parent) for path in _spellings(root))))
    return _Watched(frozenset(whole), frozenset(around))


def _folder(path: Path) -> _Folder | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return (path, status.st_dev, status.st_ino) if stat.S_ISDIR(status.st_mode) else None


def _spellings(root: Path) -> tuple[Path, Path]:
    """A path as it was given, and what it is a link to; changes are told by either."""
    return root, Path(os.path.realpath(root))


def _found(watched: _Watched, stop: Event) -> Iterator[set[Path]]:
    """What changes in folders, every `TICK` or so; none where one of them has gone meanwhile."""
    from watchfiles import watch
    from watchfiles._rust_notify import WatchfilesRustInternalError

    watching = [
        watch(
            *(path for path, *_ in folders),
            watch_filter=None,  # its own leaves out what the walk reads
            recursive=recursive,
            debounce=DEBOUNCE,
            stop_event=stop,
            rust_timeout=TICK,
            yield_on_timeout=True,
            ignore_permission_denied=True,
        )
        for folders, recursive in ((watched.whole, True), (watched.around, False))
        if folders
    ]
    try:
        while not watching and not stop.wait(TICK / 1000):  # nothing is there
            yield set()
        for batches in zip(*watching, strict=False):
            yield {Path(name) for batch in batches for _, name in batch}
    except FileNotFoundError:
        stop.wait(TICK / 1000)
    except (OSError, WatchfilesRustInternalError) as error:
        limit = "watch limit" in str(error)
        hint = "Linux allows no more watches; raise fs.inotify.max_user_watches." if limit else why(error)
        raise IngestError(f"What changes cannot be followed: {hint}") from error


def _followed(found: set[Path], roots: Sequence[Path]) -> frozenset[Path]:
    """Those paths that the walk from one of the roots may meet."""
    starts = [path for root in roots for path in _spellings(root)] if found else []
    return frozenset(
        path
        for path in found
        if any(
            path.is_relative_to(start) and not any(map(is_hidden, path.relative_to(start).parts)) for start in starts
        )
    )
