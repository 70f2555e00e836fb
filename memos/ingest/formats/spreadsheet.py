"""XLSX and XLS by openpyxl and xlrd: each sheet's tables with their column names, dates as ISO 8601.

Values, not formulas; those without a value are counted. A blank row ends a table, as it does for the eye.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator
from datetime import date, datetime, time
from typing import Any
from zipfile import ZipFile

from memos.ingest.decoding import NothingToRead
from memos.ingest.document import Document, Section
from memos.ingest.foreign import foreign
from memos.ingest.formats import package
from memos.ingest.formats.tables import table_sections

MOST_CELLS = 10_000_000  # of a workbook, empty ones between others included
_PART = 1_000_000  # bytes of a sheet looked at in one step
_LONGEST_CELL = 100_000  # bytes of XML
# A cell with a formula and no value, as programs write it that do not calculate. An empty text is a value.
_NO_RESULT = re.compile(
    rb"""<(?:\w+:)?c(?:\s(?![^<>]*\bt="str")[^<>]*)?>\s*"""
    rb"""<(?:\w+:)?f(?:\s[^<>]*)?(?:/>|>[^<]*</(?:\w+:)?f>)\s*"""
    rb"""(?:<(?:\w+:)?v(?:\s[^<>]*)?(?:/>|>\s*</(?:\w+:)?v>)\s*)?</(?:\w+:)?c>"""
)
Rows = Iterable[tuple[int, list[str]]]


def read_xlsx(data: bytes) -> Document:
    """Sections `sheet NAME`, one a table.

    Raises:
        NothingToRead: there is nothing in the cells but formulas without results, or it is not safe to open.
        IngestError: it is damaged.
    """
    with package.opened(data, "The XLSX") as opened, foreign("The XLSX is damaged"):
        package.refuse_entities(opened, "The XLSX")
        note = _note(_without_result(opened))
        from openpyxl import load_workbook

        book = load_workbook(io.BytesIO(data), read_only=True, data_only=True)
        try:
            return _document([(sheet.title, _xlsx_rows(sheet)) for sheet in book.worksheets], "XLSX", note)
        finally:
            book.close()


def read_xls(data: bytes) -> Document:
    """Sections `sheet NAME`, one a table, of the format before 2007.

    Raises:
        NothingToRead: there is nothing in the cells, or it is encrypted.
        IngestError: it is damaged.
    """
    with foreign("The XLS is damaged"):
        import xlrd

        try:
            book = xlrd.open_workbook(file_contents=data, logfile=io.StringIO())
        except xlrd.XLRDError as error:
            if "encrypted" in str(error).lower():
                raise NothingToRead("The XLS is encrypted with a password.") from error
            raise
        return _document([(sheet.name, _xls_rows(sheet, book.datemode)) for sheet in book.sheets()], "XLS")


def _without_result(opened: ZipFile) -> int:
    """How many formulas have no stored result: counted in the XML, which costs little beside reading the cells."""
    count = 0
    for name in opened.namelist():
        if not name.startswith("xl/worksheets/"):
            continue
        with opened.open(name) as part:
            rest = b""
            while block := part.read(_PART):
                seen, end = rest + block, 0
                for found in _NO_RESULT.finditer(seen):
                    count, end = count + 1, found.end()
                rest = seen[max(end, len(seen) - _LONGEST_CELL) :]
    return count


def _note(formulas: int) -> str:
    said = "1 formula has" if formulas == 1 else f"{formulas:,} formulas have"
    return f"{said} no stored result; open and save the file in a spreadsheet program." if formulas else ""


def _document(sheets: list[tuple[str, Rows]], what: str, note: str = "") -> Document:
    sections: list[Section] = []
    left = MOST_CELLS
    for name, rows in sheets:
        table: list[list[str]] = []
        first = 0
        for number, row in rows:
            left -= len(row)
            if left < 0:
                break
            if table and number != first + len(table):
                sections += _sections(table, name, first)
                table = []
            first = first if table else number
            table.append(row)
        sections += _sections(table, name, first)
        if left < 0:
            note = f"{note} Only the first {MOST_CELLS:,} cells were read.".lstrip()
            break
    if not sections:
        raise NothingToRead(note or f"There is nothing in the cells of the {what}.")
    return Document(tuple(sections), note)


def _sections(table: list[list[str]], sheet: str, first: int) -> list[Section]:
    """One table without the columns that are empty on its left and right."""
    filled = [column for row in table for column, cell in enumerate(row) if cell.strip()]
    if not filled:
        return []
    left, right = min(filled), max(filled) + 1
    return table_sections([row[left:right] for row in table], location=f"sheet {sheet}", first=first)


def _xlsx_rows(sheet: Any) -> Iterator[tuple[int, list[str]]]:
    sheet.reset_dimensions()  # what the file declares may be a million columns
    for number, row in enumerate(sheet.iter_rows(values_only=True), start=1):
        cells = [_written(value) for value in row]
        if any(cell.strip() for cell in cells):
            yield number, cells


def _xls_rows(sheet: Any, datemode: int) -> Iterator[tuple[int, list[str]]]:
    import xlrd

    def value(cell: Any) -> str:
        if cell.ctype == xlrd.XL_CELL_DATE:
            return _written(_moment(cell.value, datemode))
        if cell.ctype == xlrd.XL_CELL_BOOLEAN:
            return _written(bool(cell.value))
        return "" if cell.ctype == xlrd.XL_CELL_ERROR else _written(cell.value)

    for number in range(sheet.nrows):
        cells = [value(cell) for cell in sheet.row(number)]
        if any(cell.strip() for cell in cells):
            yield number + 1, cells


def _moment(days: float, datemode: int) -> datetime | time | float:
    """A date and time of XLS; below the first day a time alone, and beyond the calendar the number as it is."""
    import xlrd

    try:
        moment: datetime = xlrd.xldate_as_datetime(days, datemode)
    except (ValueError, OverflowError):
        return days
    return moment if days >= 1 else moment.time() if days >= 0 else days


def _written(value: object) -> str:
    """A cell as one writes it: no midnight after a date, no `.0` after a whole number."""
    match value:
        case None:
            return ""
        case datetime():
            whole_day = value.time() == time()
            return value.date().isoformat() if whole_day else value.isoformat(" ", "seconds")
        case date() | time():
            return value.isoformat()
        case float() if value.is_integer() and abs(value) < 1e15:
            return str(int(value))
        case float():
            return f"{value:.15g}"  # what the file means by 0.30000000000000004
    return str(value)
