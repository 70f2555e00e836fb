"""Archival storage: notes of an agent and passages of documents, its own or shared with every agent.

Owns reading and searching passages, and writing notes; `documents` writes those of documents. It does not know how
a document is read or cut, nor what is shown of a passage.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, and_, func, or_, select, update
from sqlalchemy.orm import Session

from memos.messages import Found, Origin, Passage
from memos.protocols import StoredFile
from memos.storage.digests import DigestStore
from memos.storage.documents import Document, Documents, Job
from memos.storage.index import DELETE, PASSAGE, SearchIndex, enqueue
from memos.storage.schema import DocumentRow, PassageRow, as_utc, clean, now
from memos.storage.searching import Filter, Searcher
from memos.storage.sql import Sql, in_parts
from memos.storage.text import query_words, text_terms
from memos.storage.vectors import PASSAGES, Scope

if TYPE_CHECKING:
    from memos.storage.corpus import Entry

SHARED = 0  # the index's word for "no agent": vectors have no NULL


class Archival:
    """`ArchivalStorage` and `Indexer` of one agent, or of the shared library. Safe to use from threads.

    Args:
        sql: the database.
        index: vectors, where there are any; searched as well.
        digests: what documents were summed up in.
        agent_id: whose; None: the shared library, whose documents every agent sees.
    """

    def __init__(self, sql: Sql, index: SearchIndex, digests: DigestStore, agent_id: int | None) -> None:
        self._sql = sql
        self._index = index
        self._digests = digests
        self._agent_id = agent_id
        self._documents = Documents(sql, agent_id)
        self._searcher = Searcher(sql, self, index, PASSAGES)

    # ------------------------------------------------------------------------------------- passages

    def insert(self, text: str, *, location: str = "") -> Passage:
        """Store a note of the agent. A search finds it at once.

        Args:
            text: its content.
            location: the message that it quotes, e.g. `recall:7`.

        Raises:
            StorageError: it could not be stored.
        """
        content = clean(text)
        moment = now()
        row = PassageRow(agent_id=self._agent_id, content=content, location=location, created_at=moment)
        row.terms = text_terms(content, moment)
        with self._sql.write() as session:
            session.add(row)
            session.flush()
            enqueue(session, PASSAGE, [row.id])
        return _passage(row, None)

    def put_away(self, ids: Sequence[int], *, by: int) -> None:
        """Let nothing find these notes of the agent any more, until the message that asked for it is taken back.

        Args:
            ids: the notes.
            by: the message's id.
        """
        mine = (PassageRow.agent_id == self._agent_id, PassageRow.document_id.is_(None), PassageRow.id.in_(ids))
        with self._sql.write() as session:
            session.execute(update(PassageRow).where(*mine).values(put_away_by=by))
            enqueue(session, PASSAGE, list(ids), DELETE)
        self._searcher.forget()

    def superseded(self, *, by: int = 0) -> frozenset[str]:
        """The texts of notes that were put away: what is not so any more.

        Args:
            by: only of those that this message asked for.
        """
        away = PassageRow.put_away_by == by if by else PassageRow.put_away_by > 0
        with self._sql.read() as session:
            return frozenset(
                session.scalars(select(PassageRow.content).where(PassageRow.agent_id == self._agent_id, away))
            )

    def search(
        self,
        query: str,
        *,
        limit: int = 10,
        offset: int = 0,
        source: str | None = None,
        origin: Origin | None = None,
        asked_at: datetime | None = None,
    ) -> Found[Passage]:
        """Passages by meaning and words, best first; an empty query finds the newest.

        Args:
            query: words.
            limit: the most to return.
            offset: how many of the best to skip.
            source: only passages of this document, or of those below this folder.
            origin: only notes, or only passages of documents; what is rare is counted among these.
            asked_at: what the query's "last week" is relative to; None: now.
        """
        where = [self._visible(PassageRow)]
        documents: list[int] | None = None
        if source is not None:
            documents = self._within(source)
            if not documents:
                return Found((), (), 0)
            where.append(PassageRow.document_id.in_(documents))
        if origin is not None:
            of = PassageRow.document_id
            where.append(of.is_(None) if origin == Origin.NOTE else of.is_not(None))
        wanted = Filter(groups=None if documents is None else frozenset(documents), origin=origin)
        if not query.strip():
            return self._newest(where, limit, offset)
        if not query_words(clean(query)):
            where.append(PassageRow.content.contains(clean(query).strip(), autoescape=True))
            return self._newest(where, limit, offset)
        owners = (SHARED,) if self._agent_id is None else (SHARED, self._agent_id)
        hits = self._searcher.search(query, wanted, Scope(owners), asked_at)
        with self._sql.read() as session:
            # SQL has the last word: the index may still name what is gone.
            present = set(session.scalars(select(PassageRow.id).where(PassageRow.id.in_(hits.ids), *where)))
            if len(present) < len(hits.ids):
                self._searcher.forget()
            ranked = [(at, item) for at, item in enumerate(hits.ids) if item in present]
            shown = ranked[offset : offset + limit]
            rows = session.execute(_with_source().where(PassageRow.id.in_([item for _, item in shown])))
            passages = {row[0].id: _passage(*row) for row in rows}
        return Found(
            tuple(passages[item] for _, item in shown),
            tuple(hits.scores[at] for at, _ in shown),
            len(ranked),
            tuple(hits.explain(at) for at, _ in shown),
        )

    def refresh(self) -> None:
        """Load what is searched anew with the next search: notes were taken back or forgotten."""
        self._searcher.forget()

    def entries(self, session: Session, after_id: int) -> list[Entry]:
        """Rows for the corpus of a search; see `memos.storage.searching.Source`."""
        from memos.storage.corpus import Entry, note_group

        columns = (PassageRow.id, PassageRow.document_id, PassageRow.created_at, PassageRow.terms)
        newer = select(*columns).where(self._visible(PassageRow), PassageRow.id > after_id).order_by(PassageRow.id)
        return [
            Entry(row, PASSAGE, at, "", note_group(row) if document is None else document, terms)
            for row, document, at, terms in session.execute(newer)
        ]

    def notes(self) -> list[Passage]:
        """The notes of the agent, oldest first, without what was put away."""
        return self._notes(PassageRow.put_away_by == 0)

    def quoting(self, pointer: str) -> list[Passage]:
        """The notes that quote a message, oldest first. `pointer`: e.g. `recall:7`."""
        return self._notes(PassageRow.location == pointer)

    def _notes(self, which: ColumnElement[bool]) -> list[Passage]:
        mine = (PassageRow.agent_id == self._agent_id, PassageRow.document_id.is_(None))
        with self._sql.read() as session:
            rows = session.scalars(select(PassageRow).where(*mine, which).order_by(PassageRow.id))
            return [_passage(row, None) for row in rows]

    def get(self, passage_id: int) -> Passage | None:
        """The passage with this id if this agent can see it, or None."""
        statement = _with_source().where(PassageRow.id == passage_id, self._visible(PassageRow))
        with self._sql.read() as session:
            row = session.execute(statement).first()
        return None if row is None else _passage(*row)

    def around(self, passage_id: int, *, before: int = 1, after: int = 1) -> list[Passage]:
        """A passage with those before and after it in its document; a note alone; nothing if there is none."""
        with self._sql.read() as session:
            found = select(PassageRow).where(PassageRow.id == passage_id, self._visible(PassageRow))
            middle = session.scalar(found)
            if middle is None:
                return []
            wanted = PassageRow.id == passage_id
            if middle.document_id is not None:
                span = PassageRow.ordinal.between(middle.ordinal - before, middle.ordinal + after)
                wanted = and_(PassageRow.document_id == middle.document_id, span)
            rows = session.execute(_with_source().where(wanted).order_by(PassageRow.ordinal))
            return [_passage(*row) for row in rows]

    def count(self) -> int:
        """How many passages the agent can see."""
        with self._sql.read() as session:
            return session.scalar(select(func.count(PassageRow.id)).where(self._visible(PassageRow))) or 0

    def document_count(self) -> int:
        """How many documents the agent can see."""
        with self._sql.read() as session:
            return session.scalar(select(func.count(DocumentRow.id)).where(self._visible(DocumentRow))) or 0

    def _newest(self, where: Sequence[ColumnElement[bool]], limit: int, offset: int) -> Found[Passage]:
        newest = _with_source().where(*where).order_by(PassageRow.id.desc()).limit(limit).offset(offset)
        with self._sql.read() as session:
            total = session.scalar(select(func.count(PassageRow.id)).where(*where)) or 0
            passages = tuple(_passage(*row) for row in session.execute(newest))
        return Found(passages, (0.0,) * len(passages), total)

    # ------------------------------------------------------------------------------------- documents

    def stored_files(self) -> dict[str, StoredFile]:
        """The files that are stored here, by path, other paths of the same bytes included."""
        return self._documents.files()

    def store_document(
        self, source: str, sha256: str, passages: Sequence[tuple[str, str]], *, size: int = 0, modified_ns: int = 0
    ) -> int:
        """Replace a document by its passages in one transaction.

        Args:
            source: its path.
            sha256: of the bytes that were read.
            passages: `(text, location)`, in the document's order.
            size: of the file, in bytes; 0: not known.
            modified_ns: when the file was last changed, in nanoseconds since 1970; 0: not known.

        Returns:
            How many passages were stored. `index_pending` gives them vectors; words find them at once.

        Raises:
            StorageError: it could not be stored; the former version is untouched.
        """
        return self._documents.store(source, StoredFile(sha256, size, modified_ns), passages)

    def share_document(self, source: str, sha256: str, *, size: int = 0, modified_ns: int = 0) -> str | None:
        """Make a path known for bytes that are stored already; see `Documents.share`.

        Returns:
            The path under which they are stored; None: they are not stored here, and nothing was changed.
        """
        return self._documents.share(source, StoredFile(sha256, size, modified_ns))

    def remove_document(self, source: str) -> bool:
        """Remove a path, and the passages unless another path has the same bytes; False: it was not stored here."""
        return self._documents.remove(source)

    def sweep_digests(self) -> None:
        """Remove the summaries of passages that are no more; whoever has removed documents is done then."""
        self._digests.sweep(self._there)

    def _there(self, ids: Collection[int]) -> set[int]:
        found: set[int] = set()
        with self._sql.read() as session:
            for some in in_parts(ids):
                found.update(session.scalars(select(PassageRow.id).where(PassageRow.id.in_(some))))
        return found

    def documents(self) -> list[Document]:
        """The documents that this agent can see, by path."""
        return self._documents.listing()

    def read_document(self, source: str, *, limit: int = 10, offset: int = 0) -> Found[Passage]:
        """A document's passages in its order; the agent's own where a shared one has the same path."""
        with self._sql.read() as session:
            document = self._document(session, source)
            if document is None:
                return Found((), (), 0)
            mine = PassageRow.document_id == document.id
            total = session.scalar(select(func.count(PassageRow.id)).where(mine)) or 0
            page = _with_source().where(mine).order_by(PassageRow.ordinal).limit(limit).offset(offset)
            passages = tuple(_passage(*row) for row in session.execute(page))
        return Found(passages, (0.0,) * len(passages), total)

    def identity(self, source: str) -> str:
        """What tells the document of a path from every other of the data folder, however often it is read anew: whose
        it is, and its path. Empty where there is none."""
        with self._sql.read() as session:
            row = self._document(session, source)
            return "" if row is None else f"{row.agent_id or SHARED}:{row.source}"

    def _within(self, source: str) -> list[int]:
        """The rows of a document, or of those below a folder."""
        with self._sql.read() as session:
            row = self._document(session, source)
            return [row.id] if row is not None else self._documents.below(session, source)

    def _document(self, session: Session, source: str) -> DocumentRow | None:
        """The agent's own where a shared one has the same path."""
        return self._documents.find(session, source) or self._documents.find(session, source, shared=True)

    def _visible(self, rows: type[PassageRow] | type[DocumentRow]) -> ColumnElement[bool]:
        shared = rows.agent_id.is_(None)
        mine = shared if self._agent_id is None else or_(shared, rows.agent_id == self._agent_id)
        return and_(mine, rows.put_away_by == 0) if rows is PassageRow else mine

    # ------------------------------------------------------------------------------------- index, jobs

    def index_pending(
        self, progress: Callable[[int, int], None] | None = None, *, follow: Callable[[], bool] | None = None
    ) -> int:
        """Bring the vector index up to date with SQL; return how many texts were embedded.

        Args:
            progress: told `(done, of)` now and then.
            follow: asked, when little or nothing is left, whether more may come; may wait before it says so.
        """
        return self._index.index_pending(progress, follow=follow)

    def note_job(self, source: str, outcome: str, reason: str = "", passages: int = 0) -> None:
        """Record what ingest did with one file: see `Job`."""
        self._documents.note(source, outcome, reason, passages)

    def jobs(self, limit: int = 50, source: str | None = None) -> list[Job]:
        """The newest records of ingest that this agent can see, newest first; of one path if that is given."""
        return self._documents.jobs(limit, source)


def _with_source() -> Any:  # a Select of two columns, which SQLAlchemy 2.0 and 2.1 type differently
    return select(PassageRow, DocumentRow.source).outerjoin(DocumentRow, DocumentRow.id == PassageRow.document_id)


def _passage(row: PassageRow, source: str | None) -> Passage:
    return Passage(row.id, row.content, source or "", row.location, as_utc(row.created_at))
