"""PDF: a section a page, and one more where a heading of the outline stands on it.

pdfium says what is written, in the order in which it was written: that is how it is read, whatever the columns. Layout
that is only guessed from white space is left alone: it makes tables of prose, and tears words apart. Tables that are
drawn are `memos.ingest.formats.pdf_tables`'.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from memos.errors import IngestError
from memos.ingest.decoding import NothingToRead
from memos.ingest.document import Document, Form, Section, place
from memos.ingest.foreign import foreign
from memos.ingest.formats.pdf_tables import with_tables

FEWEST_PAGES = 3  # on which a line that counts them stands
LEAST_OF_HEADING = 15  # characters by which a heading is known whose rest is in the next line
_NUMBERED = re.compile(r"^(?:[^\W\d]+ )?(?:\d+|[ivxlc]+|[a-z](?=\.))(?:\.\d+)*[.):]?\s+")  # "chapter 1: ", "a.2 "
_HYPHEN = re.compile("[\x02\ufffe](.?)")  # pdfium's mark, where a word is parted at the end of a line, and what goes on
_CONTROLS = re.compile("[\0-\x08\x0b-\x1f\x7f]")
_NUMBER = re.compile(r"\d+")
# TeX's old fonts draw an accent, and then its letter: "int´egr´e", "`a".
_ACCENT = re.compile("([´`ˆ¨˜])([A-Za-z])")
_COMBINING = {"´": "\u0301", "`": "\u0300", "ˆ": "\u0302", "¨": "\u0308", "˜": "\u0303"}

Outline = dict[int, list[tuple[int, str]]]  # by page number, from 1: how deep each heading is, and its words


@dataclass(frozen=True, slots=True)
class _Page:
    number: int
    text: str
    form: Form


def read(data: bytes) -> Document:
    """Sections `page 1`, `Setup > Linux, page 2` … of the pages that have text.

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
            found = [_page(pdf, number) for number in range(len(pdf))]
            outline = _outline(pdf)
        finally:
            pdf.close()
    bad = [number for number, page in enumerate(found, start=1) if page is None]
    pages = [page for page in _uncounted([page for page in found if page]) if page.text.strip()]
    if not pages and bad:
        raise IngestError(f"The PDF is damaged: none of its {len(found)} pages could be read.")
    if not pages:
        raise NothingToRead(f"There is no text in the PDF's {len(found)} pages (scanned images, perhaps).")
    note = f"Pages that could not be read: {', '.join(map(str, bad))}." if bad else ""
    return Document(tuple(_sections(pages, outline)), note)


def _page(pdf: Any, index: int) -> _Page | None:
    """What is written on one page (`index` from 0), or None where the page is damaged: the others still count."""
    import pypdfium2

    try:
        page = pdf[index]
        words = page.get_textpage()
        if (tabled := with_tables(pdf, index, page, words)) is not None:
            return _Page(index + 1, plain(tabled), Form.MARKDOWN)
        return _Page(index + 1, plain(words.get_text_range()), Form.TEXT)
    except pypdfium2.PdfiumError:
        return None


def plain(text: str) -> str:
    """Text without what only a page needs: parted words are whole, accents sit on their letters."""
    joined = _HYPHEN.sub(lambda found: found[1] if found[1].islower() else f"-{found[1]}", text.replace("\r\n", "\n"))
    joined = _CONTROLS.sub(" ", joined).encode("utf-8", "replace").decode("utf-8")
    if "´" in joined or "¨" in joined:  # a grave alone may quote
        joined = _ACCENT.sub(lambda found: unicodedata.normalize("NFC", found[2] + _COMBINING[found[1]]), joined)
    return joined


# --------------------------------------------------------------------------------------------- page numbers


def _uncounted(pages: Sequence[_Page]) -> list[_Page]:
    """Pages without the lines at their ends that count them, be the title of the book beside the number."""
    lines = [page.text.strip().split("\n") for page in pages]
    ends = [[_counts(page, one[end]) for end in (0, -1)] for page, one in zip(pages, lines, strict=True)]
    often = Counter(count for both in ends for count in both[0] | both[1])
    counting = {count for count, found in often.items() if found >= FEWEST_PAGES}
    left = []
    for page, inside, (first, last) in zip(pages, lines, ends, strict=True):
        kept = inside[: -1 if counting & last else None][1 if counting & first else 0 :]
        left.append(replace(page, text="\n".join(kept)))
    return left


def _counts(page: _Page, line: str) -> set[tuple[str, int, int]]:
    """As what a line may count pages: its words, which of its numbers, and how far that is from the page's."""
    words = _NUMBER.sub("#", line)
    numbers = [int(found) for found in _NUMBER.findall(line) if len(found) < 6]
    return {(words, at, number - page.number) for at, number in enumerate(numbers)}


# ------------------------------------------------------------------------------------------------ headings


def _outline(pdf: Any) -> Outline:
    headings: Outline = {}
    for entry in pdf.get_toc():
        there = entry.get_dest()
        index = None if there is None else there.get_index()
        title = plain(" ".join(entry.get_title().split()))
        if index is not None and title:
            headings.setdefault(index + 1, []).append((entry.level, title))
    return headings


def _sections(pages: Sequence[_Page], outline: Outline) -> Iterator[Section]:
    path: list[str] = []
    passed = 0
    for page in pages:
        for skipped in range(passed + 1, page.number):  # headings of pages without text
            for level, title in outline.get(skipped, ()):
                path[level:] = [title]
        passed = page.number
        start = body = 0  # of what has one heading, and of what stands below it
        for level, title in outline.get(page.number, ()):
            at, end = _heading(title, page.text, body)
            if page.text[body:at].strip():
                yield _section(page, path, page.text[start:at])
                start = at
            path[level:], body = [title], end
        if page.text[start:].strip():
            yield _section(page, path, page.text[start:])


def _section(page: _Page, path: Sequence[str], text: str) -> Section:
    return Section(text, place(" > ".join(path), f"page {page.number}"), page.form)


def _heading(title: str, text: str, start: int) -> tuple[int, int]:
    """Where the line of a heading begins and ends, from `start` on; there twice where none has its words.

    The line may be numbered, and long words may go on in the next one.
    """
    words, at = title.casefold(), start
    for written in text[start:].splitlines(keepends=True):
        line = " ".join(written.split()).casefold()
        bare = _NUMBERED.sub("", line)
        if words in (line, bare) or (len(bare) >= LEAST_OF_HEADING and words.startswith(bare)):
            return at, at + len(written)
        at += len(written)
    return start, start
