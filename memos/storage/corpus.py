"""The corpus: everything one agent can search, in memory, as columns and an inverted index.

A search looks at every row, so rows are columns (numpy), loaded from SQL once a process and grown by what is new: 0.3
seconds for 100,000 messages, 20 MB. Owns these columns, sessions (a pause ends one) and postings. It does not know
SQL, what a query means, or how a score is made.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memos.storage.schema import SESSION_PAUSE

UNGROUPED = -1
HEAD = 2  # numbers before the hashes of a row's terms
MOST_LOOSE = 2000  # rows that are indexed in a dictionary before the arrays are made anew

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of a corpus.

    Args:
        id: ascending.
        kind: of message or passage.
        said_at: UTC.
        speaker: whose words; may be empty.
        group: what it is a part of: a document, or of a note itself (`note_group`); None: sessions follow from the
            times.
        terms: see `memos.storage.text.text_terms`.
    """

    id: int
    kind: str
    said_at: datetime
    speaker: str
    group: int | None
    terms: bytes


class Corpus:
    """Columns over rows in the order of their ids. Not safe to use from several threads at once.

    Attributes:
        ids: of the rows.
        times: when each was said, in seconds since 1970.
        lengths: words of each.
        telling: of these, those that are no stop words.
        sessions: number of the session of each; neighbours share one.
        groups: what each is a part of; `UNGROUPED`: nothing. Documents are above it, notes below.
        kinds: code of each row's kind, an index of `kind_names`.
        speakers: code of each row's speaker, an index of `speaker_names`.
    """

    def __init__(self) -> None:
        self.ids: Ints = np.empty(0, np.int64)
        self.times: Floats = np.empty(0)
        self.lengths: Floats = np.empty(0)
        self.telling: Floats = np.empty(0)
        self.sessions: Ints = np.empty(0, np.int64)
        self.groups: Ints = np.empty(0, np.int64)
        self.kinds: Ints = np.empty(0, np.int64)
        self.speakers: Ints = np.empty(0, np.int64)
        self.kind_names: dict[str, int] = {}
        self.speaker_names: dict[str, int] = {}
        self._postings = _Postings()
        self._session = -1

    @property
    def of_documents(self) -> Mask:
        """Which rows are passages of documents."""
        return self.groups > UNGROUPED

    @property
    def notes(self) -> Mask:
        """Which rows are notes."""
        return self.groups < UNGROUPED

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def last_id(self) -> int:
        """The newest row's id; 0 where there is none."""
        return int(self.ids[-1]) if len(self.ids) else 0

    def add(self, entries: Sequence[Entry]) -> None:
        """Append rows with higher ids than those that are there."""
        if not entries:
            return
        terms = [np.frombuffer(entry.terms, "<u4") for entry in entries]
        times = np.array([entry.said_at.timestamp() for entry in entries])
        sessions = self._sessions_of(entries, times)
        first = len(self)
        self.ids = np.append(self.ids, np.array([entry.id for entry in entries], np.int64))
        self.times = np.append(self.times, times)
        headed = [one if len(one) >= HEAD else np.zeros(HEAD, np.uint32) for one in terms]
        self.lengths = np.append(self.lengths, [float(one[0]) for one in headed])
        self.telling = np.append(self.telling, [float(one[1]) for one in headed])
        self.sessions = np.append(self.sessions, sessions)
        groups = [UNGROUPED if entry.group is None else entry.group for entry in entries]
        self.groups = np.append(self.groups, np.array(groups, np.int64))
        self.kinds = np.append(self.kinds, _codes((entry.kind for entry in entries), self.kind_names))
        self.speakers = np.append(self.speakers, _codes((entry.speaker for entry in entries), self.speaker_names))
        self._postings.add(first, [one[HEAD:] for one in headed])

    def rows_with(self, terms: Iterable[int]) -> tuple[Ints, Floats]:
        """The rows that have any of these terms, ascending, and how often each has them."""
        found = [self._postings.of(term) for term in terms]
        found = [one for one in found if len(one[0])]
        if not found:
            return np.empty(0, np.int64), np.empty(0)
        if len(found) == 1:
            return found[0]
        rows, where = np.unique(np.concatenate([rows for rows, _ in found]), return_inverse=True)
        counted: Floats = np.bincount(where, np.concatenate([counts for _, counts in found])).astype(np.float64)
        return rows, counted

    def has(self, term: int) -> bool:
        """Whether any row has this term."""
        return len(self._postings.of(term)[0]) > 0

    def row_numbers(self, ids: Sequence[int]) -> Ints:
        """Where these ids stand; those that are not there are left out."""
        wanted = np.sort(np.array(ids, np.int64))
        at = np.searchsorted(self.ids, wanted)
        inside = at < len(self.ids)
        at, wanted = at[inside], wanted[inside]
        there: Ints = at[self.ids[at] == wanted]
        return there

    def _sessions_of(self, entries: Sequence[Entry], times: Floats) -> Ints:
        pause = SESSION_PAUSE.total_seconds()
        before = float(self.times[-1]) if len(self.times) else None
        numbers: list[int] = []
        groups: dict[int, int] = {}
        for entry, moment in zip(entries, times.tolist(), strict=True):
            if entry.group is not None:
                # A document's passages are stored together; one note is a session of its own.
                numbers.append(groups.setdefault(entry.group, self._session + 1 + len(groups)))
                continue
            if before is None or abs(moment - before) > pause:
                self._session += 1
            before = moment
            numbers.append(self._session)
        self._session += len(groups)
        return np.array(numbers, np.int64)


