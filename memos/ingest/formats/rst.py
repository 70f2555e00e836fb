"""reStructuredText by its underlined titles, each part with the path of titles that leads to it.

Scanned, not executed: directives that include other files stay text. A title's level is the order in which its
underline first appears, as in docutils.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from memos.ingest.document import Document, Section
from memos.ingest.markdown import SEPARATOR

_UNDERLINE = re.compile(r"([!-/:-@\[-`{-~])\1+[ \t]*$")  # two of them are enough for a title of two
_ROLE = re.compile(r":[A-Za-z:+-]{1,40}:`([^`]{0,300})`")
_LONGEST_TITLE = 80


def read(text: str) -> Document:
    """Sections by title."""
    lines = text.split("\n")
    sections: list[Section] = []
    titles: list[str] = []
    styles: list[str] = []
    start = 0
    for first, title, style in _titles(lines):
        _add(sections, lines, start, first, titles)
        if style not in styles:
            styles.append(style)
        level = styles.index(style)
        titles = [*titles[:level], title]
        start = first
    _add(sections, lines, start, len(lines), titles)
    return Document(tuple(sections))


def _add(sections: list[Section], lines: list[str], start: int, end: int, titles: list[str]) -> None:
    part = "\n".join(lines[start:end])
    if part.strip():
        sections.append(Section(part, SEPARATOR.join(titles)))


def _titles(lines: list[str]) -> Iterator[tuple[int, str, str]]:
    """`(first line, title, underline style)`; a style with an overline is another one."""
    index = 1
    while index < len(lines):
        under, title = lines[index], lines[index - 1]
        style = _UNDERLINE.match(under)
        if style and _is_title(lines, index):
            over = index >= 2 and _UNDERLINE.match(lines[index - 2])
            framed = bool(over) and lines[index - 2].strip() == under.strip()
            name = " ".join(_ROLE.sub(r"\1", title[:1000]).replace("`", "").split())[:_LONGEST_TITLE]
            yield index - 2 if framed else index - 1, name, style[1] * (2 if framed else 1)
            index += 1
        index += 1


def _is_title(lines: list[str], index: int) -> bool:
    title, under = lines[index - 1], lines[index]
    if not title.strip() or _UNDERLINE.match(title) or len(under.rstrip()) < min(len(title.rstrip()), 60):
        return False
    above = lines[index - 2] if index >= 2 else ""
    return (not title[0].isspace() and not above.strip()) or above.strip() == under.strip()
