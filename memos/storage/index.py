"""The search index: brings vectors up to date with SQL, through the outbox, and makes them anew if need be.

Owns the outbox, the embedder and the order of the steps: SQL first, the index second, the outbox row
goes last. So a kill at any point leaves work to be done twice and never work undone. It does not know
what a search is for, nor how vectors are stored.
"""

from __future__ import annotations

import threading
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from math import sqrt
from pathlib import Path

from filelock import FileLock, Timeout
from sqlalchemy import Row, delete, exists, func, insert, literal, select
from sqlalchemy.orm import Session

from memos.errors import MemosError, StorageError
from memos.messages import State
from memos.protocols import Embedder
from memos.storage.memory import give_back
from memos.storage.schema import SESSION_PAUSE, SPOKEN_KINDS, DocumentRow, MessageRow, OutboxRow, PassageRow, as_utc
from memos.storage.sentences import packed, sentences
from memos.storage.sql import Sql, private_folder
from memos.storage.text import heading_of
from memos.storage.vectors import MESSAGES, PASSAGES, IndexDamaged, Likeness, Scope, Vector, Vectors

MESSAGE, PASSAGE, AGENT = "message", "passage", "agent"  # kinds of outbox rows
UPSERT, DELETE = "upsert", "delete"

# Changes worked off with one write to the index, and with texts of like length embedded together: texts are padded to
# the longest of their batch, and each write adds a file. A kill costs the embedding of so many at most, and a search
# beside it finds what is written. At first fewer are worth it, since until then nothing is embedded.
STRIDE, FIRST_STRIDE = 256, 64
# Texts after which what embedding has freed goes back to the system, for batches are of many lengths: by itself the
# heap grows by a hundred megabytes and more.
GIVE_BACK = 64
# A search embeds what is new before it looks, but only so much of it: more would be felt as a pause.
MOST_ON_SEARCH = 64
WAIT_SECONDS = 60.0

Progress = Callable[[int, int], None]
Made = tuple[Sequence[float], bytes]  # the vector of a text, and those of its sentences
_CHANGE = (OutboxRow.id, OutboxRow.kind, OutboxRow.item_id)  # columns: nobody needs an object of each row
# What the index has: what a search may find. All that is asked of SQL for its sake is asked with these.
INDEXED_PASSAGES = (PassageRow.put_away_by == 0,)
INDEXED_MESSAGES = (MessageRow.kind.in_(SPOKEN_KINDS), MessageRow.state.in_([str(State.DONE), str(State.CUT)]))


@dataclass(frozen=True, slots=True)
class Embedded:
    """A text to embed, what was said before it (empty where that is nothing), and which of its sentences besides."""

    alone: str
    before: str = ""
    sentences: tuple[str, ...] = ()


def enqueue(session: Session, kind: str, ids: Sequence[int], operation: str = UPSERT) -> None:
    """Note, in the caller's transaction, that the index has to learn about these."""
    if ids:
        rows = [{"kind": kind, "item_id": item, "operation": operation} for item in ids]
        session.execute(insert(OutboxRow), rows)


def micros(moment: datetime) -> int:
    """Microseconds since 1970."""
    return round(as_utc(moment).timestamp() * 1_000_000)


