"""What a file says: pieces of text, each with its place. Plain values, because parsing runs in another process.

It knows neither formats nor passages; `formats` make these, the splitter cuts them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

CELL = " | "  # between the cells of a table's row


class Form(StrEnum):
    """How a section is written, which says where it may be cut."""

    TEXT = "text"  # paragraphs and sentences
    MARKDOWN = "markdown"  # the same, with tables and fenced code
    TABLE = "table"  # a row a line, cells apart by `CELL`
    CODE = "code"  # a program in `Section.language`


@dataclass(frozen=True, slots=True)
class Section:
    """A piece of a document that has one place.

    Args:
        text: what is written there, `\\n` line ends.
        location: heading path (`Setup > Linux`), `page 3`, `sheet Sales`, `item 2 > name`, or `""` for no place.
        form: where it may be cut.
        line: number of the text's first line, from 1; 0 where numbers mean nothing to a reader.
        unit: what the numbers count: `line`, `row`, `item`.
        header: a table's column names, repeated in each of its passages; `""` where it has none.
        language: the grammar of `Form.CODE`, by tree-sitter's name.
    """

    text: str
    location: str = ""
    form: Form = Form.TEXT
    line: int = 0
    unit: str = "line"
    header: str = ""
    language: str = ""


@dataclass(frozen=True, slots=True)
class Document:
    """What a file says.

    Args:
        sections: in reading order; at least one, none of them blank.
        note: what could not be read although the rest could, as a sentence; `""` for nothing.
    """

    sections: tuple[Section, ...]
    note: str = ""


def place(*parts: str) -> str:
    """Parts of a location, outermost first, without the empty ones: `message 3, page 2`."""
    return ", ".join(part for part in parts if part)
