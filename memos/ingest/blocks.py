"""The parts of a text that are cut in ways of their own: tables, fenced code, and the prose between them.

Owns a line scanner of Markdown, linear in the text, and the joining of hard-wrapped lines. It does not know tokens.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from memos.ingest.formats.tables import has_header
from memos.ingest.markdown import fenced

_NO_LANGUAGE = re.compile(r"[^A-Za-z0-9+#_-]")
_RULE = frozenset("|:- \t")
_ROWS = 50  # of a table, looked at to tell whether the first one names columns
_WRAPPED = 40  # characters from which a line may be one of a wrapped paragraph
# A line that begins so begins something: a list item, a table's row, a quote, a directive, a LaTeX command.
_BEGINS = re.compile(
    r"\s*(?:[-*+•>|#=~`&%:]|\d{1,9}[.)]\s|\d{1,3}(?:\.\d{1,3})+\.?\s|\(?[a-z][.)]\s"
    r"|\.\. |\[\^?\w{1,20}\]|\\(?:item|begin|end)\b)"
)
_HEADING = re.compile(r" {0,3}#{1,6} \S|\\(?:part|chapter|(?:sub){0,2}section|paragraph)\{")
_ENDS = (".", "!", "?", ":", "。", "！", "？", "：", "|", "  ", "\\\\", "\\")


@dataclass(frozen=True, slots=True)
class Block:
    """A part of a text, from `start` to `end` in characters.

    Args:
        start: its first character.
        end: after its last one.
        rows: whether it is made of lines that are not cut.
        body: where the first line begins before which it may be cut; a table's header stays with its first row.
        header: what each passage of it repeats.
        language: named by the fence that it is in.
    """

    start: int
    end: int
    rows: bool = False
    body: int = 0
    header: str = ""
    language: str = ""


def markdown_blocks(text: str) -> Iterator[Block]:
    """Tables, fences, and what is between them, in order; together they are the whole text."""
    lines = text.split("\n")
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line) + 1)
    prose = index = 0  # the first character, the line at hand
    while index < len(lines):
        block, after = _special(lines, index)
        if block is None:
            index += 1
            continue
        if starts[index] > prose:
            yield Block(prose, starts[index])
        body, header, language = block
        yield Block(starts[index], min(starts[after], len(text)), True, starts[body], header, language)
        prose, index = starts[after], after
    if prose < len(text):
        yield Block(prose, len(text))


def _special(lines: list[str], index: int) -> tuple[tuple[int, str, str] | None, int]:
    """A block that begins at a line: `(the second line that may be apart, header, language)`; the line after it."""
    line = lines[index]
    if fence := fenced(lines, index):
        after, info = fence
        return (index, "", _NO_LANGUAGE.split(info, 1)[0].lower()), after
    if "|" in line and index + 1 < len(lines) and _is_rule(lines[index + 1]):
        after = index + 2
        while after < len(lines) and "|" in lines[after]:
            after += 1
        names = _names(lines, index, after)
        first = index + 3 if names in (index, None) else index + 4
        return (min(first, after), "" if names is None else lines[names], ""), after
    return None, index


def _names(lines: list[str], index: int, after: int) -> int | None:
    """The line of a table that names its columns; Word and HTML rarely say that their first row does."""
    if lines[index].strip("| \t:-"):
        return index
    return index + 2 if has_header([_cells(row) for row in lines[index + 2 : min(after, index + _ROWS)]]) else None


def _cells(row: str) -> list[str]:
    return row.strip().removeprefix("|").removesuffix("|").split("|")


def _is_rule(line: str) -> bool:
    """Whether a line stands between a table's header and its rows."""
    return "|" in line and "-" in line and _RULE.issuperset(line)


def unwrapped(text: str) -> str:
    """The text with a space for each line end that only wraps a paragraph: as long, so that offsets stay true.

    A splitter would take such line ends for better places to cut than the ends of sentences, and would leave a
    heading alone that does not fit together with the paragraph below it.
    """
    lines = text.split("\n")
    out = []
    heading = False
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        heading = bool(_HEADING.match(line)) or (heading and not line.strip())
        out.append(line + (" " if heading or _wraps(line, following) else "\n"))
    return "".join(out)[:-1]


def _wraps(line: str, following: str) -> bool:
    if len(line) < _WRAPPED or not following.strip() or line.endswith(_ENDS):
        return False
    return "\\\\" not in line and not _BEGINS.match(following)
