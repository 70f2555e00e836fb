"""Documents that are ZIP packages (Office, OpenDocument, EPUB): what they are, and whether it is safe to unpack them.

Owns the bounds that hold before any library opens a package. It does not read what is inside.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from memos.errors import IngestError
from memos.ingest.decoding import NothingToRead

MOST_EXPANDED = 256_000_000  # bytes of all members together
MOST_RATIO = 200  # expanded to packed; XML and sheets stay under 60
_SMALL = 4_000_000  # expanded bytes below which no ratio can hurt
MOST_MEMBERS = 10_000
_PART = 1_000_000  # bytes looked at in one step
_XML = (".xml", ".rels", ".vml")


@contextmanager
def opened(data: bytes, what: str) -> Iterator[zipfile.ZipFile]:
    """A package within bounds. A member never yields more bytes than it declares, so declared sizes are true.

    Args:
        data: its bytes.
        what: its name in a sentence, `The DOCX`.

    Raises:
        NothingToRead: it expands beyond bounds, or is encrypted.
        IngestError: it is damaged.
    """
    try:
        package = zipfile.ZipFile(io.BytesIO(data))
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError) as error:
        raise IngestError(f"{what} is damaged: it is no complete ZIP package.") from error
    with package:
        members = package.infolist()
        expanded = sum(member.file_size for member in members)
        if len(members) > MOST_MEMBERS:
            raise NothingToRead(f"{what} has {len(members):,} parts; the limit is {MOST_MEMBERS:,}.")
        if expanded > MOST_EXPANDED or (expanded > _SMALL and expanded > MOST_RATIO * len(data)):
            raise NothingToRead(
                f"{what} would expand from {len(data):,} to {expanded:,} bytes, as a ZIP bomb does; it was not opened."
            )
        if any(member.flag_bits & 1 for member in members):
            raise NothingToRead(f"{what} is encrypted with a password.")
        yield package


def refuse_entities(package: zipfile.ZipFile, what: str) -> None:
    """Office never declares entities in its XML; what does is an attack on the parser.

    A document type alone is none: old OpenOffice names one, and no parser fetches it.

    Raises:
        NothingToRead: a part declares an entity.
        IngestError: a part cannot be unpacked.
    """
    for member in package.infolist():
        if not member.filename.lower().endswith(_XML):
            continue
        try:
            with package.open(member) as part:
                rest = b""
                while block := part.read(_PART):
                    seen = rest + block.replace(b"\x00", b"")  # UTF-16 as well
                    if b"<!ENTITY" in seen:
                        raise NothingToRead(f"{what} declares XML entities, as no document does; it was not opened.")
                    rest = seen[-16:]
        except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError, RuntimeError, zlib.error) as error:
            raise IngestError(f"{what} is damaged: its part {member.filename} cannot be unpacked.") from error


def kind_of(data: bytes) -> str:
    """What a ZIP package is: `docx`, `pptx`, `xlsx`, `epub`, `odt`, or `""` for anything else."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as package:
            names = set(package.namelist())
            if "mimetype" in names and package.getinfo("mimetype").file_size < 200:
                media = package.read("mimetype").strip()
                known = {b"application/epub+zip": "epub", b"application/vnd.oasis.opendocument.text": "odt"}
                if media in known:
                    return known[media]
    except (zipfile.BadZipFile, ValueError, OSError, EOFError, NotImplementedError, RuntimeError, zlib.error):
        return ""
    parts = {"word/document.xml": "docx", "ppt/presentation.xml": "pptx", "xl/workbook.xml": "xlsx"}
    return next((kind for part, kind in parts.items() if part in names), "")


def is_complete(data: bytes) -> bool:
    """Whether a ZIP package has its directory, which stands at its end."""
    return zipfile.is_zipfile(io.BytesIO(data))
