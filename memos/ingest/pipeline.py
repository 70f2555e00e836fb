"""Paths become stored, embedded passages, a file at a time, told as events.

Owns the walk over folders, what is left out and why, and the order of work: each file is stored before the
next is opened, so a killed run goes on where it was. It does not know formats (`readers`), passage length
(`splitter`) or storage (an `Indexer`).
"""

from __future__ import annotations

import hashlib
import os
import stat
import threading
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

from memos.errors import IngestError, InputError
from memos.ingest.decoding import NothingToRead
from memos.ingest.readers import read_document
from memos.ingest.splitter import Splitter
from memos.protocols import Indexer

LARGEST_FILE = 50_000_000  # bytes


@dataclass(frozen=True, slots=True)
class FilesFound:
    """The walk is over: so many files will be looked at. Always the first event."""

    total: int


@dataclass(frozen=True, slots=True)
class FileRead:
    """A file was read and stored. `note`: a sentence on what in it could not be read, or `""`."""

    path: Path
    passages: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class FileUnchanged:
    """A file is stored already, byte for byte."""

    path: Path


@dataclass(frozen=True, slots=True)
class FileSkipped:
    """A file was left out because there is nothing in it to read, or by rule. `reason` is a sentence."""

    path: Path
    reason: str


@dataclass(frozen=True, slots=True)
class FileFailed:
    """A file that should be readable is not; a version of it that is stored stays. `reason` is a sentence."""

    path: Path
    reason: str


@dataclass(frozen=True, slots=True)
class Embedded:
    """So many of the passages that wait for the vector index are in it."""

    done: int
    total: int


@dataclass(frozen=True, slots=True)
class IngestFinished:
    """Always the last event: how many files were read, unchanged, skipped and failed, and their passages.

    `embedded` may exceed `passages`: an earlier run that was killed can have left some.
    """

    read: int
    unchanged: int
    skipped: int
    failed: int
    passages: int
    embedded: int


FileEvent = FileRead | FileUnchanged | FileSkipped | FileFailed
IngestEvent = FilesFound | FileEvent | Embedded | IngestFinished


def ingest(
    paths: Sequence[str | Path],
    indexer: Indexer,
    splitter: Splitter,
    *,
    largest: int = LARGEST_FILE,
) -> Generator[IngestEvent, None, None]:
    """Read files and folders into archival storage.

    A document's name there is its absolute path as given: symbolic links in it are kept, so the same path
    is the same document whatever the working directory. In folders, hidden names are passed over and
    symbolic links are not followed. A file that cannot be read never stops the others. Stop by closing the
    iterator: what was reported is stored, and the next run goes on from there.

    Args:
        paths: files and folders; a symbolic link given here is followed.
        indexer: where passages go. While it embeds, it is called on another thread, never on two at once.
        splitter: how documents are cut.
        largest: files of more bytes than this are skipped.

    Returns:
        Events, to be consumed: work is done while they are.

    Raises:
        InputError: a path does not exist (at once, before anything is read), or there is none.
        StorageError: from the indexer, during iteration; what was reported before is stored.
    """
    if not paths:
        raise InputError("There is nothing to ingest: give at least one file or folder.")
    roots = [_absolute(Path(path)) for path in paths]
    return _run(roots, indexer, splitter, largest)


def _run(roots: list[Path], indexer: Indexer, splitter: Splitter, largest: int) -> Generator[IngestEvent, None, None]:
    found = list(dict.fromkeys(item for root in roots for item in _walk(root)))
    yield FilesFound(len(found))
    counts = dict.fromkeys((FileRead, FileUnchanged, FileSkipped, FileFailed), 0)
    passages = 0
    for item in found:
        event = _ingest_file(item, indexer, splitter, largest) if isinstance(item, Path) else item
        counts[type(event)] += 1
        if isinstance(event, FileRead):
            passages += event.passages
        yield event
    embedded = yield from _embed(indexer)
    yield IngestFinished(
        read=counts[FileRead],
        unchanged=counts[FileUnchanged],
        skipped=counts[FileSkipped],
        failed=counts[FileFailed],
        passages=passages,
        embedded=embedded,
    )


