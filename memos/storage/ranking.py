"""Ranking: what each row of a corpus has for a query, and how that becomes one order.

Owns the parts of a score and their weights. Deterministic; a row's parts add up to its score, so that a search can be
explained. It does not know SQL, where vectors come from, or what is done with what was found.

Weights were chosen on LoCoMo and MSC, on some conversations and checked on the others (docs/evaluation.md), then
rounded. How far ahead a row is, is worth knowing, so scores are z-scored over the candidates and added; fusion by
rank alone was lower.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np

from memos.dates import FOREVER, Period
from memos.storage.corpus import UNGROUPED, Corpus, Floats, Ints, Mask
from memos.storage.query import ASSISTANT, USER, Query
from memos.storage.text import NUMBERED, QUESTION, TIMED, term_hash, time_marks
from memos.storage.vectors import Likeness

POOL = 200  # candidates by words, and as many by meaning; pages end here
K1, B = 1.2, 0.75  # BM25's saturation and length normalisation (Robertson & Zaragoza 2009)
REACH = 3  # neighbours on either side that a window has at most
NEAR, AROUND = 0.5, 0.6  # what a neighbour's words count in the window of one and of three, for each step away
SPREAD_DAYS = 7.0  # how fast being outside of a period that was asked for loses its worth
FEW = 12  # candidates; of fewer, one cannot say what is usual
USUAL_LENGTH = 2.0  # log(1 + telling words)

# What the words of a row count in a window, by how many steps away it is, up to `REACH`.
WINDOWS = {
    "words": (1.0, 0.0, 0.0, 0.0),
    "near": (1.0, NEAR, 0.0, 0.0),
    "around": (1.0, AROUND, AROUND**2, AROUND**3),
}

# Z-scored parts, then parts in their own units, for what is asked. What counts nothing is not looked for.
SCALED = {
    "words": 0.0,
    "near": 0.0,
    "around": 0.9,
    "answers": 0.2,
    "meaning": 0.7,
    "sentence": 0.65,
    "session": 0.3,
}
PLAIN = {
    "speaker": 5.0,
    "first named": 1.5,
    "role": 0.7,
    "question": -0.8,
    "time": 3.5,
    "number": 1.0,
    "length": 0.7,
    "date": 6.0,
    "time told": 3.5,
}
# For what is stated. It is looked for in the message itself: the words of a statement are those of the message, where a
# question's are around its answer; and a message need not be long to say the same, as it does to tell an answer.
STATED = {
    **{"words": 0.35, "near": 0.35, "around": 0.25, "meaning": 1.15, "sentence": 0.0, "session": 0.0},
    **{"question": -0.65, "length": 0.2},
}
# For passages of documents, whatever is said: ten times as long as a message, so that what tells the answer stands in
# the passage itself; what is around it is about something else. Most of them have some time or number in them.
PASSAGES = {"words": 1.2, "near": 0.0, "around": 0.0, "answers": 0.0, "meaning": 0.5, "time": 1.0}


@dataclass(frozen=True, slots=True)
class Ranked:
    """What was found, best first.

    Args:
        rows: of the corpus.
        scores: one a row.
        parts: for each part of a score, what it adds to each row.
    """

    rows: Ints
    scores: Floats
    parts: Mapping[str, Floats]

    def explain(self, place: int) -> dict[str, float]:
        """The parts of one row's score that are not zero, the largest first."""
        parts = {name: float(values[place]) for name, values in self.parts.items() if values[place]}
        return dict(sorted(parts.items(), key=lambda part: -abs(part[1])))


def rank(corpus: Corpus, query: Query, admitted: Mask, meaning: Mapping[int, Likeness]) -> Ranked:
    """Rank the rows of a corpus.

    Args:
        corpus: what is searched.
        query: what for.
        admitted: which of its rows may be found; what is rare is counted among these.
        meaning: how near rows are, by id; one that is missing is farther away than all of these.

    Returns:
        The `POOL` best by words and those that `meaning` has.
    """
    scope = _Scope(corpus, admitted)
    by_words = scope.best_by_words(query)
    known = corpus.row_numbers(list(meaning))
    known = known[admitted[known]]
    rows = np.union1d(by_words, known)
    rows = _to_the_letter(corpus, query, rows)
    if not len(rows):
        return Ranked(rows, np.empty(0), {})
    parts = _Candidates(scope, rows).parts(query, meaning)
    scores = np.sum(list(parts.values()), axis=0)
    # The newer of two equals first, so that the order is always the same.
    order = np.lexsort((-corpus.ids[rows], -scores))
    return Ranked(rows[order], scores[order], {name: values[order] for name, values in parts.items()})


def _to_the_letter(corpus: Corpus, query: Query, rows: Ints) -> Ints:
    """Of the candidates, those that have an identifier of the query whole; all where none has."""
    having = np.empty(0, np.int64)
    for terms in query.literal:
        whole = rows
        for term in terms:
            whole = np.intersect1d(whole, corpus.rows_with([term])[0])
        having = np.union1d(having, whole)
    return having if len(having) else rows


