"""A file's bytes become pieces of text, each with its place in the document.

Owns what a file is (by its content, then its name) and the libraries that read formats: markitdown for PDF
and HTML, pdfium for the pages of a PDF. It opens no file, and knows neither passages nor storage.
"""

from __future__ import annotations

import io
import logging
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePath

from memos.errors import IngestError
from memos.ingest.decoding import NothingToRead, decode
from memos.ingest.markdown import heading_sections

_MARKDOWN = frozenset({".md", ".markdown", ".mdown", ".mkd", ".mdx"})
_HTML = frozenset({".html", ".htm", ".xhtml"})
_DECLARED = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([A-Za-z0-9_.:-]{1,40})", re.IGNORECASE)

# Formats that are recognised only to give a better reason than "binary".
_KNOWN_BINARY = (
    (b"PK\x03\x04", "a ZIP container (an archive, or an Office document)"),
    (b"PK\x05\x06", "an empty ZIP archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Office document"),
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"\x7fELF", "a program"),
    (b"SQLite format 3\x00", "an SQLite database"),
    (b"GGUF", "a GGUF model"),
)


@dataclass(frozen=True, slots=True)
class Section:
    """A piece of a document that has one place.

    Args:
        text: what is written there, `\\n` line ends.
        location: heading path (`Setup > Linux`), page (`page 3`), or `""` where the format has no places.
        markdown: whether the text is Markdown.
        line: number of the section's first line in the file; 0 where lines mean nothing to a reader.
    """

    text: str
    location: str = ""
    markdown: bool = False
    line: int = 0


@dataclass(frozen=True, slots=True)
class Document:
    """What a file says.

    Args:
        sections: in reading order; at least one, none of them blank.
        note: what could not be read although the rest could, as a sentence; `""` for nothing.
    """

    sections: tuple[Section, ...]
    note: str = ""


def read_document(data: bytes, name: str) -> Document:
    """Read a file's content.

    Args:
        data: all of its bytes.
        name: its name; the ending decides between formats that look alike.

    Raises:
        NothingToRead: the file has no text, or is of a kind that memos does not read.
        IngestError: the file should have text, but is damaged.
    """
    ending = PurePath(name).suffix.lower()
    if not data:
        raise NothingToRead("The file is empty (0 bytes).")
    if b"%PDF-" in data[:1024]:
        return _read_pdf(data)
    for magic, what in _KNOWN_BINARY:
        if data.startswith(magic):
            raise NothingToRead(f"The file is {what}, which memos does not read.")
    if ending == ".pdf":
        raise IngestError("The file is named .pdf, but is not a PDF.")
    if ending in _HTML:
        return _read_html(data)
    text = decode(data)
    if ending in _MARKDOWN:
        return _from_markdown(text)
    return Document((Section(text, line=1),))


def _from_markdown(text: str) -> Document:
    return Document(tuple(Section(part, path, markdown=True) for path, part in heading_sections(text)))


def _read_html(data: bytes) -> Document:
    declared = _DECLARED.search(data[:4096])
    text = decode(data, declared[1].decode("ascii") if declared else None)
    with _third_party("The HTML cannot be read"):
        from markitdown import StreamInfo
        from markitdown.converters import HtmlConverter

        # Addresses of links and images would fill passages with what nobody asks for: keep their words.
        result = HtmlConverter().convert(
            io.BytesIO(text.encode("utf-8", "replace")),
            StreamInfo(extension=".html", charset="utf-8"),
            strip=["a", "img"],
        )
    if not result.markdown.strip():
        raise NothingToRead("There is no text in the HTML.")
    return _from_markdown(result.markdown)


def _read_pdf(data: bytes) -> Document:
    """One section a page that has text. markitdown forgets where pages end, so it gets one page at a time."""
    with _third_party("The PDF is damaged"):
        import pypdfium2

        try:
            pdf = pypdfium2.PdfDocument(data)
        except pypdfium2.PdfiumError as error:
            if "password" in str(error).lower():
                raise NothingToRead("The PDF is encrypted with a password.") from error
            raise
        try:
            pages = len(pdf)
            texts = [_read_page(pdf, number) for number in range(pages)]
        finally:
            pdf.close()
    bad = [number for number, text in enumerate(texts, start=1) if text is None]
    found = [(number, text) for number, text in enumerate(texts, start=1) if text and text.strip()]
    if not found and bad:
        raise IngestError(f"The PDF is damaged: none of its {pages} pages could be read.")
    if not found:
        raise NothingToRead(f"There is no text in the PDF's {pages} pages (scanned images, perhaps).")
    note = f"Pages that could not be read: {', '.join(map(str, bad))}." if bad else ""
    return Document(tuple(Section(text, f"page {number}") for number, text in found), note)


def _read_page(pdf: object, index: int) -> str | None:
    """The text of one page (`index` from 0), or None where the page is damaged: the others still count."""
    import pypdfium2
    from markitdown import StreamInfo
    from markitdown.converters import PdfConverter

    page, copy = io.BytesIO(), pypdfium2.PdfDocument.new()
    try:
        copy.import_pages(pdf, [index])
        copy.save(page)
        page.seek(0)
        converted = PdfConverter().convert(page, StreamInfo(extension=".pdf"))
    except Exception:  # pdfminer raises whatever a damaged page makes it stumble over
        return None
    finally:
        copy.close()
    text = str(converted.markdown).replace("\f", "\n").replace("\r", "")
    return text.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")


@contextmanager
def _third_party(failure: str) -> Iterator[None]:
    """Run format libraries: their warnings and log lines are not shown, their exceptions become ours."""
    loggers = [logging.getLogger(name) for name in ("pdfminer", "pdfplumber")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"(markitdown|markdownify|bs4|pdfminer|pdfplumber|pypdfium2)")
            # markitdown attributes this one to its caller; the plain text it falls back to will do.
            warnings.filterwarnings("ignore", message="HTML document is too deeply nested")
            yield
    except IngestError:
        raise
    except Exception as error:  # each library has its own exceptions, and hostile input finds others
        why = str(error).strip().rstrip(".") or type(error).__name__
        raise IngestError(f"{failure}: {why}.") from error
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
