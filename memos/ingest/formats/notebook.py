"""Jupyter notebooks: Markdown under its headings, code by its syntax, outputs cut to what one reads."""

from __future__ import annotations

import json
import re
from itertools import chain
from typing import Any

from memos.ingest.decoding import NothingToRead
from memos.ingest.document import Document, Form, Section, place
from memos.ingest.formats.source_code import GRAMMARS
from memos.ingest.markdown import Titles, heading_path, heading_sections

_OUTPUT = 2000  # characters of one cell's outputs
_COLOURS = re.compile(r"\x1b?\[[0-9;]{0,20}m")


def read(text: str) -> Document | None:
    """Sections `HEADING, cell 4`; None where the text is no notebook.

    Raises:
        NothingToRead: its cells are empty.
    """
    try:
        notebook = json.loads(text)
    except (ValueError, RecursionError):
        return None
    cells = _cells(notebook) if isinstance(notebook, dict) and "nbformat" in notebook else None
    if cells is None:
        return None
    language = _language(notebook)
    sections: list[Section] = []
    titles: Titles = []  # a heading holds for the cells below
    for number, cell in enumerate(cells, start=1):
        if not isinstance(cell, dict):
            continue
        source = _source(cell)
        heading = heading_path(titles)
        if cell.get("cell_type") in ("markdown", "heading"):
            for path, part in heading_sections(source, titles):
                sections.append(Section(part, place(path, f"cell {number}"), Form.MARKDOWN))
        elif source.strip():
            form = Form.CODE if cell.get("cell_type") == "code" and language else Form.TEXT
            sections.append(Section(source, place(heading, f"cell {number}"), form, language=language))
        if output := _outputs(cell.get("outputs")):
            sections.append(Section(output, place(heading, f"cell {number} output")))
    if not sections:
        raise NothingToRead("There is nothing in the notebook's cells.")
    return Document(tuple(sections))


def _cells(notebook: dict[str, Any]) -> list[Any] | None:
    """Its cells, from the sheets of format 3 (before 2014), too; None where there are none to be found."""
    sheets = notebook.get("worksheets")
    lists = [sheet.get("cells") for sheet in sheets if isinstance(sheet, dict)] if isinstance(sheets, list) else []
    lists.append(notebook.get("cells"))
    found = [cells for cells in lists if isinstance(cells, list)]
    return list(chain.from_iterable(found)) if found else None


def _source(cell: dict[str, Any]) -> str:
    """What was written in a cell. Format 3 has code as `input`, and headings as cells with a level."""
    source = _joined(cell.get("source", cell.get("input")))
    level = cell.get("level")
    if cell.get("cell_type") == "heading" and isinstance(level, int) and 1 <= level <= 6:
        return f"{'#' * level} {source}"
    return source


def _language(notebook: dict[str, Any]) -> str:
    metadata = notebook.get("metadata")
    info = metadata.get("language_info") or metadata.get("kernelspec") if isinstance(metadata, dict) else None
    name = str(info.get("name", "python")).lower() if isinstance(info, dict) else "python"
    return name if name in GRAMMARS.values() else "python" if name.startswith(("python", "ipython")) else ""


def _joined(source: object) -> str:
    text = "".join(map(str, source)) if isinstance(source, list) else source if isinstance(source, str) else ""
    return text.replace("\r\n", "\n").replace("\x00", "")


def _outputs(outputs: object) -> str:
    """Text that a cell printed, returned or failed with. Pictures and widgets are not text."""
    said: list[str] = []
    for output in outputs if isinstance(outputs, list) else ():
        if not isinstance(output, dict):
            continue
        data = output.get("data")
        if output.get("output_type") == "error":
            said.append(f"{output.get('ename')}: {output.get('evalue')}")
        elif isinstance(data, dict):
            said.append(_joined(data.get("text/markdown") or data.get("text/plain")))
        else:
            said.append(_joined(output.get("text")))
    text = _COLOURS.sub("", "\n".join(part.rstrip() for part in said if part.strip()))
    return text if len(text) <= _OUTPUT else f"{text[:_OUTPUT]}…"
