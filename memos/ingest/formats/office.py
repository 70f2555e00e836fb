"""Word and PowerPoint through markitdown (mammoth, python-pptx), and Outlook messages."""

from __future__ import annotations

import io
import re
from typing import Any

from memos.ingest.decoding import NothingToRead
from memos.ingest.document import Document, Form, Section
from memos.ingest.foreign import foreign
from memos.ingest.formats import package
from memos.ingest.formats.html import AS_MARKDOWN, markdown_sections

_SLIDE = re.compile(r"(?m)^<!-- Slide number: (\d+) -->$")
_TITLE = re.compile(r"(?m)^# (.+)$")
_LONGEST_TITLE = 80  # characters


def read_docx(data: bytes) -> Document:
    """Word: sections by heading.

    Raises:
        NothingToRead: there is no text in it, or it is not safe to open.
        IngestError: it is damaged.
    """
    _check(data, "The DOCX")
    with foreign("The DOCX is damaged"):
        from markitdown.converters import DocxConverter

        text = _converted(DocxConverter(), data, ".docx", **AS_MARKDOWN)
    return _document(markdown_sections(text), "DOCX")


def read_pptx(data: bytes) -> Document:
    """PowerPoint: a section a slide, with its tables and notes.

    Raises:
        NothingToRead: there is no text in it, or it is not safe to open.
        IngestError: it is damaged.
    """
    _check(data, "The PPTX")
    with foreign("The PPTX is damaged"):
        from markitdown.converters import PptxConverter

        text = _converted(PptxConverter(), data, ".pptx", **AS_MARKDOWN)
    marks = list(_SLIDE.finditer(text))
    ends = [mark.start() for mark in marks[1:]] + [len(text)]
    slides = [(mark[1], text[mark.end() : end].strip()) for mark, end in zip(marks, ends, strict=True)]
    return _document(tuple(_slide(number, slide) for number, slide in slides if slide), "PPTX")


def read_msg(data: bytes) -> Document:
    """An Outlook message: its headers and its text.

    Raises:
        NothingToRead: there is no text in it.
        IngestError: it is damaged.
    """
    with foreign("The Outlook message is damaged"):
        from markitdown.converters import OutlookMsgConverter

        text = _converted(OutlookMsgConverter(), data, ".msg")
    return _document(markdown_sections(text), "Outlook message")


def _check(data: bytes, what: str) -> None:
    with package.opened(data, what) as opened:
        package.refuse_entities(opened, what)


def _converted(converter: Any, data: bytes, ending: str, **options: Any) -> str:
    from markitdown import StreamInfo

    text = converter.convert(io.BytesIO(data), StreamInfo(extension=ending), **options).markdown
    return str(text).replace("\r\n", "\n").replace("\r", "\n").replace("\x0b", "\n").replace("\x00", "")


def _slide(number: str, text: str) -> Section:
    title = _TITLE.search(text)
    name = " ".join(title[1].split())[:_LONGEST_TITLE] if title else ""
    return Section(text, f"slide {number}: {name}" if name else f"slide {number}", Form.MARKDOWN)


def _document(sections: tuple[Section, ...], what: str) -> Document:
    if not sections:
        raise NothingToRead(f"There is no text in the {what}.")
    return Document(sections)
