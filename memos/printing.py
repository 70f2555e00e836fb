"""What a terminal is given: text of others without what it would obey, sizes, numbers, and a line that changes in its
place. It knows no shell and no command."""

from __future__ import annotations

import os
import sys

# Controls that would move the cursor, begin an escape sequence, or turn the direction of what stands beside them.
_OBEYED = {
    *range(0x20),
    *range(0x7F, 0xA0),
    *map(ord, "\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"),
} - {ord("\n"), ord("\t")}
_UNSAFE = dict.fromkeys(_OBEYED)


def safe(text: str) -> str:
    """A text as it may be shown: without escape sequences and overrides of direction; lines and tabs stay."""
    return text.translate(_UNSAFE)


def printable(text: str) -> str:
    """A name on one line of a terminal: control characters, line ends and undecodable bytes are shown escaped."""
    escaped = (char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)
    return "".join(escaped)


def size(count: float) -> str:
    """Bytes as people read them, e.g. `1.12 GB`."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= factor:
            return f"{count / factor:.3g} {unit}"
    return f"{count:.0f} B"


def counted(count: int, thing: str) -> str:
    """How many things there are, e.g. `1 passage`, `1,204 passages`.

    Args:
        count: how many.
        thing: one of them; more have an s.
    """
    return f"{count:,} {thing}" if count == 1 else f"{count:,} {thing}s"


def dumb() -> bool:
    """Whether the terminal knows nothing but letters: to move its cursor, or to colour them, would print noise."""
    return os.environ.get("TERM", "") in ("", "dumb")


class Status:
    """One line on standard error that is overwritten; silent where no terminal can do that."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._on = sys.stderr.isatty() and not dumb() and not quiet
        self._shown = False

    def show(self, what: str, share: float | None = None) -> None:
        """Show work in progress: what is done, and a share from 0 to 1 where it is known."""
        if self._on:
            done = int(20 * (share or 0.0))
            bar = "" if share is None else f" {'━' * done}{' ' * (20 - done)} {share:4.0%}"
            # Without wrapping: of a line that is wider than the terminal only the last row would be overwritten.
            sys.stderr.write(f"\r\x1b[2K\x1b[?7l  {what}{bar}\x1b[?7h")
            sys.stderr.flush()
            self._shown = True

    def embedding(self, done: int, total: int) -> None:
        """Show how many texts of how many are embedded."""
        self.show(f"embedding {done:,} of {total:,}", done / max(1, total))

    def clear(self) -> None:
        """Take the line away."""
        if self._shown:
            sys.stderr.write("\r\x1b[2K")
            sys.stderr.flush()
            self._shown = False
