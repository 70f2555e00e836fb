"""CSV and TSV by the standard library: a table with its column names. What is none stays text."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter

from memos.ingest.document import Document, Section
from memos.ingest.formats.tables import table_sections

_SAMPLE = 20_000  # characters looked at to find the delimiter
_LINES = 50  # of them
_DELIMITERS = ",;\t|"
_MOST_LINES = 50  # in one cell: more of them may be a quote that nobody closed
_DECIMAL = re.compile(r"\s*\"?[-+]?[\d.]*\d,\d+\"?\s*\Z")
_SAID = re.compile(r'"?sep=([^\w\s"]|\t)"?[^\S\n]*\n', re.IGNORECASE)  # how Excel is told the delimiter


def read(text: str) -> Document:
    """A table, or plain text where the columns cannot be told."""
    said = _SAID.match(text)
    table = text[said.end() :] if said else text
    rows = _rows(table, said[1] if said else _delimiter(table[:_SAMPLE].split("\n")[:_LINES]))
    if rows is None:
        return Document((Section(text, line=1),))
    plain = len(rows) == len(table.rstrip("\n").split("\n"))  # then a row's number is its line's
    sections = table_sections(rows, first=2 if said else 1, unit="line" if plain else "row")
    return Document(tuple(sections) or (Section(text, line=1),))


def _rows(text: str, delimiter: str) -> list[list[str]] | None:
    most = 0 if delimiter == "\t" else _MOST_LINES
    rows: list[list[str]] | None
    try:
        rows = _parsed(text, delimiter)
        if any(cell.count("\n") > most for row in rows for cell in row):
            # A quote that nobody closed may have taken lines in, to the end or to the quote of another cell.
            _parsed(text, delimiter, strict=True)
    except csv.Error:  # or a cell of more than 128 KiB
        rows = _unquoted(text) if delimiter == "\t" else None
    return rows if rows and any(len(row) > 1 for row in rows[:_LINES]) else None


def _parsed(text: str, delimiter: str, strict: bool = False) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text), delimiter=delimiter, strict=strict))


def _unquoted(text: str) -> list[list[str]] | None:
    """Rows between tabs, where quotes mean nothing, as many programs write them."""
    try:
        return list(csv.reader(io.StringIO(text), delimiter="\t", quoting=csv.QUOTE_NONE))
    except csv.Error:
        return None


def _delimiter(lines: list[str]) -> str:
    """The one that gives the most rows alike, and of these the most columns."""

    def fitness(delimiter: str) -> tuple[int, int]:
        text = "\n".join(lines)
        try:  # tabs need no quotes, and those that there are may be open
            rows = _unquoted(text) if delimiter == "\t" else _parsed(text, delimiter)
        except csv.Error:
            return 0, 0
        widths = Counter(len(row) for row in rows or () if len(row) > 1)
        width, alike = max(widths.items(), key=lambda item: item[1], default=(0, 0))
        return alike, width

    return ";" if _has_decimal_commas(lines) else max(_DELIMITERS, key=fitness)


def _has_decimal_commas(lines: list[str]) -> bool:
    """Whether there are semicolons in all lines, and commas within numbers between them and nowhere else."""
    rows = [line.split(";") for line in lines if line.strip()]
    with_comma = [cell for row in rows for cell in row if "," in cell]
    return bool(with_comma) and all(map(_DECIMAL.match, with_comma)) and all(len(row) > 1 for row in rows)
