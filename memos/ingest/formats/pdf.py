"""PDF: a section a page. markitdown gives the text of one, with its tables; pdfium takes pages apart.

markitdown forgets where pages end, so it gets one page at a time.
"""

from __future__ import annotations

import io
import re

from memos.errors import IngestError
from memos.ingest.decoding import NothingToRead
from memos.ingest.document import Document, Form, Section
from memos.ingest.foreign import foreign

_RULE = re.compile(r"-{4,}")
_PADDING = re.compile(r" {2,}")


def read(data: bytes) -> Document:
    """Sections `page 1` … of the pages that have text.

    Raises:
        NothingToRead: no page has text, or the file is encrypted.
        IngestError: it is damaged.
    """
    with foreign("The PDF is damaged"):
        import pypdfium2

        try:
            pdf = pypdfium2.PdfDocument(data)
        except pypdfium2.PdfiumError as error:
            if "password" in str(error).lower():
                raise NothingToRead("The PDF is encrypted with a password.") from error
            raise
        try:
            pages = len(pdf)
            texts = [_page(pdf, number) for number in range(pages)]
        finally:
            pdf.close()
    bad = [number for number, text in enumerate(texts, start=1) if text is None]
    found = [(number, text) for number, text in enumerate(texts, start=1) if text and text.strip()]
    if not found and bad:
        raise IngestError(f"The PDF is damaged: none of its {pages} pages could be read.")
    if not found:
        raise NothingToRead(f"There is no text in the PDF's {pages} pages (scanned images, perhaps).")
    note = f"Pages that could not be read: {', '.join(map(str, bad))}." if bad else ""
    return Document(tuple(_section(text, number) for number, text in found), note)


def _section(text: str, number: int) -> Section:
    lines = text.split("\n")
    tables = [at for at, line in enumerate(lines) if line.startswith("|")]
    for at in tables:  # columns are padded to look alike, which costs tokens and tells nothing
        lines[at] = _RULE.sub("---", _PADDING.sub(" ", lines[at]))
    return Section("\n".join(lines), f"page {number}", Form.MARKDOWN if tables else Form.TEXT)


def _page(pdf: object, index: int) -> str | None:
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