class _Postings:
    """Which rows have a term: sorted arrays for most rows, a dictionary for the latest."""

    def __init__(self) -> None:
        self._terms: Any = np.empty(0, np.uint32)
        self._starts: Ints = np.zeros(1, np.int64)
        self._rows: Ints = np.empty(0, np.int64)
        self._counts: Floats = np.empty(0)
        self._loose: dict[int, dict[int, int]] = {}
        self._loose_rows = 0

    def add(self, first_row: int, terms: Sequence[Any]) -> None:
        if len(terms) <= MOST_LOOSE and self._loose_rows + len(terms) <= MOST_LOOSE:
            for row, one in enumerate(terms, start=first_row):
                for term in one.tolist():
                    counts = self._loose.setdefault(term, {})
                    counts[row] = counts.get(row, 0) + 1
            self._loose_rows += len(terms)
            return
        loose = [(term, row, count) for term, rows in self._loose.items() for row, count in rows.items()]
        old = np.repeat(self._terms, np.diff(self._starts))
        flat = np.concatenate([*terms, np.empty(0, np.uint32)])
        rows = np.repeat(np.arange(first_row, first_row + len(terms)), [len(one) for one in terms])
        self._build(
            np.concatenate([old, np.array([term for term, _, _ in loose], np.uint32), flat]),
            np.concatenate([self._rows, np.array([row for _, row, _ in loose], np.int64), rows]),
            np.concatenate([self._counts, np.array([count for _, _, count in loose], float), np.ones(len(flat))]),
        )
        self._loose, self._loose_rows = {}, 0

    def _build(self, terms: Any, rows: Ints, counts: Floats) -> None:
        keys = (terms.astype(np.uint64) << np.uint64(32)) | rows.astype(np.uint64)
        order = np.argsort(keys, kind="stable")
        keys, counts = keys[order], counts[order]
        first = np.flatnonzero(np.append(True, keys[1:] != keys[:-1])) if len(keys) else np.empty(0, np.int64)
        self._counts = np.add.reduceat(counts, first) if len(first) else np.empty(0)
        kept = keys[first]
        self._rows = (kept & np.uint64(0xFFFFFFFF)).astype(np.int64)
        of_each = (kept >> np.uint64(32)).astype(np.uint32)
        heads = np.flatnonzero(np.append(True, of_each[1:] != of_each[:-1])) if len(kept) else np.empty(0, np.int64)
        self._terms, self._starts = of_each[heads], np.append(heads, len(kept))

    def of(self, term: int) -> tuple[Ints, Floats]:
        """The rows that have a term, ascending, and how often."""
        at = int(np.searchsorted(self._terms, term))
        rows, counts = np.empty(0, np.int64), np.empty(0)
        if at < len(self._terms) and self._terms[at] == term:
            here = slice(self._starts[at], self._starts[at + 1])
            rows, counts = self._rows[here], self._counts[here]
        if loose := self._loose.get(term):
            rows = np.append(rows, np.fromiter(loose, np.int64))
            counts = np.append(counts, np.fromiter(loose.values(), float))
        return rows, counts


def note_group(row_id: int) -> int:
    """The group that a note is, with no other row in it."""
    return UNGROUPED - row_id


def _codes(names: Iterable[str], known: dict[str, int]) -> Ints:
    return np.array([known.setdefault(name, len(known)) for name in names], np.int64)