class _Scope:
    """The admitted rows of a corpus, numbered anew, so that neighbours are those that may be found.

    Args:
        corpus: all rows.
        admitted: which are in scope.
    """

    def __init__(self, corpus: Corpus, admitted: Mask) -> None:
        self.corpus, self.admitted = corpus, admitted
        self.rows: Ints = np.flatnonzero(admitted)
        self.size = len(self.rows)
        self.place: Ints = np.cumsum(admitted) - 1
        self.lengths = corpus.lengths[self.rows]
        _, self.sessions = _renumbered(corpus.sessions[self.rows])
        self.usual = float(self.lengths.mean()) if self.size else 1.0

    def having(self, terms: Sequence[int]) -> tuple[Ints, Floats]:
        """The places in scope that have a term, and how often."""
        rows, counts = self.corpus.rows_with(terms)
        inside = self.admitted[rows]
        return self.place[rows[inside]], counts[inside]

    def rarity(self, found: int, of: int | None = None) -> float:
        """BM25's inverse document frequency."""
        return float(np.log1p(((self.size if of is None else of) - found + 0.5) / (found + 0.5)))

    def best_by_words(self, query: Query) -> Ints:
        """Rows that have a word, the best `POOL` by BM25, with half of what their neighbours have."""
        own = np.zeros(self.size)
        for terms in query.words:
            places, counts = self.having(terms)
            own[places] += self.rarity(len(places)) * saturated(counts, self.lengths[places], self.usual)
        found = np.flatnonzero(own)
        if len(found) > POOL:
            total = own[found].copy()
            for step in (-1, 1):
                beside = np.clip(found + step, 0, self.size - 1)
                total += NEAR * own[beside] * (self.sessions[beside] == self.sessions[found])
            found = found[np.lexsort((-found, -total))[:POOL]]
        return self.rows[found]


