"""LanceDB: two tables of vectors, one for messages and one for passages, each row with what filters it.

Owns the folder of the index and everything about LanceDB; imports it (seconds) only when first used. It
holds no text and does not know SQL, the outbox, or how vectors are made.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from memos.errors import StorageError
from memos.storage.memory import bound_memory, frugal, give_back
from memos.storage.sentences import nearest_of_each
from memos.storage.sql import meaning, private_folder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# How vectors are made of texts (`SearchIndex`). One that was made in another way is made anew.
LAYOUT = "with what was said before, and by sentence"
MESSAGES, PASSAGES = TABLES = ("messages", "passages")
# Below this, comparing with every vector is as fast as an index, exact, and costs nothing to keep.
FLAT_UP_TO = 16_384
# What is indexed then: the vectors, and what filters them.
INDEXED = ("vector", "id", "agent_id", "kind", "created_at")
# Vectors for each of the 256 values of a byte from which their range is learnt; by itself LanceDB takes 256, 100 MB.
SAMPLE = 32
# Squared, as LanceDB gives it: of vectors of unit length 2 - 2 cos. Asked for the cosine, LanceDB 0.40 gives twice the
# distance where there is an index of bytes, and once where there is none.
DISTANCE = "l2"
# Each write adds a file and a version, and a search takes longer by some 0.1 ms for each file; rewriting them as one
# rewrites the whole table, for LanceDB takes any file below a million rows for a small one. So files of few rows are
# gathered when there are so many, and large ones, which a long ingest writes by the hundred, only when it is done.
SMALL_WRITE = 128  # rows
WRITES_BETWEEN_COMPACTIONS, LARGE_WRITES_KEPT = 64, 32
# How long a search of another process may still be reading the version before.
KEEP_VERSIONS = timedelta(minutes=10)
# By itself it writes what it thinks of the vectors ("more than 10% of clusters are empty") into the user's terminal.
LOG, LOG_LEVEL = "LANCEDB_LOG", "error"
# Bytes. Every write leaves an entry for its version in the second, which is never taken out again and may have a
# gibibyte by default (github.com/lance-format/lance/issues/1983): memory would grow with the corpus.
INDEX_CACHE, METADATA_CACHE = 128 << 20, 4 << 20


class IndexDamaged(StorageError):
    """The index cannot be read or written as it is; it can be made anew from SQL."""


@dataclass(frozen=True, slots=True)
class Vector:
    """One row: `agent_id` 0 is everybody's, `created_at` is in microseconds since 1970, `vector` is of unit length, and
    `parts` are vectors of its sentences as bytes, or empty."""

    id: int
    agent_id: int
    kind: str
    created_at: int
    vector: Sequence[float] | NDArray[np.float32]
    parts: bytes = b""


class Likeness(NamedTuple):
    """How near a row is to a query, as cosine similarities: the whole of it, and the nearest of its sentences."""

    whole: float
    sentence: float


@dataclass(frozen=True, slots=True)
class Scope:
    """Which rows a search may see; None: any.

    Args:
        agent_ids: owners.
        kinds: kinds of messages.
        start: not before, in microseconds since 1970.
        end: before, in microseconds since 1970.
        before_id: smaller ids only.
        ids: of these rows only.
        without: of none of these.
    """

    agent_ids: tuple[int, ...]
    kinds: tuple[str, ...] | None = None
    start: int | None = None
    end: int | None = None
    before_id: int | None = None
    ids: tuple[int, ...] | None = None
    without: tuple[int, ...] | None = None


class Vectors:
    """The index in its folder. Reading is safe from any thread; whoever writes must be the only one.

    Args:
        folder: where it is, or will be.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._tables: dict[str, Any] = {}
        self._origin: tuple[str, ...] = ()
        self._session: Any = None
        self._small_writes = self._large_writes = 0
        self._highest: dict[str, tuple[int, int]] = {}  # by table: the version that was written last, its highest id

    @property
    def is_open(self) -> bool:
        return bool(self._tables)

    def open(self, embedder: str, dimension: int) -> str:
        """Open the tables.

        Returns:
            Why they cannot be used, as the beginning of a sentence; empty if they are open.
        """
        self.close()
        if not self.folder.exists():
            return "The search index is missing"
        tables = {}
        try:
            with self._translated():
                connection = self._connect()
                for name in TABLES:
                    tables[name] = connection.open_table(name)
                    layout, was, size = origin = _origin(tables[name])
        except IndexDamaged:
            return "The search index is damaged"
        if layout != LAYOUT:
            return "The search index is of an earlier memos"
        if (was, size) != (embedder, str(dimension)):
            return f"The search index was made by the embedding model {was}, and now it is {embedder}"
        self._tables, self._origin = tables, origin
        return ""

    def create(self, embedder: str, dimension: int) -> None:
        """Make empty tables for vectors of this embedder, in place of whatever was there."""
        self.clear()
        private_folder(self.folder)
        with self._translated():
            import pyarrow as pa

            schema = pa.schema(
                [
                    pa.field("id", pa.int64(), nullable=False),
                    pa.field("agent_id", pa.int64(), nullable=False),
                    pa.field("kind", pa.string(), nullable=False),
                    pa.field("created_at", pa.int64(), nullable=False),
                    pa.field("vector", pa.list_(pa.float32(), dimension), nullable=False),
                    pa.field("parts", pa.binary(), nullable=False),
                ],
                metadata={"memos.embedder": embedder, "memos.dimension": str(dimension), "memos.layout": LAYOUT},
            )
            connection = self._connect()
            self._tables = {name: connection.create_table(name, schema=schema) for name in TABLES}
        self._origin = (LAYOUT, embedder, str(dimension))
        self._restrict()

    def check(self) -> None:
        """Refuse tables that another process has made anew in another way since they were opened.

        Raises:
            StorageError: so it is.
        """
        with self._translated():
            for name in TABLES:
                self._table(name)

    def close(self) -> None:
        """Let go of the tables; the next `open` looks at the folder afresh."""
        self._tables, self._highest = {}, {}

    def clear(self) -> None:
        """Remove the index."""
        self.close()
        try:
            if self.folder.exists():
                shutil.rmtree(self.folder)
        except OSError as error:
            raise meaning(error, f"The search index {self.folder}") from error

    def upsert(self, name: str, rows: Sequence[Vector]) -> None:
        """Insert rows, or replace those that have the same id.

        Ids only grow, so rows are nearly always new; then they are appended, and nothing is looked up.
        """
        with self._translated():
            import numpy as np
            import pyarrow as pa

            table = self._table(name)
            columns: dict[str, Any] = {
                field: [getattr(row, field) for row in rows] for field in Vector.__slots__ if field != "vector"
            }
            flat = np.array([row.vector for row in rows], np.float32).ravel()
            columns["vector"] = pa.FixedSizeListArray.from_arrays(flat, table.schema.field("vector").type.list_size)
            data = pa.table(columns, schema=table.schema)
            if self._is_new(name, min(columns["id"])):
                table.add(data)
                self._highest[name] = (table.version, max(columns["id"]))
            else:
                merge = table.merge_insert("id").when_matched_update_all().when_not_matched_insert_all()
                merge.execute(data)
        self._wrote(len(rows))

    def _is_new(self, name: str, lowest: int) -> bool:
        """Whether all ids of the table are below this one.

        Looking them up takes longer the more files there are, so what was written last is remembered, with its version:
        a delete, or another process, makes another.
        """
        table = self._table(name)
        version, highest = self._highest.get(name, (-1, 0))
        if version == table.version:
            return lowest > highest
        return not table.count_rows(f"id >= {lowest}")

    def delete(self, name: str, ids: Sequence[int]) -> None:
        """Remove rows by id; those that are not there do not matter."""
        self._delete(name, "id", ids)

    def delete_agents(self, agent_ids: Sequence[int]) -> None:
        """Remove everything that these agents own."""
        for name in TABLES:
            self._delete(name, "agent_id", agent_ids)

    def _delete(self, name: str, column: str, values: Sequence[int]) -> None:
        with self._translated():
            from lancedb.expr import col

            self._table(name).delete(col(column).isin(list(values)))
        self._wrote()

    def count(self, name: str) -> int:
        """How many rows there are."""
        with self._translated():
            return int(self._table(name).count_rows())

    def nearest(
        self, name: str, vector: Sequence[float], scope: Scope, limit: int, told: Sequence[float] | None = None
    ) -> dict[int, Likeness]:
        """Ids of the rows whose vectors are nearest, best first.

        Args:
            name: of the table.
            vector: the query's, of unit length.
            scope: which rows.
            limit: how many.
            told: what their sentences are compared with; None: they are not looked at. A row without counts as one.
        """
        columns = ["id", "_distance", *(["parts"] if told is not None else [])]
        with self._translated():
            search = (
                self._table(name)
                .search(list(vector), vector_column_name="vector", query_type="vector")
                .distance_type(DISTANCE)
                .where(_condition(scope), prefilter=True)
                .select(columns)
                .limit(limit)
            )
            found = search.to_arrow()
            ids = found["id"].to_pylist()
            wholes = [1.0 - distance / 2 for distance in found["_distance"].to_pylist()]
            packs = [] if told is None else found["parts"].to_pylist()
        parts = wholes
        if told is not None:
            nearest = nearest_of_each(packs, told)
            parts = [part if pack else whole for part, pack, whole in zip(nearest, packs, wholes, strict=True)]
        return {item: Likeness(*both) for item, *both in zip(ids, wholes, parts, strict=True)}

    def maintain(self, *, build: bool = True) -> None:
        """Rewrite many files as one, and, where `build`, index a table that outgrew flat search.

        Args:
            build: nothing more is written for now.
        """
        if build:
            self._highest = {}  # others may write from now on
        wanted = {name: self._without_index(name) for name in TABLES} if build else {}
        many = self._small_writes >= WRITES_BETWEEN_COMPACTIONS or (build and self._large_writes > LARGE_WRITES_KEPT)
        if not many and not any(wanted.values()):
            return
        with self._translated(), frugal():
            for name in TABLES:
                table = self._table(name)
                table.optimize(cleanup_older_than=KEEP_VERSIONS)
                for column in wanted.get(name, ()):  # after it: there is less to rewrite
                    give_back()
                    table.create_index(column, config=_index_of(column))
        self._small_writes = self._large_writes = 0
        self._restrict()

    def _without_index(self, name: str) -> list[str]:
        """The columns of a table that should have an index and have none."""
        with self._translated():
            table = self._table(name)
            if table.count_rows() < FLAT_UP_TO:
                return []
            # One of bits, as an earlier memos made, is replaced.
            kept = [index for index in table.list_indices() if index.index_type != "IvfRq"]
            indexed = {column for index in kept for column in index.columns}
            return [one for one in INDEXED if one not in indexed]

    def _wrote(self, rows: int = 0) -> None:
        if rows < SMALL_WRITE:
            self._small_writes += 1
        else:
            self._large_writes += 1
        self._restrict()

    def _restrict(self) -> None:
        # LanceDB has no setting for modes. The folder is 0700 from its birth, so nobody slips in between.
        for path in self.folder.rglob("*"):
            mode = 0o700 if path.is_dir() else 0o600
            try:
                if path.stat().st_mode & 0o777 != mode:
                    path.chmod(mode)
            except FileNotFoundError:  # compacted away by another process
                continue
            except OSError as error:
                raise meaning(error, f"The search index {self.folder}") from error

    def _connect(self) -> Any:
        bound_memory()
        os.environ.setdefault(LOG, LOG_LEVEL)  # read when it is imported
        import lancedb

        if self._session is None:
            self._session = lancedb.Session(INDEX_CACHE, METADATA_CACHE)
        # Zero: see at once what another process wrote.
        return lancedb.connect(str(self.folder), read_consistency_interval=timedelta(0), session=self._session)

    def _table(self, name: str) -> Any:
        if name not in self._tables:
            raise IndexDamaged("The search index is not open.")
        table = self._tables[name]
        # What is at the path now, in 0.2 ms: vectors of two models may be of one length, and mean nothing together.
        if (found := _origin(table)) != self._origin:
            raise StorageError(
                f"Another program has made the search index anew with the embedding model {found[1]}, and here it is "
                f"{self._origin[1]}: start this one again, with the same setting `embedding`."
            )
        return table

    @contextmanager
    def _translated(self) -> Iterator[None]:
        where = f"The search index {self.folder}"
        try:
            yield
        except (StorageError, ImportError):
            raise
        except Exception as error:  # LanceDB raises RuntimeError, ValueError, OSError and Arrow's own
            if "no space left" in str(error).lower():
                raise meaning(error, where) from error
            said = str(error).split(", /")[0]  # without the places in LanceDB's own source
            raise IndexDamaged(f"{where} cannot be used: {said}.") from error


