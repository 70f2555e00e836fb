"""What kind of document bytes are: by what is in them, and by the name only where contents look alike.

It reads nothing: `readers` has a reader for each kind.
"""

from __future__ import annotations

import io
import re
from enum import StrEnum
from pathlib import PurePath
from typing import NoReturn

from memos.errors import IngestError
from memos.ingest.decoding import NothingToRead
from memos.ingest.foreign import foreign
from memos.ingest.formats.package import is_complete, kind_of

# Formats that are recognised only to give a better reason than "binary". Where they begin with letters that a text may
# begin with, too, what no text has must follow.
_UNREAD = (
    (rb"PK\x05\x06", "an empty ZIP archive"),
    (rb"\x1f\x8b", "a gzip archive"),
    (rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)", "a bzip2 archive"),
    (rb"\xfd7zXZ\x00", "an xz archive"),
    (rb"\x28\xb5\x2f\xfd", "a Zstandard archive"),
    (rb"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (rb"Rar!\x1a\x07", "a RAR archive"),
    (rb"\x89PNG", "a PNG image"),
    (rb"\xff\xd8\xff", "a JPEG image"),
    (rb"GIF8[79]a.{0,6}\x00", "a GIF image"),
    (rb"RIFF.{4}(?:WAVE|AVI |WEBP).{0,24}\x00", "sound, a film or a picture"),
    (rb"OggS\x00", "sound or a film"),
    (rb"ID3[\x02-\x04]\x00", "sound"),
    (rb"fLaC[\x00\x80]\x00", "sound"),
    (rb"\x7fELF", "a program"),
    (rb"\xca\xfe\xba\xbe", "a program"),
    (rb"SQLite format 3\x00", "an SQLite database"),
    (rb"GGUF(?:.\x00{3}|\x00{3})", "a GGUF model"),
    (rb"\{\\rtf\d", "rich text (RTF)"),
)
# A PDF may have something before it: the headers of a reply, say. A text that mentions one has not its end as well.
_PDF = re.compile(rb"(?:\xef\xbb\xbf)?\s{0,1000}%PDF-\d")
_PDF_END = re.compile(rb"startxref\s+\d+\s+%%EOF")
_OFFICE = (b"[Content_Types].xml", b"docProps/", b"word/", b"xl/", b"ppt/", b"mimetypeapplication/")
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # Office before 2007, Outlook, and Office encrypted
_STREAMS = (
    ("EncryptedPackage", "The Office document is encrypted with a password."),
    ("WordDocument", "The file is a Word document of before 2007 (.doc), which memos does not read; save it as .docx."),
    (
        "PowerPoint Document",
        "The file is a presentation of before 2007 (.ppt), which memos does not read; save it as .pptx.",
    ),
)
_HTML = re.compile(
    r"\s{0,1000}(?:<!--.{0,2000}?-->\s{0,1000})?<(?:!doctype\s+html|html[\s>])", re.IGNORECASE | re.DOTALL
)
_HEADER = re.compile(r"([A-Za-z][A-Za-z0-9-]{0,60}):")
_ADDRESSED = frozenset({"to", "subject", "date"})
_SENT = frozenset({"message-id", "mime-version", "received", "delivered-to", "return-path"})
_MAILBOX = re.compile(r"From \S{1,300} .{0,100}\d\d:\d\d.{0,100}\n[A-Za-z-]{1,60}:")


class Kind(StrEnum):
    """A format with a reader of its own."""

    PDF = "PDF"
    DOCX = "DOCX"
    PPTX = "PPTX"
    XLSX = "XLSX"
    XLS = "XLS"
    ODT = "ODT"
    EPUB = "EPUB"
    MSG = "Outlook message"
    HTML = "HTML"
    MAIL = "e-mail"
    MAILBOX = "mailbox"
    MARKDOWN = "Markdown"
    RST = "reStructuredText"
    LATEX = "LaTeX"
    DELIMITED = "CSV"
    JSON = "JSON"
    JSON_LINES = "JSON Lines"
    NOTEBOOK = "notebook"
    TEXT = "text"  # programs among it: their readers look at the name again


_ENDINGS = {
    **dict.fromkeys((".html", ".htm", ".xhtml"), Kind.HTML),
    **dict.fromkeys((".md", ".markdown", ".mdown", ".mkd", ".mdx", ".qmd", ".rmd"), Kind.MARKDOWN),
    **dict.fromkeys((".rst", ".rest"), Kind.RST),
    **dict.fromkeys((".tex", ".ltx"), Kind.LATEX),
    **dict.fromkeys((".csv", ".tsv", ".tab"), Kind.DELIMITED),
    **dict.fromkeys((".json", ".geojson", ".webmanifest"), Kind.JSON),
    **dict.fromkeys((".jsonl", ".ndjson"), Kind.JSON_LINES),
    ".ipynb": Kind.NOTEBOOK,
    ".eml": Kind.MAIL,
    ".mbox": Kind.MAILBOX,
}
# What is only known by its bytes; a file of this name without them is something else.
_BY_BYTES = (
    ".pdf",
    ".docx",
    ".docm",
    ".pptx",
    ".xlsx",
    ".xlsm",
    ".xls",
    ".epub",
    ".odt",
    ".msg",
    ".doc",
    ".ppt",
    ".zip",
)


def binary_kind(data: bytes) -> Kind | None:
    """The kind of bytes that are no text, or None.

    Raises:
        NothingToRead: they are of a kind that memos knows and does not read.
    """
    if _PDF.match(data) or (b"%PDF-" in data[:1024] and _PDF_END.search(data[-1024:])):
        return Kind.PDF
    if data.startswith(b"PK\x03\x04"):
        kind = kind_of(data)
        if not kind:
            _refuse_package(data)
        return Kind[kind.upper()]
    if data.startswith(_OLE):
        return _ole_kind(data)
    for magic, what in _UNREAD:
        if re.match(magic, data, re.DOTALL):
            raise NothingToRead(f"The file is {what}, which memos does not read.")
    return None


def text_kind(text: str, name: str) -> Kind:
    """The kind of a text; where its looks say nothing the name decides, so JSON in a `.txt` stays text."""
    ending = PurePath(name).suffix.lower()
    if _MAILBOX.match(text) and ending in ("", ".mbox", ".txt", ".mail"):
        return Kind.MAILBOX
    if ending == ".mbox":
        return Kind.TEXT
    if ending in _ENDINGS:
        return _ENDINGS[ending]
    if ending in ("", ".txt", ".text", *_BY_BYTES):
        if _HTML.match(text):
            return Kind.HTML
        if text.lstrip().startswith("\\documentclass"):
            return Kind.LATEX
        if _is_mail(text):
            return Kind.MAIL
    return Kind.TEXT


def _is_mail(text: str) -> bool:
    """Whether a text begins with the headers that mail programs write."""
    names = set()
    for line in text[:100_000].partition("\n\n")[0].split("\n"):
        header = _HEADER.match(line)
        if header:
            names.add(header[1].lower())
        elif not line.startswith((" ", "\t")):
            return False
    return "from" in names and bool(names & _ADDRESSED) and bool(names & _SENT)


def misnamed(name: str) -> str:
    """A sentence on a text that is named like a binary format, or `""`."""
    ending = PurePath(name).suffix.lower()
    return f"The file is named {ending}, but is text, and was read as that." if ending in _BY_BYTES else ""


def _refuse_package(data: bytes) -> NoReturn:
    document = any(mark in data[:4096] for mark in _OFFICE)
    if document and not is_complete(data):
        raise IngestError("The document is damaged: its ZIP package is cut off or overwritten.")
    if document:
        raise NothingToRead("The file is an Office document of a kind that memos does not read.")
    raise NothingToRead("The file is a ZIP archive, which memos does not read; unpack it first.")


def _ole_kind(data: bytes) -> Kind:
    """Old Office formats are told apart by what is at the root: what is attached or embedded has the same names."""
    with foreign("The old Office document is damaged"):
        from olefile import OleFileIO

        with OleFileIO(io.BytesIO(data)) as opened:
            names = {path[0].lower() for path in opened.listdir(storages=True)}
    for stream, reason in _STREAMS:
        if stream.lower() in names:
            raise NothingToRead(reason)
    if any(name.startswith("__substg1.0_") for name in names):
        return Kind.MSG
    if names & {"workbook", "book"}:
        return Kind.XLS
    raise NothingToRead("The file is an old Office document of a kind that memos does not read.")
