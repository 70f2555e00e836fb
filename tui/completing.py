"""What the word before the cursor may become: commands after `/`, files after `@`.

Owns how a folder is looked into, which may be slow, huge, or on a network that is gone: in a thread that nobody waits
for, so many entries of it and no more, until another key makes the answer worthless. It does not know how completions
are shown or taken.
"""

from __future__ import annotations

import asyncio
import os
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from heapq import nsmallest

from memos.errors import InputError
from memos.paths import expanded
from memos.tui.commands import beginning_with

MOST = 8  # completions
MANY = 20_000  # entries of a folder that are looked at
THREADS = 4  # that may look at once; a folder that never answers keeps one
_LAST_WORD = re.compile(r'(?<![^ ])(?:@"[^"]*|[^ ]*)$')
_free = threading.BoundedSemaphore(THREADS)

Offered = Sequence[tuple[str, str]]


def last_word(line: str) -> str:
    """What a line ends with: a word, or a file's name that is begun in quotes, `@"my no`."""
    found = _LAST_WORD.search(line)
    return found[0] if found else ""


def commands(text: str) -> Offered:
    """The commands that a prompt's text may become, each with a line about it."""
    if not text.startswith("/") or " " in text or "\n" in text:
        return []
    found = beginning_with(text)
    return [(f"/{one.id} ".rstrip() + (" " if one.argument else ""), one.help) for one in found[:MOST]]


async def files(word: str) -> Offered:
    """The files and folders that a word may become, if it begins with `@`. A cancelled call ends the search.

    Args:
        word: the one before the cursor.

    Returns:
        Each with a line about it, which is empty; nothing while too many folders have not answered.
    """
    if not word.startswith("@") or len(word) < 2 or not _free.acquire(blocking=False):
        return []
    loop, unwanted = asyncio.get_running_loop(), threading.Event()
    found: asyncio.Future[list[str]] = loop.create_future()

    def tell(names: list[str]) -> None:
        if not found.done():
            found.set_result(names)

    def look() -> None:
        try:
            names = paths(word[1:].removeprefix('"'), unwanted.is_set)
        finally:
            _free.release()
        with suppress(RuntimeError):  # the shell has ended meanwhile
            loop.call_soon_threadsafe(tell, names)

    # A daemon, and none of the loop's executor: leaving waits for no network, and reading memory for no folder.
    threading.Thread(target=look, name="memos-paths", daemon=True).start()
    try:
        return [(_named(path, quoted=word.startswith('@"')), "") for path in await found]
    finally:
        unwanted.set()


def _named(path: str, *, quoted: bool) -> str:
    """A path as it stands in a message; one of a folder goes on, so its quotes stay open."""
    if not quoted and " " not in path:
        return f"@{path}"
    return f'@"{path}' + ("" if path.endswith("/") else '"')


def paths(begun: str, unwanted: Callable[[], bool] = lambda: False) -> list[str]:
    """Files and folders whose paths begin so, folders with a slash at the end; of a folder's first `MANY` entries.

    Args:
        begun: what was typed of a path.
        unwanted: asked between entries; ends the search without a result.
    """
    shown, slash, name = begun.rpartition("/")
    shown += slash
    try:
        with os.scandir(expanded(shown)) as entries:
            matching = _beginning_with(name, entries, unwanted)
            first = nsmallest(MOST, matching, key=lambda one: one.name)
        return [] if unwanted() else [f"{shown}{one.name}{'/' if one.is_dir() else ''}" for one in first]
    except (OSError, InputError, ValueError):  # such a folder cannot be looked into
        return []


def _beginning_with(
    name: str, entries: Iterator[os.DirEntry[str]], unwanted: Callable[[], bool]
) -> Iterator[os.DirEntry[str]]:
    """Entries whose names begin so; hidden ones only where that is asked for."""
    for _, entry in zip(range(MANY), entries, strict=False):
        if unwanted():
            return
        if entry.name.startswith(name) and (name or not entry.name.startswith(".")):
            yield entry
