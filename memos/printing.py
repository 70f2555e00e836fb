"""Text of others on a terminal: without what the terminal would obey. Knows no shell and no command."""

from __future__ import annotations

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