class SearchIndex:
    """The vector index of one home, shared by its agents. Safe to use from several threads.

    Args:
        sql: the database.
        folder: where the index is, or will be.
        embedder: makes the embedder when it is first needed; None: there is no index, words must do.
    """

    def __init__(self, sql: Sql, folder: Path, embedder: Callable[[], Embedder] | None) -> None:
        self._sql = sql
        self._vectors = Vectors(folder)
        self._make_embedder = embedder
        self._embedder: Embedder | None = None
        self._embedding = threading.Lock()
        self._writing = threading.Lock()
        self._lock_file = folder.parent / f"{folder.name}.lock"
        self._checked = False
        self._notices: list[str] = []

    # ------------------------------------------------------------------------------------- for everyone

    def pending(self) -> int:
        """How many changes the index has yet to learn."""
        with self._sql.read() as session:
            return session.scalar(select(func.count()).select_from(OutboxRow)) or 0

    def take_notices(self) -> list[str]:
        """Sentences for the user about what happened to the index since the last time one asked."""
        notices, self._notices = self._notices, []
        return notices

    def index_pending(
        self,
        progress: Progress | None = None,
        *,
        limit: int | None = None,
        wait: bool = True,
        follow: Callable[[], bool] | None = None,
    ) -> int:
        """Bring the index up to date with SQL. Cheap if it is.

        A missing or damaged index, or one by another embedder, is made anew first (see `take_notices`).

        Args:
            progress: told `(done, of)` as it goes, in changes; `of` grows if more comes meanwhile.
            limit: the most changes to work off now.
            wait: if another thread or process is at it, wait for it; else return at once.
            follow: asked, when less is left than is worth a write, whether more may come; may wait before it
                answers. None: no more is waited for.

        Returns:
            How many texts were embedded; 0 without an embedder.

        Raises:
            StorageError: the index cannot be written; what was not done is still in the outbox.
        """
        if self._make_embedder is None or (follow is None and self._checked and not self._any_pending()):
            return 0
        with self._alone(wait) as mine:
            return self._repairing(lambda: self._drain(progress, limit, follow)) if mine else 0

    def reindex(self, progress: Progress | None = None) -> int:
        """Throw the index away and make it anew from SQL.

        Returns:
            How many texts were embedded.

        Raises:
            StorageError: there is no embedder, or the index cannot be written.
        """
        if self._make_embedder is None:
            raise StorageError(
                "There is no embedding model, so there is no search index to rebuild; `memos models pull "
                "all-minilm-l6-v2` gets one, unless `embedding` in settings.toml says none."
            )
        with self._alone(wait=True):
            self._start_over()
            self._checked = True
            return self._drain(progress, None)

    def nearest(self, table: str, query: str, told: str | None, scope: Scope, limit: int) -> dict[int, Likeness]:
        """Ids nearest in meaning to a query, with how near; none where that cannot be had.

        Whatever is wrong with the index or the embedder becomes a notice: a search by words still works.

        Args:
            table: of messages or passages.
            query: what rows as a whole are compared with.
            told: what the sentences of messages are compared with; None: they are not looked at.
            scope: which rows.
            limit: how many.
        """
        if self._make_embedder is None:
            return {}
        try:
            self.index_pending(limit=MOST_ON_SEARCH, wait=False)
            wanted = (query,) if told is None or table != MESSAGES else (query, told)  # passages have no sentences
            texts = list(dict.fromkeys(wanted))
            known = dict(zip(texts, self._embedder_now().embed(texts), strict=True))
            vectors = [known[text] for text in wanted]
            for _ in range(2):  # a second look: another process may have made the index anew
                try:
                    return self._read(table, vectors, scope, limit)
                except IndexDamaged:
                    self._forget()
            with self._alone(wait=False) as mine:
                if not mine:
                    return {}
                self._remake()
                self._drain(None, MOST_ON_SEARCH)
                return self._read(table, vectors, scope, limit)
        except MemosError as error:
            self._notice(f"Searching by words only. {error}")
            return {}

    def close(self) -> None:
        """Let go of the index and the embedder."""
        self._forget()
        self._embedder = None

    # ------------------------------------------------------------------------------------- the outbox

    def _any_pending(self) -> bool:
        with self._sql.read() as session:
            return bool(session.scalar(select(exists().select_from(OutboxRow))))

    def _drain(self, progress: Progress | None, limit: int | None, follow: Callable[[], bool] | None = None) -> int:
        self._open()
        done = embedded = 0
        while limit is None or done < limit:
            room = STRIDE if limit is None else min(STRIDE, limit - done)
            with self._sql.read() as session:
                batch = session.execute(select(*_CHANGE).order_by(OutboxRow.id).limit(room)).all()
            enough = room if done else min(room, FIRST_STRIDE)
            if len(batch) < enough and follow is not None and follow():
                continue
            if not batch:
                break
            embedded += self._apply(batch, _report(progress, done, self.pending(), limit))
            self._acknowledge([row.id for row in batch])
            done += len(batch)
            if progress is not None:
                progress(done, done + self._left(limit, done))
            self._vectors.maintain(build=False)
        self._vectors.maintain()
        return embedded

    def _left(self, limit: int | None, done: int) -> int:
        return self.pending() if limit is None else min(self.pending(), limit - done)

    def _apply(self, batch: Sequence[Row[int, str, int]], report: Callable[[int], None]) -> int:
        """Make the index true for the items of these rows, as SQL has them now."""
        embedded = 0
        for kind, table in ((MESSAGE, MESSAGES), (PASSAGE, PASSAGES)):
            wanted = {row.item_id for row in batch if row.kind == kind}
            if not wanted:
                continue
            texts, rows = self._load(kind, sorted(wanted))
            if rows:
                vectors = self._embed_all(texts, _behind(embedded, report))
                self._vectors.upsert(table, [Vector(*row, *made) for row, made in zip(rows, vectors, strict=True)])
            if gone := wanted - {row[0] for row in rows}:
                self._vectors.delete(table, sorted(gone))
            embedded += len(rows)
        if agents := {row.item_id for row in batch if row.kind == AGENT}:
            self._vectors.delete_agents(sorted(agents))
        return embedded

    def _load(self, kind: str, ids: Sequence[int]) -> tuple[list[Embedded], list[tuple[int, int, str, int]]]:
        texts: list[Embedded] = []
        rows: list[tuple[int, int, str, int]] = []
        with self._sql.read() as session:
            if kind == MESSAGE:
                found = select(MessageRow).where(MessageRow.id.in_(ids), *INDEXED_MESSAGES)
                for message in session.scalars(found):
                    cut = tuple(sentences(message.content))
                    texts.append(Embedded(message.content, _said_before(session, message), cut))
                    rows.append((message.id, message.agent_id, message.kind, micros(message.created_at)))
            else:
                # Columns: the rows' terms are as long as the text, and nobody needs them here.
                columns = (PassageRow.id, PassageRow.agent_id, PassageRow.content, PassageRow.created_at)
                place = (PassageRow.location, DocumentRow.source)  # a note is of no document
                stored = select(*columns, *place).outerjoin(DocumentRow, DocumentRow.id == PassageRow.document_id)
                for passage in session.execute(stored.where(PassageRow.id.in_(ids), *INDEXED_PASSAGES)):
                    above = heading_of(passage.source, passage.location) if passage.source is not None else ""
                    texts.append(Embedded(f"{above}\n{passage.content}" if above else passage.content))
                    rows.append((passage.id, passage.agent_id or 0, PASSAGE, micros(passage.created_at)))
        return texts, rows

    def _acknowledge(self, ids: Sequence[int]) -> None:
        with self._sql.write() as session:
            session.execute(delete(OutboxRow).where(OutboxRow.id.in_(ids)))

    # ------------------------------------------------------------------------------------- the index

    def _open(self) -> None:
        if self._checked:
            self._vectors.check()  # before anything is embedded
            return
        embedder = self._embedder_now()
        why = self._vectors.open(embedder.name, embedder.dimension) or self._difference()
        if why:
            before = self._indexed_before()
            self._start_over()
            if before > 0:
                texts = "1 text" if before == 1 else f"{before} texts"
                self._notice(f"{why}; it is made anew from the database ({texts}).")
        self._checked = True

    def _difference(self) -> str:
        with self._sql.read() as session:
            if session.scalar(select(exists().select_from(OutboxRow))):
                return ""
            messages, passages = _counts(session)
        if (self._vectors.count(MESSAGES), self._vectors.count(PASSAGES)) == (messages, passages):
            return ""
        return "The search index does not match the database"

    def _indexed_before(self) -> int:
        with self._sql.read() as session:
            pending = select(OutboxRow.kind, OutboxRow.item_id).where(OutboxRow.operation == UPSERT)
            waiting = session.scalar(select(func.count()).select_from(pending.distinct().subquery())) or 0
            return sum(_counts(session)) - waiting

    def _start_over(self) -> None:
        # In this order: killed after any step, the next start finds no index and begins here again.
        embedder = self._embedder_now()
        self._forget()
        self._vectors.clear()
        with self._sql.write() as session:
            session.execute(delete(OutboxRow))
            for kind, row, where in (
                (MESSAGE, MessageRow, INDEXED_MESSAGES),
                (PASSAGE, PassageRow, INDEXED_PASSAGES),
            ):
                everything = select(literal(kind), row.id, literal(UPSERT)).where(*where).order_by(row.id)
                session.execute(insert(OutboxRow).from_select(["kind", "item_id", "operation"], everything))
        self._vectors.create(embedder.name, embedder.dimension)

    def _repairing(self, work: Callable[[], int]) -> int:
        for _ in range(2):  # a second look: another process may have made the index anew
            try:
                return work()
            except IndexDamaged:
                self._forget()
        # Once: if a new index cannot be written either, the disk is to blame and the user must know.
        self._remake()
        return work()

    def _remake(self) -> None:
        self._start_over()
        self._checked = True
        self._notice("The search index is damaged; it is made anew from the database.")

    def _read(self, table: str, vectors: Sequence[Sequence[float]], scope: Scope, limit: int) -> dict[int, Likeness]:
        if not self._vectors.is_open:
            # Another process is writing it, so it was not opened above; to read it needs no permission.
            embedder = self._embedder_now()
            if self._vectors.open(embedder.name, embedder.dimension):
                return {}
        return self._vectors.nearest(table, vectors[0], scope, limit, *vectors[1:])

    def _forget(self) -> None:
        self._checked = False
        self._vectors.close()

    @contextmanager
    def _alone(self, wait: bool) -> Iterator[bool]:
        """Whether this thread of this process is the one that may write the index."""
        if not self._writing.acquire(blocking=wait):
            yield False
            return
        try:
            private_folder(self._lock_file.parent)
            lock = FileLock(self._lock_file, timeout=WAIT_SECONDS if wait else 0, mode=0o600, thread_local=False)
            try:
                lock.acquire()
            except Timeout as error:
                if wait:
                    raise StorageError("Another process is writing the search index; try again later.") from error
                yield False
                return
            except OSError as error:
                raise StorageError(f"{self._lock_file} cannot be locked: {error}.") from error
            try:
                yield True
            finally:
                lock.release()
        finally:
            self._writing.release()

    # ------------------------------------------------------------------------------------- the embedder

    def _embedder_now(self) -> Embedder:
        with self._embedding:
            if self._embedder is None:
                if self._make_embedder is None:
                    raise StorageError("There is no embedding model.")
                self._embedder = self._make_embedder()
            return self._embedder

    def _embed_all(self, texts: Sequence[Embedded], report: Callable[[int], None]) -> list[Made]:
        """For each text a vector that stands halfway between it alone and the same behind what was said before it, and
        those of its sentences; `report` is told how many texts are done, and may end it."""
        behind = [f"{text.before}\n{text.alone}" if text.before else text.alone for text in texts]
        # Many messages are one sentence, and of passages nothing was said before.
        pairs = list(zip(texts, behind, strict=True))
        wanted = list(dict.fromkeys(part for text, whole in pairs for part in (text.alone, whole, *text.sentences)))
        given_back = 0

        def done(count: int) -> None:
            nonlocal given_back
            if count - given_back >= GIVE_BACK:
                give_back()
                given_back = count
            report(len(texts) * count // len(wanted))

        known = dict(zip(wanted, self._embedder_now().embed(wanted, done), strict=True))
        # Four bytes a number: as a list, a stride's vectors take twelve megabytes.
        return [
            (
                array("f", _between(known[text.alone], known[whole]) if text.before else known[text.alone]),
                packed([known[one] for one in text.sentences]) if text.sentences else b"",
            )
            for text, whole in pairs
        ]

    def _notice(self, sentence: str) -> None:
        if sentence not in self._notices:
            self._notices.append(sentence)


def _report(progress: Progress | None, done: int, pending: int, limit: int | None) -> Callable[[int], None]:
    """Progress within a stride: texts that are embedded but not yet written count as done."""
    if progress is None:
        return lambda _: None
    total = done + pending if limit is None else min(done + pending, limit)
    return lambda count: progress(done + count, max(total, done + count))


def _behind(done: int, report: Callable[[int], None]) -> Callable[[int], None]:
    """A report of what comes behind so many."""
    return lambda count: report(done + count)


def _said_before(session: Session, message: MessageRow) -> str:
    """What was said right before a message in the same session; empty where nothing was."""
    earlier = (MessageRow.agent_id == message.agent_id, MessageRow.id < message.id, *INDEXED_MESSAGES)
    newest = select(MessageRow.content, MessageRow.created_at).where(*earlier).order_by(MessageRow.id.desc()).limit(1)
    row = session.execute(newest).first()
    if row is None or abs(as_utc(message.created_at) - as_utc(row.created_at)) > SESSION_PAUSE:
        return ""
    return str(row.content)


def _between(one: Sequence[float], two: Sequence[float]) -> list[float]:
    """The middle of two vectors, of unit length."""
    sums = [a + b for a, b in zip(one, two, strict=True)]
    length = sqrt(sum(value * value for value in sums)) or 1.0
    return [value / length for value in sums]


def _counts(session: Session) -> tuple[int, int]:
    messages = session.scalar(select(func.count()).select_from(MessageRow).where(*INDEXED_MESSAGES))
    passages = session.scalar(select(func.count()).select_from(PassageRow).where(*INDEXED_PASSAGES))
    return messages or 0, passages or 0
