"""What ingest tells of itself: frozen values, in the order of the work. Knows nothing else of ours."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class FilesFound:
    """The walk is over: so many files, of so many bytes together, will be looked at. Always the first event."""

    total: int
    size: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class FileRead:
    """A file was read and stored. `note`: a sentence on what in it could not be read, or `""`."""

    path: Path
    passages: int
    note: str = ""
    size: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class FileUnchanged:
    """A file is stored already, byte for byte."""

    path: Path
    size: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class FileCopied:
    """A file has the bytes of one that is stored: both paths now name one document."""

    path: Path
    original: Path
    size: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class FileSkipped:
    """A file was left out because there is nothing in it to read, or by rule. `reason` is a sentence; `removed`: what
    was stored of it before it was changed is not any more."""

    path: Path
    reason: str
    size: int = field(default=0, compare=False)
    removed: bool = False


@dataclass(frozen=True, slots=True)
class FileFailed:
    """A file that should be readable is not; a version of it that is stored stays. `reason` is a sentence."""

    path: Path
    reason: str
    size: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class FileGone:
    """A file that is stored is no longer in its folder; `removed`: nor is it stored any more."""

    path: Path
    removed: bool


@dataclass(frozen=True, slots=True)
class Embedded:
    """So many of the passages that wait for the vector index are in it; `total` grows while files are read."""

    done: int
    total: int


@dataclass(frozen=True, slots=True)
class IngestFinished:
    """Always the last event: what became of the files, and their passages.

    `embedded` may exceed `passages`: an earlier run that was killed can have left some. `removed` counts the files that
    are gone, or have nothing in them any more, of which nothing is stored now.
    """

    read: int
    unchanged: int
    skipped: int
    failed: int
    passages: int
    embedded: int
    copied: int = 0
    gone: int = 0
    removed: int = 0


FileEvent = FileRead | FileUnchanged | FileCopied | FileSkipped | FileFailed
IngestEvent = FilesFound | FileEvent | FileGone | Embedded | IngestFinished
