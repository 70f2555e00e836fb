"""Documents: what was read from which files, when, and what came of it.

Owns the rows of documents, of their copies (other paths with the same bytes) and of ingest's jobs, and writes a
document with its passages in one transaction. It does not know how a document is read or cut, nor how passages
are searched.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePath
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, func, insert, or_, select
from sqlalchemy.orm import Session

from memos.protocols import StoredFile
from memos.storage.index import DELETE, PASSAGE, enqueue
from memos.storage.schema import CopyRow, DocumentRow, JobRow, PassageRow, as_utc, clean, now
from memos.storage.sql import Sql
from memos.storage.text import heading_of, text_terms

ROWS = 500  # passages written by one statement


@dataclass(frozen=True, slots=True)
class Document:
    """A stored document.

    Args:
        source: its path.
        sha256: of the bytes that were read.
        passages: how many it became.
        shared: every agent sees it.
        created_at: when it was stored, UTC.
        size: of the file in bytes; 0: not known.
        copies: other paths of the same bytes.
    """

    source: str
    sha256: str
    passages: int
    shared: bool
    created_at: datetime
    size: int = 0
    copies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Job:
    """What ingest did with one file.

    Args:
        source: its path.
        outcome: `"stored"`, `"copy"`, `"skipped"`, `"failed"` or `"removed"`.
        reason: why; empty where nothing needs saying.
        passages: how many were stored.
        created_at: when, UTC.
    """

    source: str
    outcome: str
    reason: str
    passages: int
    created_at: datetime


class Documents:
    """The documents of one owner. Safe to use from threads.

    Args:
        sql: the database.
        agent_id: whose; None: the shared library, whose documents every agent sees.
    """

    def __init__(self, sql: Sql, agent_id: int | None) -> None:
        self._sql = sql
        self._agent_id = agent_id

    # ------------------------------------------------------------------------------------- files

    def files(self) -> dict[str, StoredFile]:
        """The files that are stored here, copies included, by path: one query, whatever their number."""
        mine = [rows.agent_id.is_not_distinct_from(self._agent_id) for rows in (DocumentRow, CopyRow)]
        columns = (DocumentRow.sha256, DocumentRow.size, DocumentRow.modified_ns)
        firsts = select(DocumentRow.source, *columns).where(mine[0])
        copies = select(CopyRow.source, DocumentRow.sha256, CopyRow.size, CopyRow.modified_ns)
        copies = copies.join(DocumentRow, DocumentRow.id == CopyRow.document_id).where(mine[1])
        with self._sql.read() as session:
            return {
                row[0]: StoredFile(*row[1:]) for statement in (firsts, copies) for row in session.execute(statement)
            }

    def store(self, source: str, file: StoredFile, passages: Sequence[tuple[str, str]]) -> int:
        """Replace what is stored of a path by these passages, and note that it was done, in one transaction.

        The same bytes read anew stay one document with all their paths.
        """
        rows = self._rows(clean(source), passages)
        with self._sql.write() as session:
            document = self._anew(session, source, file)
            for start in range(0, len(rows), ROWS):
                session.execute(
                    insert(PassageRow), [{**row, "document_id": document.id} for row in rows[start : start + ROWS]]
                )
            enqueue(session, PASSAGE, _passage_ids(session, document))
            self._note(session, source, "stored", "", len(passages))
        return len(passages)

    def share(self, source: str, file: StoredFile) -> str | None:
        """Make a path known for bytes that are stored already.

        Only where both names end alike (`.md`, `.txt`): the ending has a say in how bytes are read.

        Returns:
            The path under which they are stored; None: they are not stored here, and nothing was changed.
        """
        mine = DocumentRow.agent_id.is_not_distinct_from(self._agent_id)
        with self._sql.write() as session:
            same = session.scalars(select(DocumentRow).where(mine, DocumentRow.sha256 == file.sha256))
            alike = [row for row in same if _ending(row.source) == _ending(source)]
            known = _find(session, source, self._agent_id)
            # The path's own document first: then only the file's times are new.
            document = next((row for row in alike if row is known), None) or next(iter(alike), None)
            if document is None:
                return None
            if document is known:
                self._stamp(session, document, source, file)
            else:
                self._release(session, source)
                session.add(
                    CopyRow(
                        document_id=document.id,
                        agent_id=self._agent_id,
                        source=clean(source),
                        size=file.size,
                        modified_ns=file.modified_ns,
                    )
                )
                self._note(session, source, "copy", f"The same bytes as {document.source}.", 0)
            return document.source

    def remove(self, source: str) -> bool:
        """Remove a path; its passages too, unless another path has the same bytes. False: it was not stored here."""
        with self._sql.write() as session:
            if not self._release(session, source):
                return False
            self._note(session, source, "removed", "", 0)
            return True

    def find(self, session: Session, source: str, *, shared: bool = False) -> DocumentRow | None:
        """The document of a path or of a copy, of this owner or shared."""
        return _find(session, source, None if shared else self._agent_id)

    def below(self, session: Session, folder: str) -> list[int]:
        """Ids of the documents that this owner can see and that have a path below a folder, be it a copy's."""
        start = clean(folder).rstrip("/") + "/"

        def inside(rows: type[DocumentRow] | type[CopyRow]) -> ColumnElement[bool]:
            # LIKE would not tell Docs from docs.
            return and_(self._visible(rows), func.substr(rows.source, 1, len(start)) == start)

        firsts = select(DocumentRow.id).where(inside(DocumentRow))
        copies = select(CopyRow.document_id).where(inside(CopyRow))
        return list(session.scalars(firsts.union(copies)))

    def listing(self) -> list[Document]:
        """The documents that this owner can see, by path."""
        statement = (
            select(DocumentRow, func.count(PassageRow.id))
            .outerjoin(PassageRow, PassageRow.document_id == DocumentRow.id)
            .where(self._visible(DocumentRow))
            .group_by(DocumentRow.id)
            .order_by(DocumentRow.source, DocumentRow.id)
        )
        copies: dict[int, list[str]] = {}
        with self._sql.read() as session:
            found = select(CopyRow.document_id, CopyRow.source).where(self._visible(CopyRow)).order_by(CopyRow.source)
            for document, source in session.execute(found):
                copies.setdefault(document, []).append(source)
            return [
                Document(
                    row.source,
                    row.sha256,
                    passages,
                    row.agent_id is None,
                    as_utc(row.created_at),
                    row.size,
                    tuple(copies.get(row.id, ())),
                )
                for row, passages in session.execute(statement)
            ]

    # ------------------------------------------------------------------------------------- jobs

    def note(self, source: str, outcome: str, reason: str, passages: int) -> None:
        """Record what ingest did with one file; the same said of it before is replaced."""
        with self._sql.write() as session:
            self._note(session, source, outcome, reason, passages)

    def jobs(self, limit: int, source: str | None) -> list[Job]:
        """The newest records of ingest that this owner can see, newest first; of one path if that is given."""
        where = [self._visible(JobRow)] + ([JobRow.source == clean(source)] if source is not None else [])
        statement = select(JobRow).where(*where).order_by(JobRow.id.desc()).limit(limit)
        with self._sql.read() as session:
            return [
                Job(row.source, row.outcome, row.reason, row.passages, as_utc(row.created_at))
                for row in session.scalars(statement)
            ]

    def _note(self, session: Session, source: str, outcome: str, reason: str, passages: int) -> None:
        job = {"agent_id": self._agent_id, "source": clean(source), "outcome": outcome, "reason": clean(reason)}
        mine = JobRow.agent_id.is_not_distinct_from(self._agent_id)
        same = (JobRow.source == job["source"], JobRow.outcome == outcome, JobRow.reason == job["reason"])
        session.execute(delete(JobRow).where(mine, *same))
        session.add(JobRow(**job, passages=passages))

    # ------------------------------------------------------------------------------------- rows

    def _rows(self, source: str, passages: Sequence[tuple[str, str]]) -> list[dict[str, Any]]:
        """Passages ready for the database. Finding their terms takes longer than writing them, so it is done while
        others may write: a long ingest would leave them no gap."""
        moment = now()
        rows: list[dict[str, Any]] = []
        for ordinal, (text, location) in enumerate(passages):
            content, place = clean(text), clean(location)
            rows.append(
                {
                    "agent_id": self._agent_id,
                    "ordinal": ordinal,
                    "content": content,
                    "terms": text_terms(content, moment, heading_of(source, place)),
                    "location": place,
                    "created_at": moment,
                }
            )
        return rows

    def _anew(self, session: Session, source: str, file: StoredFile) -> DocumentRow:
        """The row for what was read of a path, without passages: a new one, or the one of the same bytes."""
        document = _find(session, source, self._agent_id)
        if document is not None and document.sha256 == file.sha256:
            self._empty(session, document)
            document.created_at = now()
            self._stamp(session, document, source, file)
            return document
        self._release(session, source)
        document = DocumentRow(
            agent_id=self._agent_id,
            source=clean(source),
            sha256=file.sha256,
            size=file.size,
            modified_ns=file.modified_ns,
        )
        session.add(document)
        session.flush()
        return document

    def _stamp(self, session: Session, document: DocumentRow, source: str, file: StoredFile) -> None:
        """Note size and time of one of a document's files."""
        row = document if document.source == clean(source) else self._copy(session, source)
        assert row is not None  # it was found by this path
        row.size, row.modified_ns = file.size, file.modified_ns

    def _empty(self, session: Session, document: DocumentRow) -> None:
        enqueue(session, PASSAGE, _passage_ids(session, document), DELETE)
        session.execute(delete(PassageRow).where(PassageRow.document_id == document.id))

    def _release(self, session: Session, source: str) -> bool:
        """Forget a path: a copy alone goes; a document with copies passes to the first of them; else all goes."""
        copy = self._copy(session, source)
        if copy is not None:
            session.delete(copy)
            session.flush()
            return True
        document = _first(session, source, self._agent_id)
        if document is None:
            return False
        heirs = select(CopyRow).where(CopyRow.document_id == document.id).order_by(CopyRow.id)
        heir = session.scalars(heirs).first()
        if heir is not None:
            document.source, document.size, document.modified_ns = heir.source, heir.size, heir.modified_ns
            session.delete(heir)
        else:
            self._empty(session, document)
            session.delete(document)
        session.flush()
        return True

    def _copy(self, session: Session, source: str) -> CopyRow | None:
        mine = CopyRow.agent_id.is_not_distinct_from(self._agent_id)
        return session.scalar(select(CopyRow).where(mine, CopyRow.source == clean(source)))

    def _visible(self, rows: type[DocumentRow] | type[CopyRow] | type[JobRow]) -> ColumnElement[bool]:
        shared = rows.agent_id.is_(None)
        return shared if self._agent_id is None else or_(shared, rows.agent_id == self._agent_id)


def _first(session: Session, source: str, owner: int | None) -> DocumentRow | None:
    """The document that is stored under this path itself."""
    mine = DocumentRow.agent_id.is_not_distinct_from(owner)
    return session.scalar(select(DocumentRow).where(mine, DocumentRow.source == clean(source)))


def _find(session: Session, source: str, owner: int | None) -> DocumentRow | None:
    """The document that is stored under this path, or of which it is a copy."""
    first = _first(session, source, owner)
    if first is not None:
        return first
    theirs = CopyRow.agent_id.is_not_distinct_from(owner)
    copied = select(CopyRow.document_id).where(theirs, CopyRow.source == clean(source))
    return session.scalar(select(DocumentRow).where(DocumentRow.id.in_(copied)))


def _ending(source: str) -> str:
    return PurePath(source).suffix.lower()


def _passage_ids(session: Session, document: DocumentRow) -> list[int]:
    ids = select(PassageRow.id).where(PassageRow.document_id == document.id).order_by(PassageRow.ordinal)
    return list(session.scalars(ids))
