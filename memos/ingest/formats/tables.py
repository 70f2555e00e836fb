"""Rows become a section: cells on one line, the column names kept apart so that each passage can repeat them.

It does not know where rows come from: delimited text, sheets and JSON all do.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from memos.ingest.document import CELL, Form, Section

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


def has_header(rows: Sequence[Sequence[str]]) -> bool:
    """Whether the first of several rows names columns: nothing in it is a number, and most of it is filled."""
    if len(rows) < 2:
        return False
    filled = [cell.strip() for cell in rows[0] if cell.strip()]
    return 2 * len(filled) >= len(rows[0]) > 0 and not any(map(_NUMBER.match, filled))


def line(cells: Sequence[str]) -> str:
    """A row as one line. A bar within a cell would look like the end of it."""
    return CELL.join(" ".join(cell.split()).replace(CELL, " ¦ ") for cell in cells)
