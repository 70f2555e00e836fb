"""Search over one agent's rows of one table: keeps a corpus in step with SQL, and ranks with words and meaning.

Owns the way from a query to ranked ids, which recall and archival storage share. It does not know what the rows are
beyond a `Source`, nor what is shown of them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from sqlalchemy.orm import Session

from memos.messages import Origin
from memos.storage.index import SearchIndex
from memos.storage.schema import as_utc, clean, now
from memos.storage.sql import Sql
from memos.storage.vectors import Scope
from memos.zone import local

if TYPE_CHECKING:
    from memos.storage.corpus import Corpus, Entry, Mask
    from memos.storage.query import Query
    from memos.storage.ranking import Ranked


# Rows that are named to the index one by one, in some 50 ms: those that a search may find, or, if they are fewer, those
# that it may not. Where both are more, the nearest of all are likely to be among them.
MOST_NAMED = 32_768


class Source(Protocol):
    """Where the rows of a corpus come from."""

    def entries(self, session: Session, after_id: int) -> Sequence[Entry]:
        """The rows with higher ids, ascending."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which rows may be found; None: any.

    Args:
        kinds: kinds of messages.
        start: not before, inclusive.
        end: before, exclusive.
        before_id: smaller ids only.
        speaker: whose words.
        groups: of these documents only.
        origin: notes only, or passages of documents.
    """

    kinds: tuple[str, ...] | None = None
    start: datetime | None = None
    end: datetime | None = None
    before_id: int | None = None
    speaker: str | None = None
    groups: frozenset[int] | None = None
    origin: Origin | None = None


@dataclass(frozen=True, slots=True)
class Hits:
    """What was found, best first.

    Args:
        ids: of rows.
        scores: one a row.
        explain: the parts of the score of the row at a place.
        speakers: names that the query has of those who speak in the rows.
    """

    ids: tuple[int, ...]
    scores: tuple[float, ...]
    explain: Callable[[int], dict[str, float]]
    speakers: tuple[str, ...] = ()


class Searcher:
    """Searches one agent's rows of one table. Safe to use from several threads.

    Args:
        sql: the database.
        source: its rows.
        index: vectors, where there are any.
        table: the index's table of these rows.
    """

    def __init__(self, sql: Sql, source: Source, index: SearchIndex, table: str) -> None:
        self._sql, self._source, self._index, self._table = sql, source, index, table
        self._corpus: Corpus | None = None
        self._busy = threading.Lock()

    def forget(self, row_id: int = 0) -> None:
        """Load the rows anew with the next search, since one that was loaded has changed.

        Args:
            row_id: the row; 0: any.
        """
        with self._busy:
            if self._corpus is not None and row_id <= self._corpus.last_id:
                self._corpus = None

    def search(self, text: str, wanted: Filter, scope: Scope | None, asked_at: datetime | None) -> Hits:
        """Rank the rows that a filter admits.

        Args:
            text: the query.
            wanted: the filter.
            scope: the same for the index of vectors; None: words only.
            asked_at: what the query's "last week" is relative to; None: now.
        """
        from memos.storage.query import read_query
        from memos.storage.ranking import at_event
        from memos.storage.text import languages_of

        with self._busy:
            corpus = self._synced()
            moment = local(now() if asked_at is None else as_utc(asked_at))
            spoken = languages_of(corpus.has)
            admitted = _admitted(corpus, wanted)
            scope = _narrowed(scope, wanted, corpus, admitted)

            def ranked(query: Query) -> Ranked:
                return self._ranked(corpus, query, admitted, scope)

            query = read_query(clean(text), moment, corpus.speaker_names, spoken)
            if query.event is not None:
                happened = ranked(read_query(query.event[1], moment, corpus.speaker_names, spoken)).rows
                query = at_event(query, float(corpus.times[happened[0]])) if len(happened) else query
            found = ranked(query)
            ids = tuple(corpus.ids[found.rows].tolist())
        return Hits(ids, tuple(found.scores.tolist()), found.explain, query.speakers)

    def _ranked(self, corpus: Corpus, query: Query, admitted: Mask, scope: Scope | None) -> Ranked:
        from memos.storage.ranking import POOL, rank

        told = None if query.states else query.told  # a statement is compared with whole messages
        nearest = self._index.nearest(self._table, query.text, told, scope, POOL) if scope is not None else {}
        return rank(corpus, query, admitted, nearest)

    def _synced(self) -> Corpus:
        """The corpus with every row that SQL has by now. Rows that are gone stay until `forget`."""
        from memos.storage.corpus import Corpus

        if self._corpus is None:
            self._corpus = Corpus()
        with self._sql.read() as session:
            self._corpus.add(self._source.entries(session, self._corpus.last_id))
        return self._corpus


def _admitted(corpus: Corpus, wanted: Filter) -> Mask:
    """Which rows of a corpus a filter admits."""
    import numpy as np

    admitted: Mask = np.ones(len(corpus), np.bool_)
    if wanted.kinds is not None:
        codes = [corpus.kind_names[kind] for kind in wanted.kinds if kind in corpus.kind_names]
        admitted &= np.isin(corpus.kinds, codes)
    if wanted.start is not None:
        admitted &= corpus.times >= as_utc(wanted.start).timestamp()
    if wanted.end is not None:
        admitted &= corpus.times < as_utc(wanted.end).timestamp()
    if wanted.before_id is not None:
        admitted &= corpus.ids < wanted.before_id
    if wanted.speaker is not None:
        admitted &= corpus.speakers == corpus.speaker_names.get(wanted.speaker, -1)
    if wanted.groups is not None:
        admitted &= np.isin(corpus.groups, list(wanted.groups))
    if wanted.origin is not None:
        admitted &= corpus.notes if wanted.origin == Origin.NOTE else corpus.of_documents
    return admitted


def _narrowed(scope: Scope | None, wanted: Filter, corpus: Corpus, admitted: Mask) -> Scope | None:
    """A scope that names the rows, where a filter is about what the index does not know: of all rows, those that are
    nearest to the query may be others. None where a filter admits no row."""
    known = wanted.groups is None and wanted.speaker is None and wanted.origin is None
    if scope is None or known or admitted.all():
        return scope
    ids, others = (tuple(corpus.ids[rows].tolist()) for rows in (admitted, ~admitted))
    if min(len(ids), len(others)) > MOST_NAMED:
        return scope
    named = replace(scope, ids=ids) if len(ids) <= len(others) else replace(scope, without=others)
    return named if ids else None
