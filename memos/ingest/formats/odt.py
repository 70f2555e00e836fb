"""OpenDocument text: paragraphs, lists, tables and notes in reading order, a section a heading.

It writes Markdown for tables and headings, and knows itself which lines are headings, so that no paragraph becomes one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from memos.ingest.decoding import NothingToRead
from memos.ingest.document import Document, Form, Section
from memos.ingest.foreign import foreign
from memos.ingest.formats import package
from memos.ingest.formats.tables import has_header
from memos.ingest.markdown import sections_at, shortened

_SPACE = "urn:oasis:names:tc:opendocument:xmlns:"
_TEXT = f"{{{_SPACE}text:1.0}}"
_TABLE = f"{{{_SPACE}table:1.0}}"
_OFFICE = f"{{{_SPACE}office:1.0}}"
_DRAWN = f"{{{_SPACE}drawing:1.0}}"
_PICTURED = f"{{{_SPACE}svg-compatible:1.0}}"
_GONE = f"{_TEXT}tracked-changes"  # what was deleted stands there
_BLANK = re.compile(r"[ \t\n\r]+")
_MOST_REPEATED = 100  # spaces, cells

# Its level as a heading, 0 for what is none, and what it says.
_Block = tuple[int, str]


def read(data: bytes) -> Document:
    """Sections by heading.

    Raises:
        NothingToRead: there is no text in it, or it is not safe to open.
        IngestError: it is damaged.
    """
    with package.opened(data, "The ODT") as opened, foreign("The ODT is damaged"):
        from defusedxml.ElementTree import fromstring

        package.refuse_entities(opened, "The ODT")
        root = fromstring(opened.read("content.xml"))
        lines: list[str] = []
        headings = []
        for level, said in _blocks(root):
            if level and said.strip():
                title = " ".join(said.split())
                headings.append((len(lines), len(lines) + 1, level, shortened(title)))
                lines += ["#" * level + " " + title, ""]
            elif said.strip():
                lines += [*said.split("\n"), ""]
        found = sections_at(lines, headings)
        sections = tuple(Section(part, path, Form.MARKDOWN) for path, part in found if part.strip())
    if not sections:
        raise NothingToRead("There is no text in the ODT.")
    return Document(sections)


def _blocks(node: Any) -> Iterator[_Block]:
    """What a node holds, in order."""
    for child in node:
        if child.tag in (f"{_TEXT}p", f"{_TEXT}h", f"{_PICTURED}title", f"{_PICTURED}desc"):
            yield from _paragraph(child)
        elif child.tag == f"{_TEXT}list":
            yield from _list(child, "")
        elif child.tag == f"{_TABLE}table":
            yield from _table(child)
        elif child.tag != _GONE:
            yield from _blocks(child)


def _paragraph(node: Any) -> Iterator[_Block]:
    """A paragraph or heading, and below it the notes, comments and frames that hang on it."""
    hanging: list[Any] = []
    said = _inline(node, hanging)
    level = min(6, _count(node, f"{_TEXT}outline-level")) if node.tag == f"{_TEXT}h" else 0
    yield level, said
    for child in hanging:
        mark = _citation(child)
        for at, (_, text) in enumerate(_blocks(child)):
            yield 0, f"{mark} {text}" if mark and at == 0 else text


def _inline(node: Any, hanging: list[Any]) -> str:
    """The words of a paragraph; what hangs on it is appended to `hanging`."""
    out = [_collapsed(node.text)]
    for child in node:
        if child.tag == f"{_TEXT}s":
            out.append(" " * _count(child, f"{_TEXT}c"))
        elif child.tag == f"{_TEXT}tab":
            out.append("\t")
        elif child.tag == f"{_TEXT}line-break":
            out.append("\n")
        elif child.tag in (f"{_TEXT}note", f"{_OFFICE}annotation") or child.tag.startswith(_DRAWN):
            out.append(_citation(child))
            hanging.append(child)
        elif child.tag != _GONE:
            out.append(_inline(child, hanging))
        out.append(_collapsed(child.tail))
    return "".join(out)


def _citation(node: Any) -> str:
    """The mark of a note, `[1]`; `""` of anything else."""
    mark = node.find(f"{_TEXT}note-citation")
    return f"[{''.join(mark.itertext()).strip()}]" if mark is not None else ""


def _list(node: Any, indent: str) -> Iterator[_Block]:
    for item in node:
        mark = f"{indent}- "
        for child in item:
            if child.tag == f"{_TEXT}list":
                yield from _list(child, f"{indent}  ")
                continue
            for level, said in _blocks([child]):
                yield level, said if level else mark + said  # headings are numbered by lists
                mark = f"{indent}  "


def _table(node: Any) -> Iterator[_Block]:
    """A table as Markdown; one of a single column is a frame around what is in it."""
    rows = [list(_cells(row)) for row in _rows(node)]
    width = max(map(len, rows), default=0)
    if width < 2:
        for row in rows:
            for cell in row:
                yield from _blocks(cell)
        return
    written = [[" ".join(" ".join(said.split()) for _, said in _blocks(cell)).strip() for cell in row] for row in rows]
    table = [[*row, *[""] * (width - len(row))] for row in written if any(row)]
    if not table:
        return
    if not has_header(table):
        table.insert(0, [""] * width)
    table.insert(1, ["---"] * width)
    yield 0, "\n".join(f"| {' | '.join(cell.replace('|', '¦') for cell in row)} |" for row in table)


def _rows(node: Any) -> Iterator[Any]:
    for child in node:
        if child.tag == f"{_TABLE}table-row":
            yield child
        else:  # rows in groups, or repeated on each page
            yield from _rows(child)


def _cells(row: Any) -> Iterator[Any]:
    for cell in row:
        if cell.tag in (f"{_TABLE}table-cell", f"{_TABLE}covered-table-cell"):
            yield cell
            for _ in range(1, _count(cell, f"{_TABLE}number-columns-repeated")):
                yield ()  # the same again, in texts always empty


def _count(node: Any, name: str) -> int:
    """An attribute that says how many, 1 where it is missing or odd."""
    said = node.get(name, "")
    return max(1, min(_MOST_REPEATED, int(said))) if said.isdecimal() and len(said) < 9 else 1


def _collapsed(text: str | None) -> str:
    """Text between tags, where white space only separates."""
    return _BLANK.sub(" ", text or "")
