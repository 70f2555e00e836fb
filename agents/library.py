"""The documents of an archive, as a user handles them: read folders, follow them, list, show and remove sources.

A thin program over ingest and archival storage. It does not know how either works, nor how anything is printed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from memos.agents.composition import ingest_into
from memos.agents.paths import spellings, stored_document
from memos.document_names import DocumentNames
from memos.errors import InputError
from memos.settings import Settings

if TYPE_CHECKING:
    from threading import Event

    from memos.ingest.events import IngestEvent, IngestFinished
    from memos.ingest.pipeline import Options
    from memos.storage.archival import Archival
    from memos.storage.documents import Document, Job

OPENING = 80  # characters of a passage in an outline
PAGE = 200  # passages read from the database at once


@dataclass(frozen=True, slots=True)
class Outlined:
    """A passage in a document's outline: its id, where it stands, how it begins."""

    id: int
    location: str
    opening: str


@dataclass(frozen=True, slots=True)
class Record:
    """What is known of a file.

    Args:
        source: the path under which it is stored, or would be.
        document: None: nothing of it is stored.
        jobs: what ingest did with it, newest first.
    """

    source: str
    document: Document | None
    jobs: list[Job]


class Library:
    """The documents of one archive. Made by `memos.agents.composition.library`.

    Args:
        archival: whose.
        settings: which embedding model, and what reading a file may cost.
    """

    def __init__(self, archival: Archival, settings: Settings) -> None:
        self._archival = archival
        self._settings = settings

    def ingest(
        self,
        paths: Sequence[str | Path],
        observe: Callable[[IngestEvent], None] | None = None,
        options: Options | None = None,
    ) -> IngestFinished:
        """Read files and folders; what has not changed is not read again. See `memos.ingest.ingest`."""
        return ingest_into(self._archival, self._settings, paths, observe, options)

    def watch(
        self,
        paths: Sequence[str | Path],
        observe: Callable[[IngestEvent], None] | None = None,
        options: Options | None = None,
        stop: Event | None = None,
    ) -> Iterator[IngestFinished]:
        """Read, and read again whenever something changes, until `stop` is set; the totals of each run.

        What has not changed is read anew in the first run at most. A path must be there then; later it may go.
        """
        from memos.ingest.pipeline import PLAIN
        from memos.ingest.watching import changes

        options = options or PLAIN
        yield self.ingest(paths, observe, options)
        options = replace(options, again=False, may_be_gone=True)
        for _ in changes(paths, stop):
            yield self.ingest(paths, observe, options)

    def sources(self, under: str | Path | None = None) -> list[Document]:
        """The documents, by path; below a folder alone if it is given."""
        documents = self._archival.documents()
        if under is None:
            return documents
        folder = Path(spellings(under)[-1])
        return [one for one in documents if any(folder in Path(path).parents for path in (one.source, *one.copies))]

    def find(self, path: str | Path) -> Document:
        """The document of a file; see `stored_document`.

        Raises:
            InputError: it is not stored.
        """
        source = stored_document(self._archival, str(path))
        # An agent's own comes before one that all see.
        return min((one for one in self._archival.documents() if one.source == source), key=lambda one: one.shared)

    def outline(self, source: str) -> Iterator[Outlined]:
        """The passages of a document in its order, each with its first words."""
        offset = 0
        while page := self._archival.read_document(source, limit=PAGE, offset=offset).items:
            for passage in page:
                yield Outlined(passage.id, passage.location, " ".join(passage.text.split())[:OPENING])
            offset += len(page)

    def record(self, path: str | Path) -> Record:
        """What is known of a file, be it only that it could not be read.

        Raises:
            InputError: nothing is.
        """
        names = DocumentNames(self._archival.documents())
        for one in spellings(path):
            jobs = self._archival.jobs(source=one)
            if jobs and names.source(one) is None:
                return Record(one, None, jobs)
        document = self.find(path)
        return Record(document.source, document, self._archival.jobs(source=document.source))

    def paths(self, path: str | Path) -> list[str]:
        """The stored paths that `path` names: a file's own, or all below a folder.

        Raises:
            InputError: nothing of it is stored here, i.e. in this very archive, where it could be removed.
        """
        own = self._archival.stored_files()
        names = spellings(path)
        exact, folder = [name for name in names if name in own], Path(names[-1])
        found = exact or [source for source in sorted(own) if folder in Path(source).parents]
        if not found:
            raise InputError(f"Nothing of {path} is stored here; `memos sources list` shows what is.")
        return found

    def remove(self, paths: Sequence[str]) -> int:
        """Remove stored paths, with their passages unless another path has the same bytes, and what these were summed
        up in; how many there were."""
        removed = sum(self._archival.remove_document(path) for path in paths)
        self._archival.sweep_digests()
        self._archival.index_pending()
        return removed
