"""A file's bytes become pieces of text, each with its place in the document.

Owns the table of which reader reads which kind. It opens no file, and knows neither how kinds are told apart
(`detection`), nor formats (`formats`), nor passages.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import PurePath

from memos.ingest.decoding import Decoded, NothingToRead, decode, separated
from memos.ingest.detection import Kind, binary_kind, misnamed, text_kind
from memos.ingest.document import Document, Form, Section
from memos.ingest.formats import (
    delimited,
    epub,
    html,
    json_values,
    latex,
    mail,
    notebook,
    odt,
    office,
    pdf,
    rst,
    source_code,
    spreadsheet,
)

__all__ = ["Document", "Form", "Section", "read_document"]

_MOST_NESTED = 3  # messages attached to messages
# What a terminal obeys, and line ends. Decoded text has escapes, and JSON and HTML can name all of them.
_CONTROLS = re.compile(r"\x1b\[[0-9;?]{0,20}[A-Za-z]|\r\n?|[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def read_document(data: bytes, name: str) -> Document:
    """Read a file's content.

    Args:
        data: all of its bytes.
        name: its name; the ending decides between formats that look alike.

    Raises:
        NothingToRead: the file has no text, or is of a kind that memos does not read.
        IngestError: the file should have text, but is damaged.
    """
    document = _read(data, name, _MOST_NESTED)
    return replace(document, sections=tuple(map(_writable, document.sections)))


def _read(data: bytes, name: str, depth: int) -> Document:
    if not data:
        raise NothingToRead("The file is empty (0 bytes).")
    kind = binary_kind(data)
    if kind in _FROM_BYTES:
        return _FROM_BYTES[kind](data)
    found = Decoded("") if PurePath(name).suffix.lower() in (".html", ".htm", ".xhtml") else decode(data)
    kind = text_kind(found.text, name)
    text = found.text if kind in _QUOTED else separated(found.text)
    if kind in (Kind.MAIL, Kind.MAILBOX):
        return _mail(data, kind, depth)
    if kind is Kind.HTML:
        return html.read(data)  # it says itself what its encoding is
    document = _FROM_TEXT[kind](text) if kind in _FROM_TEXT else _plain(text, name)
    notes = [note for note in (misnamed(name), found.note, document.note) if note]
    return replace(document, note=" ".join(notes))


def _writable(section: Section) -> Section:
    """A section without control characters, and without lone surrogates, which JSON can name and nothing can write:
    each becomes U+FFFD."""
    said = {name: _CONTROLS.sub(_shown, getattr(section, name)) for name in ("text", "location", "header")}
    try:
        for text in said.values():
            text.encode()
    except UnicodeEncodeError:
        wide = {name: text.encode("utf-16", "surrogatepass") for name, text in said.items()}
        said = {name: data.decode("utf-16", "replace") for name, data in wide.items()}
    return replace(section, text=said["text"], location=said["location"], header=said["header"])


def _shown(control: re.Match[str]) -> str:
    """What a reader sees of a control character: a line end, a space as of a form feed, or nothing."""
    return "\n" if control[0][0] == "\r" else " " if control[0].isspace() else ""


def _mail(data: bytes, kind: Kind, depth: int) -> Document:
    def attachment(content: bytes, file: str) -> Document:
        if depth == 0:
            raise NothingToRead("It is attached to an attachment of an attachment.")
        return _read(content, file, depth - 1)

    return (mail.read_mailbox if kind is Kind.MAILBOX else mail.read_message)(data, attachment)


def _notebook(text: str) -> Document:
    return notebook.read(text) or json_values.read_json(text)


def _markdown(text: str) -> Document:
    return Document(html.markdown_sections(text))


def _plain(text: str, name: str) -> Document:
    grammar = source_code.language(text, name)
    return source_code.read(text, grammar) if grammar else Document((Section(text, line=1),))


_QUOTED = (Kind.JSON, Kind.JSON_LINES, Kind.NOTEBOOK)
_FROM_BYTES: dict[Kind | None, Callable[[bytes], Document]] = {
    Kind.PDF: pdf.read,
    Kind.DOCX: office.read_docx,
    Kind.PPTX: office.read_pptx,
    Kind.ODT: odt.read,
    Kind.MSG: office.read_msg,
    Kind.XLSX: spreadsheet.read_xlsx,
    Kind.XLS: spreadsheet.read_xls,
    Kind.EPUB: epub.read,
}
_FROM_TEXT: dict[Kind, Callable[[str], Document]] = {
    Kind.MARKDOWN: _markdown,
    Kind.RST: rst.read,
    Kind.LATEX: latex.read,
    Kind.DELIMITED: delimited.read,
    Kind.JSON: json_values.read_json,
    Kind.JSON_LINES: json_values.read_lines,
    Kind.NOTEBOOK: _notebook,
}