class _Candidates:
    """Some rows in scope, and what each has for a query.

    Args:
        scope: what they are among.
        rows: of the corpus, ascending.
    """

    def __init__(self, scope: _Scope, rows: Ints) -> None:
        self.scope, self.rows = scope, rows
        self.places = scope.place[rows]
        # Places of the neighbours, one row a step; `size` where the session ends.
        steps = np.arange(-REACH, REACH + 1)[:, None]
        beside = self.places[None, :] + steps
        inside = (beside >= 0) & (beside < scope.size)
        beside = np.where(inside, beside, 0)
        inside &= scope.sessions[beside] == scope.sessions[self.places][None, :]
        self.beside = np.where(inside, beside, scope.size)
        self._scratch = np.zeros(scope.size + 1)

    def parts(self, query: Query, meaning: Mapping[int, Likeness]) -> dict[str, Floats]:
        """The parts of the score of each candidate; see `SCALED`, `PLAIN` and `STATED`."""
        corpus = self.scope.corpus
        ids = corpus.ids[self.rows].tolist()
        farthest = Likeness(*np.min(list(meaning.values()), axis=0)) if meaning else Likeness(0.0, 0.0)
        likeness = np.array([meaning.get(item, farthest) for item in ids])
        talk = corpus.groups[self.rows] == UNGROUPED  # "Wow!" tells little; notes and passages are there to tell
        documents = corpus.of_documents[self.rows]
        said = {**SCALED, **PLAIN, **(STATED if query.states else {})}
        weights = {name: np.where(documents, PASSAGES.get(name, usual), usual) for name, usual in said.items()}
        windows = [name for name in WINDOWS if weights[name].any()]
        scaled = {**self._by_words(query, windows), "meaning": likeness[:, 0], "sentence": likeness[:, 1]}
        plain = {
            **self._by_speaker(query),
            "question": talk * self._marked(QUESTION),
            "time": self._marked(TIMED) if query.wants_time else self._none(),
            "number": self._marked(NUMBERED) if query.wants_number else self._none(),
            "length": talk * (np.log1p(corpus.telling[self.rows]) - USUAL_LENGTH),
            **self._by_time(query),
        }
        parts = {name: weights[name] * z_scores(values) for name, values in scaled.items()}
        return parts | {name: weights[name] * values for name, values in plain.items()}

    def _by_words(self, query: Query, wanted: Sequence[str]) -> dict[str, Floats]:
        """BM25 of windows around a row, of its session, and of the question that it may answer."""
        steps = np.abs(np.arange(-REACH, REACH + 1))[:, None]
        windows: dict[str, Floats] = {name: np.take(WINDOWS[name], steps) for name in wanted}
        lengths = np.append(self.scope.lengths, 0.0)[self.beside]
        of_sessions: Floats = np.bincount(self.scope.sessions, self.scope.lengths).astype(np.float64)
        usual = {name: self._usual(window) for name, window in windows.items()}
        parts = {name: self._none() for name in (*windows, "session", "answers")}
        asked = self._gathered(*self.scope.having([term_hash(QUESTION)]))[REACH - 1] > 0
        for terms in query.words:
            places, counts = self.scope.having(terms)
            if not len(places):
                continue
            rarity = self.scope.rarity(len(places))
            around = self._gathered(places, counts)
            for name, window in windows.items():
                amount, length = (window * around).sum(axis=0), (window * lengths).sum(axis=0)
                parts[name] += rarity * saturated(amount, length, usual[name])
            before = saturated(around[REACH - 1], lengths[REACH - 1], self.scope.usual)
            parts["answers"] += asked * rarity * before
            parts["session"] += self._by_session(places, counts, of_sessions)
        return parts

    def _by_session(self, places: Ints, counts: Floats, lengths: Floats) -> Floats:
        """BM25 of the sessions, as if each were one text."""
        sessions = self.scope.sessions
        amounts: Floats = np.bincount(sessions[places], counts, len(lengths)).astype(np.float64)
        rarity = self.scope.rarity(int((amounts > 0).sum()), len(lengths))
        scores = rarity * saturated(amounts, lengths, float(lengths.mean()), b=0.5)
        return scores[sessions[self.places]]

    def _by_speaker(self, query: Query) -> dict[str, Floats]:
        corpus = self.scope.corpus
        codes = corpus.speakers[self.rows]
        named = [codes == corpus.speaker_names[name] for name in query.speakers if name in corpus.speaker_names]
        nameless = codes == corpus.speaker_names.get("", -1)
        role = corpus.kinds[self.rows] == corpus.kind_names.get(query.role, -1)
        return {
            "speaker": named[0] * 1.0 if len(named) == 1 else self._none(),
            "first named": named[0] * 1.0 if len(named) > 1 else self._none(),
            "role": (role & nameless) * 1.0 if query.role in (USER, ASSISTANT) else self._none(),
        }

    def _by_time(self, query: Query) -> dict[str, Floats]:
        """How near a row was said to a period that is asked for, and whether it speaks of that period."""
        date, told = self._none(), self._none()
        times = self.scope.corpus.times[self.rows]
        for period in query.periods:
            start, end = period.start.timestamp(), period.end.timestamp()
            away = np.maximum(0, np.maximum(start - times, times - end)) / timedelta(days=1).total_seconds()
            date = np.maximum(date, np.exp(-away / SPREAD_DAYS))
            marks = time_marks(period)
            finest = max((mark.count("-") for mark in marks), default=0)
            for mark in marks:  # a day that is spoken of is worth more than its month, and that than its year
                told = np.maximum(told, self._marked(mark) * 0.3 ** (finest - mark.count("-")))
        return {"date": date, "time told": told}

    def _marked(self, mark: str) -> Floats:
        marked: Floats = self._gathered(*self.scope.having([term_hash(mark)]))[REACH]
        return marked

    def _gathered(self, places: Ints, values: Floats) -> Floats:
        """Values at the candidates' neighbours: one row a step from `-REACH` to `REACH`, 0 where there is none."""
        self._scratch[places] = values
        gathered: Floats = self._scratch[self.beside]
        self._scratch[places] = 0.0
        return gathered

    def _usual(self, window: Floats) -> float:
        """The length of a usual window: longer than one row by what a row's neighbours weigh."""
        return self.scope.usual * float(window.sum())

    def _none(self) -> Floats:
        return np.zeros(len(self.rows))


def saturated(amount: Floats, length: Floats, usual: float, *, b: float = B) -> Floats:
    """BM25's share of how often a word occurs, of 0 to `K1 + 1`, against the length of a text."""
    return amount * (K1 + 1) / (amount + K1 * (1 - b + b * length / max(usual, 1e-9)))


def z_scores(values: Floats) -> Floats:
    """How far each value is from the mean, in standard deviations; 0 where all are equal.

    Of a few values the spread says little, so it counts as if the lowest had been found more often.
    """
    padded = np.append(values, np.full(max(0, FEW - len(values)), values.min()))
    spread = float(padded.std())
    return (values - padded.mean()) / spread if spread > 1e-12 else np.zeros(len(values))


def at_event(query: Query, happened: float) -> Query:
    """A query that speaks of a time by an event ("before the trip"), with that time.

    Args:
        query: the query.
        happened: when the event was spoken of, in seconds since 1970.
    """
    assert query.event is not None
    bound, said = query.event
    moment = datetime.fromtimestamp(happened, UTC)
    before = bound in ("before", "until")
    period = Period(FOREVER[0], moment, said) if before else Period(moment, FOREVER[1], said)
    return replace(query, periods=(period,), event=None)


def _renumbered(numbers: Ints) -> tuple[Ints, Ints]:
    """Ascending runs of numbers as 0, 1, 2, …: the places where each begins, and each one's number."""
    if not len(numbers):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    begins = np.append(True, numbers[1:] != numbers[:-1])
    return np.flatnonzero(begins), np.cumsum(begins) - 1
