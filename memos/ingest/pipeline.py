"""Paths become stored, embedded passages, told as events.

Owns the order of work: which files need reading, in what order their passages are stored, each file in a transaction,
while the next ones are parsed and the former embedded; so a killed run goes on where it was. It does not know the file
system (`walking`), formats and processes (`parsing`), or storage (an `Indexer`).
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter, deque
from collections.abc import Generator, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path, PurePath

from memos.errors import IngestError, InputError
from memos.ingest.decoding import NothingToRead
from memos.ingest.embedding import Embedding
from memos.ingest.events import (
    FileCopied,
    FileEvent,
    FileFailed,
    FileGone,
    FileRead,
    FilesFound,
    FileSkipped,
    FileUnchanged,
    IngestEvent,
    IngestFinished,
)
from memos.ingest.parsing import InProcess, Parsed, Parser
from memos.ingest.splitter import Splitter
from memos.ingest.walking import (
    EVERYTHING,
    Found,
    Selection,
    Stamp,
    absolute,
    is_gone,
    is_no_file,
    read_at_rest,
    spelled,
    walk,
    why,
)
from memos.protocols import Indexer, StoredFile

LARGEST_FILE = 50_000_000  # bytes
AHEAD = 2  # files that are parsed or wait for it, for each worker
STAYS = "What was stored of it before stays."
STOPPING = 0.1  # seconds between two attempts to end what is being parsed
# A file that was changed so shortly before it was read may be changed again within one tick of its clock.
SETTLED_NS = 2_000_000_000


@dataclass(frozen=True, slots=True)
class Options:
    """What a run of ingest does beyond the plain.

    Args:
        largest: files of more bytes than this are skipped.
        selection: which files of folders are wanted.
        prune: remove what is stored of files that are no longer in the folders.
        again: read files anew that have not changed, too.
        may_be_gone: a path that is not there is no mistake: what is stored of it is gone.
    """

    largest: int = LARGEST_FILE
    selection: Selection = EVERYTHING
    prune: bool = False
    again: bool = False
    may_be_gone: bool = False


PLAIN = Options()


def ingest(
    paths: Sequence[str | Path],
    indexer: Indexer,
    parser: Parser | Splitter,
    *,
    options: Options = PLAIN,
) -> Generator[IngestEvent, None, None]:
    """Read files and folders into archival storage.

    A document's name there is its absolute path as given: symbolic links in it are kept, so the same path
    is the same document whatever the working directory. In folders, hidden names are passed over and
    symbolic links are not followed. A file that cannot be read never stops the others. Stop by closing the
    iterator: what was reported is stored, and the next run goes on from there.

    Args:
        paths: files and folders; a symbolic link given here is followed.
        indexer: where passages go. It stores on the caller's thread and embeds on another at the same time.
        parser: reads and cuts files; a splitter alone: in this process, without limits of time and memory.
        options: see `Options`.

    Returns:
        Events, to be consumed: work is done while they are.

    Raises:
        InputError: there is no path, or one does not exist and none may be gone (at once, before anything is read).
        StorageError: from the indexer, during iteration; what was reported before is stored.
    """
    if not paths:
        raise InputError("There is nothing to ingest: give at least one file or folder.")
    named = spelled if options.may_be_gone else absolute
    roots = [named(Path(path)) for path in paths]
    chosen = parser if isinstance(parser, Parser) else InProcess(parser)
    return _Run(indexer, chosen, options).events(roots)


@dataclass(slots=True)
class _Reading:
    """A file that is being parsed, or waits for one with the same bytes before it."""

    path: Path
    stored: StoredFile
    data: bytes
    parsed: Future[Parsed] | None


class _Run:
    """One call of `ingest`."""

    def __init__(self, indexer: Indexer, parser: Parser, options: Options) -> None:
        self._indexer = indexer
        self._parser = parser
        self._options = options
        self._known: Mapping[str, StoredFile] = {}
        self._hashes: set[str] = set()  # of what is stored, so that new bytes cost no query
        self._done: set[tuple[str, str]] = set()  # bytes and endings that this run has read
        self._reading: deque[_Reading] = deque()

    def events(self, roots: list[Path]) -> Generator[IngestEvent, None, None]:
        there = [root for root in roots if not is_gone(str(root))]
        met = list(dict.fromkeys(item for root in there for item in walk(root, self._options.selection)))
        yield FilesFound(len(met), sum(item.stamp.size for item in met if isinstance(item, Found)))
        self._known = self._indexer.stored_files()
        self._hashes = {file.sha256 for file in self._known.values()}
        counts: Counter[type] = Counter()
        passages = removed = 0
        with ExitStack() as held:
            embedding = held.enter_context(Embedding(self._indexer))
            pool = held.enter_context(ThreadPoolExecutor(self._parser.workers, thread_name_prefix="memos-parse"))
            held.callback(self._abandon)
            for event in self._files(met, pool):
                counts[type(event)] += 1
                if isinstance(event, FileRead):
                    passages += event.passages
                    embedding.stored()
                removed += isinstance(event, FileSkipped) and event.removed
                yield event
                yield from embedding.latest()
            for gone in self._gone(roots):
                counts[FileGone] += 1
                removed += gone.removed
                yield gone
            yield from embedding.finish()
            embedded = embedding.embedded
        yield IngestFinished(
            read=counts[FileRead],
            unchanged=counts[FileUnchanged],
            skipped=counts[FileSkipped],
            failed=counts[FileFailed],
            passages=passages,
            embedded=embedded,
            copied=counts[FileCopied],
            gone=counts[FileGone],
            removed=removed,
        )

    def _files(self, met: Sequence[Found | FileSkipped | FileFailed], pool: ThreadPoolExecutor) -> Iterator[FileEvent]:
        """One event a file; those that are parsed in their order, some of them ahead of what is told."""
        for item in met:
            event = self._begin(item, pool) if isinstance(item, Found) else item
            if event is not None:
                yield self._noted(event)
            yield from self._drained(AHEAD * self._parser.workers)
        yield from self._drained(0)
        self._parser.release()  # what is read is still to be embedded, which may take an hour

    def _drained(self, most: int) -> Iterator[FileEvent]:
        while len(self._reading) > most or sum(len(file.data) for file in self._reading) > 2 * self._options.largest:
            file = self._reading.popleft()
            yield self._noted(self._finish(file))

    def _begin(self, item: Found, pool: ThreadPoolExecutor) -> FileEvent | None:
        """Look at a file and have it parsed; an event if there is nothing to parse."""
        path, source = item.path, str(item.path)
        try:
            source.encode("utf-8")
            known = None if self._options.again else self._known.get(source)
            if known is not None and known.modified_ns and item.stamp == Stamp(known.size, known.modified_ns):
                return FileUnchanged(path, item.stamp.size)
            data, stamp = read_at_rest(path, self._options.largest)
        except UnicodeEncodeError:
            return FileSkipped(path, "The file's name is not valid Unicode.", item.stamp.size)
        except NothingToRead as error:
            stays = f" {STAYS}" if source in self._known else ""
            return FileSkipped(path, f"{error}{stays}", item.stamp.size)
        except IngestError as error:
            return FileFailed(path, str(error), item.stamp.size)
        except OSError as error:
            return FileFailed(path, why(error), item.stamp.size)
        settled = time.time_ns() - stamp.modified_ns > SETTLED_NS
        stored = StoredFile(hashlib.sha256(data).hexdigest(), stamp.size, stamp.modified_ns if settled else 0)
        if known is not None and known.sha256 == stored.sha256:
            if stored.modified_ns:
                self._share(source, stored)  # the same bytes, touched: next time its stamp will do
            return FileUnchanged(path, item.stamp.size)
        twin = any(_read_as(stored, path) == _read_as(other.stored, other.path) for other in self._reading)
        done = not self._options.again or _read_as(stored, path) in self._done
        if not twin and done and (original := self._share(source, stored)):
            return FileCopied(path, Path(original), item.stamp.size)
        parsed = None if twin else pool.submit(self._parser.parse, data, path.name)
        self._reading.append(_Reading(path, stored, data, parsed))
        return None

    def _finish(self, file: _Reading) -> FileEvent:
        source, size = str(file.path), len(file.data)
        try:
            if file.parsed is None:
                if original := self._share(source, file.stored):
                    return FileCopied(file.path, Path(original), size)
                parsed = self._parser.parse(file.data, file.path.name)
            else:
                parsed = file.parsed.result()
            if not parsed.passages:
                raise NothingToRead("There is no text in the file.")
        except NothingToRead as error:
            return FileSkipped(file.path, str(error), size, removed=self._emptied(source, file.stored))
        except IngestError as error:
            return FileFailed(file.path, str(error), size)
        # An indexer that fails is no bad file: its StorageError goes to the caller.
        stored = file.stored
        number = self._indexer.store_document(
            source, stored.sha256, parsed.passages, size=stored.size, modified_ns=stored.modified_ns
        )
        self._hashes.add(stored.sha256)
        self._done.add(_read_as(stored, file.path))
        return FileRead(file.path, number, parsed.note, size)

    def _emptied(self, source: str, stored: StoredFile) -> bool:
        """Forget what a file said before there was nothing in it to read."""
        known = self._known.get(source)
        return known is not None and known.sha256 != stored.sha256 and self._indexer.remove_document(source)

    def _share(self, source: str, stored: StoredFile) -> str | None:
        if stored.sha256 not in self._hashes:
            return None
        return self._indexer.share_document(source, stored.sha256, size=stored.size, modified_ns=stored.modified_ns)

    def _noted(self, event: FileEvent) -> FileEvent:
        if isinstance(event, FileSkipped | FileFailed):
            outcome = "skipped" if isinstance(event, FileSkipped) else "failed"
            source = str(event.path).encode("utf-8", "replace").decode("utf-8")
            self._indexer.note_job(source, outcome, event.reason)
        return event

    def _gone(self, roots: Sequence[Path]) -> Iterator[FileGone]:
        """Stored files at or below the paths that are certainly not there any more."""
        for source in sorted(self._known):
            path = Path(source)
            if any(path.is_relative_to(root) for root in roots) and is_no_file(source):
                yield FileGone(path, self._options.prune and self._indexer.remove_document(source))

    def _abandon(self) -> None:
        running = [file.parsed for file in self._reading if file.parsed is not None and not file.parsed.cancel()]
        # More than once: one that has begun may not have been given to a child yet.
        while wait(running, timeout=STOPPING).not_done:
            self._parser.stop()


def _read_as(stored: StoredFile, path: PurePath) -> tuple[str, str]:
    """What passages follow from: bytes, and the ending of the name."""
    return stored.sha256, path.suffix.lower()