def _origin(table: Any) -> tuple[str, ...]:
    """How a table was made: layout, embedder, dimension."""
    metadata = table.schema.metadata or {}
    return tuple(metadata.get(f"memos.{key}".encode(), b"").decode() for key in ("layout", "embedder", "dimension"))


def _index_of(column: str) -> Any:
    from lancedb.index import Bitmap, BTree, IvfSq

    if column == "vector":
        # A byte a dimension: no codebook to train, and so near the exact distances that these need not be looked up.
        # Of the 200 nearest it finds 99 in a hundred where a bit a dimension (RaBitQ), with the exact distances of 400,
        # finds 89 and takes half as long again (docs/decisions/0011-retrieval.md).
        return IvfSq(distance_type=DISTANCE, sample_rate=SAMPLE)
    return Bitmap() if column in ("agent_id", "kind") else BTree()


def _condition(scope: Scope) -> Any:
    from lancedb.expr import col, lit

    condition = col("agent_id").isin(list(scope.agent_ids))
    if scope.kinds is not None:
        condition = condition & col("kind").isin(list(scope.kinds))
    if scope.start is not None:
        condition = condition & (col("created_at") >= lit(scope.start))
    if scope.end is not None:
        condition = condition & (col("created_at") < lit(scope.end))
    if scope.before_id is not None:
        condition = condition & (col("id") < lit(scope.before_id))
    if scope.ids is not None:
        condition = condition & col("id").isin(list(scope.ids))
    if scope.without is not None:
        condition = condition & ~col("id").isin(list(scope.without))
    return condition
