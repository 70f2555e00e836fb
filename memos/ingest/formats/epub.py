"""EPUB: the chapters in the order of its spine, each read as HTML."""

from __future__ import annotations

import posixpath
import zipfile
from dataclasses import replace
from urllib.parse import unquote

from memos.errors import IngestError
from memos.ingest.decoding import NothingToRead
from memos.ingest.document import Document, Section
from memos.ingest.foreign import foreign
from memos.ingest.formats import html, package

_CONTAINER = "{urn:oasis:names:tc:opendocument:xmlns:container}"
_OPF = "{http://www.idpf.org/2007/opf}"


def read(data: bytes) -> Document:
    """Sections `HEADING PATH`, or `chapter 3` where a chapter has no heading.

    Raises:
        NothingToRead: there is no text in it, or it is not safe to open.
        IngestError: it is damaged.
    """
    with package.opened(data, "The EPUB") as opened, foreign("The EPUB is damaged"):
        sections: list[Section] = []
        bad, notes = [], []
        for number, name in enumerate(_spine(opened), start=1):
            try:
                chapter = html.read(opened.read(name))
            except NothingToRead:
                continue
            except (IngestError, KeyError, zipfile.BadZipFile):
                bad.append(number)
                continue
            if chapter.note:
                notes.append(f"Chapter {number}: {chapter.note}")
            sections += [replace(part, location=part.location or f"chapter {number}") for part in chapter.sections]
    if not sections:
        raise NothingToRead("There is no text in the EPUB.")
    if bad:
        notes.append(f"Chapters that could not be read: {', '.join(map(str, bad))}.")
    return Document(tuple(sections), " ".join(notes))


def _spine(opened: zipfile.ZipFile) -> list[str]:
    """Names of the chapters' files, in reading order."""
    from defusedxml.ElementTree import fromstring

    container = fromstring(opened.read("META-INF/container.xml"))
    rootfile = container.find(f".//{_CONTAINER}rootfile")
    path = rootfile.get("full-path", "") if rootfile is not None else ""
    root = fromstring(opened.read(path))
    folder = posixpath.dirname(path)
    files = {item.get("id"): item.get("href", "") for item in root.iter(f"{_OPF}item")}
    wanted = [files.get(item.get("idref"), "") for item in root.iter(f"{_OPF}itemref")]
    return [posixpath.normpath(posixpath.join(folder, unquote(href))) for href in wanted if href]