def _absolute(path: Path) -> Path:
    try:
        path.stat()
        # Only the file system knows what `link/..` is.
        return path.resolve() if ".." in path.parts else path.absolute()
    except FileNotFoundError as error:
        raise InputError(f"There is no file or folder {path}.") from error
    except (OSError, ValueError, RuntimeError) as error:
        raise InputError(f"{path} cannot be opened: {_why(error)}") from error


def _walk(root: Path) -> Iterator[Path | FileSkipped | FileFailed]:
    """Files under `root` in a fixed order, and what the walk itself has to say about some."""
    if not root.is_dir():
        yield root
        return
    errors: list[OSError] = []
    for folder, folders, files in os.walk(root, onerror=errors.append):
        here = Path(folder)
        for name in sorted([*files, *(name for name in folders if (here / name).is_symlink())]):
            if name.startswith("."):
                continue
            path = here / name
            yield FileSkipped(path, "Symbolic links are not followed.") if path.is_symlink() else path
        folders[:] = sorted(name for name in folders if not name.startswith("."))
    for error in errors:
        yield FileFailed(Path(str(error.filename)), _why(error))


def _ingest_file(path: Path, indexer: Indexer, splitter: Splitter, largest: int) -> FileEvent:
    source = str(path)
    try:
        source.encode("utf-8")
        data = _bytes_of(path, largest)
        sha256 = hashlib.sha256(data).hexdigest()
        if indexer.document_hash(source) == sha256:
            return FileUnchanged(path)
        document = read_document(data, path.name)
        passages = splitter.split(document)
        if not passages:
            raise NothingToRead("There is no text in the file.")
    except UnicodeEncodeError:
        return FileSkipped(path, "The file's name is not valid Unicode.")
    except NothingToRead as error:
        return FileSkipped(path, str(error))
    except IngestError as error:
        return FileFailed(path, str(error))
    except OSError as error:
        return FileFailed(path, _why(error))
    # An indexer that fails is no bad file: its StorageError goes to the caller.
    return FileRead(path, indexer.store_document(source, sha256, passages), document.note)


def _bytes_of(path: Path, largest: int) -> bytes:
    """All of a regular file. Anything else is not opened: a FIFO would wait for ever, a device may act."""
    _check(path.stat(), largest)
    # The path may have changed since: opening without blocking, and looking again, closes that gap.
    opened = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with os.fdopen(opened, "rb") as file:
        _check(os.fstat(opened), largest)
        data = file.read(largest + 1)
    if len(data) > largest:
        raise NothingToRead(f"The file is larger than {largest:,} bytes.")
    return data


def _check(status: os.stat_result, largest: int) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise NothingToRead("This is not a regular file.")
    if status.st_size > largest:
        raise NothingToRead(f"The file has {status.st_size:,} bytes; the limit is {largest:,}.")


def _why(error: Exception) -> str:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return f"{reason.rstrip('.')}."


class _Stopped(Exception):
    """The consumer has gone; raised in the indexer's thread at its next report of progress."""


def _embed(indexer: Indexer) -> Generator[Embedded, None, int]:
    """Run `index_pending` on a thread, because progress that it calls back with must become events here."""
    reports: SimpleQueue[Embedded | None] = SimpleQueue()
    stop = threading.Event()

    def progress(done: int, total: int) -> None:
        if stop.is_set():
            raise _Stopped
        reports.put(Embedded(done, total))

    with ThreadPoolExecutor(1, thread_name_prefix="memos-index") as pool:
        try:
            work = pool.submit(indexer.index_pending, progress)
            work.add_done_callback(lambda _: reports.put(None))
            while (report := reports.get()) is not None:
                yield report
            return work.result()
        finally:
            stop.set()  # leaving the block waits for the batch in hand, no longer
