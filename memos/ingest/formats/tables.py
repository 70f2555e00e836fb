"""Rows become sections: cells on one line, the column names kept apart so that each passage can repeat them.

It does not know where rows come from: delimited text, sheets and JSON all do.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from memos.ingest.document import CELL, Form, Section

_LOOKED_AT = 50  # rows, to tell names from what they name
_MOST_ABOVE = 10  # rows above the column names: a title, who wrote it and when
_YEAR = re.compile(r"(?:19|20)\d\d$")
_NUMBER = re.compile(r"[-+(]?[$€£¥]?\d[\d.,:/ -]*%?\)?$")


def table_section(
    rows: Sequence[Sequence[str]], *, location: str = "", first: int = 1, unit: str = "row"
) -> Section | None:
    """A table as a section, or None where nothing is in it.

    Args:
        rows: its rows, the column names among them if it has any.
        location: where it is.
        first: the number of the first row.
        unit: what numbers count.
    """
    header = has_header(rows)
    body = rows[1:] if header else rows
    text = "\n".join(map(line, body))
    if not text.strip(f"{CELL}\n"):
        return None
    names = line(rows[0]) if header else ""
    return Section(text, location, Form.TABLE, first + header, unit, names)


def table_sections(
    rows: Sequence[Sequence[str]], *, location: str = "", first: int = 1, unit: str = "row"
) -> list[Section]:
    """A table that somebody made by hand: what stands above its column names as a section of its own, and the table.

    Args:
        rows: all of its rows.
        location: where it is.
        first: the number of the first row.
        unit: what numbers count.
    """
    above = _above(rows)
    said = "\n".join(line([cell for cell in row if cell.strip()]) for row in rows[:above])
    title = Section(said, location, Form.TABLE, first, unit) if said.strip() else None
    table = table_section(rows[above:], location=location, first=first + above, unit=unit)
    return [section for section in (title, table) if section]


def _above(rows: Sequence[Sequence[str]]) -> int:
    """How many rows stand above the column names: at most half as wide as the table, or one cell."""
    widths = [max((at for at, cell in enumerate(row, start=1) if cell.strip()), default=0) for row in rows[:_LOOKED_AT]]
    width = max((w for w in widths if w > 1), key=widths.count, default=0)
    above = next((at for at, w in enumerate(widths) if w > max(1, width // 2)), 0)
    return above if above <= _MOST_ABOVE and has_header(rows[above:]) else 0


def has_header(rows: Sequence[Sequence[str]]) -> bool:
    """Whether the first of several rows names columns: most of it is filled, and with no number but a year's.

    A year names a column of numbers that are not years themselves, and stands beside other names.
    """
    if len(rows) < 2:
        return False
    cells = [cell.strip() for cell in rows[0]]
    numbers = [column for column, cell in enumerate(cells) if _NUMBER.match(cell)]
    filled = len(cells) - cells.count("")
    if not 2 * filled >= len(cells) > len(numbers):
        return False
    return all(_YEAR.match(cells[column]) and _has_amounts(rows, column) for column in numbers)


def _has_amounts(rows: Sequence[Sequence[str]], column: int) -> bool:
    """Whether there are numbers in a column below its first row, and most of them are no years."""
    below = [row[column].strip() for row in rows[1:_LOOKED_AT] if column < len(row) and row[column].strip()]
    years = sum(bool(_YEAR.match(cell)) for cell in below)
    return 2 * years < len(below) and all(map(_NUMBER.match, below))


def line(cells: Sequence[str]) -> str:
    """A row as one line. A bar within a cell would look like the end of it."""
    return CELL.join(" ".join(cell.split()).replace(CELL, " ¦ ") for cell in cells)
