"""Markdown is cut at its headings, each part with the path of headings that leads to it.

A line scanner, linear in the text, so that a hostile document cannot make it slow. It knows headings, fences
and front matter, and nothing else of Markdown; it does not know how long a passage may be.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

_ATX = re.compile(r" {0,3}(#{1,6})(?:[ \t]+(.*))?$")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})(.*)")
_UNDERLINE = re.compile(r" {0,3}(=+|-+)[ \t]*$")
_NOT_A_TITLE = re.compile(r" {4}|\t| {0,3}(?:[>|#]|[-*+][ \t]|\d{1,9}[.)][ \t])")
_LINK = re.compile(r"!?\[([^\[\]]*)\](?:\([^()]*\)|\[[^\[\]]*\])")
_ATTRIBUTES = re.compile(r"[ \t]*\{[#.:][^{}]*\}[ \t]*$")
_TAG = re.compile(r"<[^<>]*>")
SEPARATOR = " > "
Titles = list[tuple[int, str]]  # levels and titles of headings
_LONGEST_TITLE = 80  # characters; a location is for finding the place again, not for reading


def heading_sections(text: str, titles: Titles | None = None) -> Iterator[tuple[str, str]]:
    """Parts of a Markdown text, in order, as `(path, part)`.

    Args:
        text: Markdown with `\\n` line ends.
        titles: the headings that are open before it, outermost first; afterwards those that are open behind it.

    Returns:
        The path is `Setup > Linux`, or `""` before the first heading. The part begins with its own heading
        line. A heading with nothing under it but deeper ones makes no part of its own: it begins that of the first.
    """
    lines = text.split("\n")
    return sections_at(lines, _headings(lines), titles)


def sections_at(
    lines: list[str], headings: Iterable[tuple[int, int, int, str]], titles: Titles | None = None
) -> Iterator[tuple[str, str]]:
    """Parts of a text whose headings are known, as `heading_sections` gives them.

    Args:
        lines: its lines; where a heading has two, they are made one.
        headings: `(first line, line after, level, title)` of each.
        titles: see `heading_sections`.
    """
    titles = [] if titles is None else titles
    start = below = 0  # of the part being read, and of what is under its last heading
    for first, after, level, title in headings:
        # A title with nothing under it but a deeper one is kept with that: whoever reads the part reads it, too.
        if not (below and titles[-1][0] < level and _is_blank(lines, below, first)):
            if not _is_blank(lines, start, first):
                yield heading_path(titles), "\n".join(lines[start:first])
            start = first
        while titles and titles[-1][0] >= level:
            titles.pop()
        titles.append((level, title))
        below = after
        if after - first > 1:  # an underlined title: one line, as the splitter knows headings
            lines[first] = "#" * level + " " + lines[first].strip()
            lines[first + 1] = ""
    if not _is_blank(lines, start, len(lines)):
        yield heading_path(titles), "\n".join(lines[start:])


def _is_blank(lines: list[str], start: int, end: int) -> bool:
    return not any(line.strip() for line in lines[start:end])


def heading_path(titles: Titles) -> str:
    """The path of some open headings: `Setup > Linux`."""
    return SEPARATOR.join(title for _, title in titles if title)


def fenced(lines: list[str], index: int) -> tuple[int, str] | None:
    """Fenced code that begins at a line, by CommonMark's rules.

    Args:
        lines: of the text.
        index: of the line.

    Returns:
        The line after it, and what its opening line says of it (`python`); None where none begins.
    """
    opening = _FENCE.match(lines[index])
    if not opening or (opening[1][0] == "`" and "`" in opening[2]):  # code within a line may begin with three, too
        return None
    for after in range(index + 1, len(lines)):
        closing = _FENCE.match(lines[after])
        if closing and closing[1].startswith(opening[1]) and not closing[2].strip():
            return after + 1, opening[2].strip()
    return len(lines), opening[2].strip()


def _headings(lines: list[str]) -> Iterator[tuple[int, int, int, str]]:
    """`(first line, line after, level, title)` of every heading outside fences and front matter."""
    index = fresh = _after_front_matter(lines)  # the line at hand, and one that goes on no paragraph
    while index < len(lines):
        first, line, below = index, lines[index], lines[index + 1] if index + 1 < len(lines) else ""
        if fence := fenced(lines, index):
            index = fresh = fence[0]
        elif heading := _ATX.match(line):
            index = fresh = index + 1
            yield first, index, len(heading[1]), _plain((heading[2] or "").rstrip().rstrip("#"))
        elif (index == fresh or not lines[index - 1].strip()) and (under := _underline(line, below)):
            index = fresh = index + 2  # a paragraph of several lines is no title
            yield first, index, 1 if under == "=" else 2, _plain(line)
        else:
            index += 1


def _underline(line: str, below: str) -> str:
    """`=` or `-` where a line may be a title by the line below it, else `""`."""
    mark = _UNDERLINE.match(below)
    return mark[1][0] if mark and line.strip() and not _NOT_A_TITLE.match(line) else ""


def _after_front_matter(lines: list[str]) -> int:
    if lines[0].rstrip() != "---":
        return 0
    for index in range(1, min(len(lines), 200)):
        if lines[index].rstrip() in ("---", "..."):
            return index + 1
    return 0


def _plain(title: str) -> str:
    """A heading without its markup."""
    title = _ATTRIBUTES.sub("", _TAG.sub("", _LINK.sub(r"\1", title[:1000])))
    title = " ".join(re.sub(r"[*`]+|(?<!\w)_+|_+(?!\w)", "", title).split())
    return shortened(title)


def shortened(title: str) -> str:
    """A title, cut to a length that a location can have."""
    return title if len(title) <= _LONGEST_TITLE else title[: _LONGEST_TITLE - 1] + "…"
