"""Tables of a PDF's page: where lines are drawn round cells, what stands in them becomes rows.

pdfplumber says where the cells are; whose words stand there is pdfium's to say, as for the rest of the page, so that
words stay whole. It does not know documents, nor what is done with a page's text.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from itertools import islice, zip_longest
from statistics import median
from typing import Any

from memos.ingest.formats.tables import line

FEWEST_LINES = 6  # drawn on a page; fewer enclose no two rows of two cells
LONGEST_CELL = 120  # characters of a usual cell; of more it is a page that is laid out in frames

Box = tuple[float, float, float, float]  # left, bottom, right, top, in points from the page's lower left
Grid = list[list[Box | None]]  # rows of cells; None where one reaches into its neighbour's place


def with_tables(pdf: Any, index: int, page: Any, words: Any) -> str | None:
    """A page as Markdown, its tables where the first of their words stood.

    Args:
        pdf: the document, by pypdfium2.
        index: of the page, from 0.
        page: the page.
        words: its text.

    Returns:
        The text, as pdfium spells it; None where the page has no table.
    """
    grids = _grids(pdf, index, page)
    if not grids:
        return None
    written = list(_characters(words))
    places = [_cell_of(grids, x, y) for _, x, y in written]
    cells: list[list[list[list[str]]]] = [[[[] for _ in row] for row in grid] for grid in grids]
    for (character, _, _), at in zip(written, places, strict=True):
        if at is not None:
            grid, row, column = at
            cells[grid][row][column].append(character)
    tables = [_table([["".join(cell) for cell in row] for row in grid]) for grid in cells]
    parts: list[str] = []
    told: set[int] = set()
    for (character, _, _), at in zip(written, places, strict=True):
        if at is None or not tables[at[0]]:
            parts.append(character)
        elif at[0] not in told:
            told.add(at[0])
            parts.append(f"\n\n{tables[at[0]]}\n\n")
    return "".join(parts) if told else None


def _grids(pdf: Any, index: int, page: Any) -> list[Grid]:
    """The cells round which lines are drawn, by tables."""
    from pypdfium2.raw import FPDF_PAGEOBJ_PATH

    left, bottom, _, top = page.get_mediabox()
    drawn = islice(page.get_objects(filter=[FPDF_PAGEOBJ_PATH]), FEWEST_LINES)  # a map draws thousands
    if page.get_rotation() or (left, bottom) != (0, 0) or len(list(drawn)) < FEWEST_LINES:
        return []
    import pdfplumber
    import pypdfium2

    alone, copy = io.BytesIO(), pypdfium2.PdfDocument.new()
    try:
        copy.import_pages(pdf, [index])
        copy.save(alone)
        with pdfplumber.open(alone) as opened:
            tables = [[row.cells for row in table.rows] for table in opened.pages[0].find_tables()]
    except Exception:  # pdfminer raises whatever a damaged page makes it stumble over; its text is read all the same
        return []
    finally:
        copy.close()
    return [
        [[cell and (cell[0], top - cell[3], cell[2], top - cell[1]) for cell in row] for row in table]
        for table in tables
    ]


def _characters(words: Any) -> Iterator[tuple[str, float, float]]:
    """What is written on a page, character by character, and the middle of each. White space, which has no place of its
    own, is where the character before it is."""
    from pypdfium2.raw import FPDFText_GetUnicode

    x = y = -1.0
    for index in range(words.count_chars()):
        character = chr(FPDFText_GetUnicode(words.raw, index))
        if not character.isspace():
            left, bottom, right, top = words.get_charbox(index)
            x, y = (left + right) / 2, (bottom + top) / 2
        yield character, x, y


def _cell_of(grids: Sequence[Grid], x: float, y: float) -> tuple[int, int, int] | None:
    """Which grid, row and column a point is in."""
    for number, grid in enumerate(grids):
        for at, row in enumerate(grid):
            for column, cell in enumerate(row):
                if cell and cell[0] <= x <= cell[2] and cell[1] <= y <= cell[3]:
                    return number, at, column
    return None


def _table(rows: Sequence[Sequence[str]]) -> str:
    """Rows as a Markdown table; nothing where they are none but frames round text."""
    columns = [column for column in zip_longest(*rows, fillvalue="") if any(cell.strip() for cell in column)]
    full = [row for row in zip(*columns, strict=True) if any(cell.strip() for cell in row)]
    lengths = [len(cell) for row in full for cell in row if cell.strip()]
    paired = sum(sum(bool(cell.strip()) for cell in row) >= 2 for row in full)
    if paired < 2 or median(lengths) > LONGEST_CELL:
        return ""
    first, *rest = (f"| {line(row)} |" for row in full)
    return "\n".join([first, f"| {line(['---'] * len(columns))} |", *rest])
