"""CSV and TSV by the standard library: a table with its column names. What is none stays text."""

from __future__ import annotations

import csv
import io
from collections import Counter

from memos.ingest.document import Document, Section
from memos.ingest.formats.tables import table_section

_SAMPLE = 20_000  # characters looked at to find the delimiter
_LINES = 50  # of them
_DELIMITERS = ",;\t|"
_MOST_LINES = 50  # in one cell: more of them are a quote that nobody closed


def read(text: str) -> Document:
    """A table, or plain text where the columns cannot be told."""
    rows = _rows(text)
    if rows is None:
        return Document((Section(text, line=1),))
    plain = len(rows) == len(text.rstrip("\n").split("\n"))  # then a row's number is its line's
    section = table_section(rows, unit="line" if plain else "row")
    return Document((section or Section(text, line=1),))


def _rows(text: str) -> list[list[str]] | None:
    delimiter = _delimiter(text[:_SAMPLE].split("\n")[:_LINES])
    rows = []
    try:
        for row in csv.reader(io.StringIO(text), delimiter=delimiter):
            if any(cell.count("\n") > _MOST_LINES for cell in row):
                return None
            rows.append(row)
    except csv.Error:  # a cell of more than 128 KiB
        return None
    return rows if rows and any(len(row) > 1 for row in rows[:_LINES]) else None


def _delimiter(lines: list[str]) -> str:
    """The one that gives the most rows alike, and of these the most columns."""

    def fitness(delimiter: str) -> tuple[int, int]:
        try:
            widths = Counter(len(row) for row in csv.reader(lines, delimiter=delimiter) if len(row) > 1)
        except csv.Error:
            return 0, 0
        width, alike = max(widths.items(), key=lambda item: item[1], default=(0, 0))
        return alike, width

    return max(_DELIMITERS, key=fitness)
