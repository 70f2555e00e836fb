"""HTML through markitdown: Markdown with its headings and tables, without addresses and images."""

from __future__ import annotations

import io
import re
from typing import Any

from memos.ingest.decoding import NothingToRead, decode, separated
from memos.ingest.document import Document, Form, Section, place
from memos.ingest.foreign import foreign
from memos.ingest.markdown import heading_sections

# Addresses of links and images would fill passages with what nobody asks for; nobody asks for `max\_tokens` either.
AS_MARKDOWN: dict[str, Any] = {"strip": ["a", "img"], "escape_underscores": False, "escape_asterisks": False}
_DECLARED = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([A-Za-z0-9_.:-]{1,40})", re.IGNORECASE)


def read(data: bytes) -> Document:
    """Sections by heading.

    Raises:
        NothingToRead: there is no text in it.
        IngestError: it cannot be read.
    """
    declared = _DECLARED.search(data[:4096])
    decoded = decode(data, declared[1].decode("ascii") if declared else None)
    found = markdown_sections(to_markdown(separated(decoded.text)))
    if not found:
        raise NothingToRead("There is no text in the HTML.")
    return Document(found, decoded.note)


def to_markdown(text: str) -> str:
    """HTML as Markdown, its words as they are."""
    with foreign("The HTML cannot be read"):
        from markitdown import StreamInfo
        from markitdown.converters import HtmlConverter

        stream = io.BytesIO(text.encode("utf-8", "replace"))
        result = HtmlConverter().convert(stream, StreamInfo(extension=".html", charset="utf-8"), **AS_MARKDOWN)
    return str(result.markdown)


def markdown_sections(text: str, inside: str = "") -> tuple[Section, ...]:
    """Markdown as sections by heading, in the place `inside`."""
    return tuple(
        Section(part, place(inside, path), Form.MARKDOWN) for path, part in heading_sections(text) if part.strip()
    )
