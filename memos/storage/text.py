"""Words: what a query looks for, what a row offers, and how a database matches the two.

Owns tokenising for search, stop words, and the two ways to match: SQLite's FTS5 (BM25, English stems) and
a portable LIKE. What a user types is only ever bound as data: every word is quoted for FTS5, so that
`AND`, `NEAR(` or `*` are words or nothing. It does not know vectors, nor how their scores
are combined with these.

Chinese, Japanese, Korean, Thai and their neighbours write without spaces, which FTS5's tokenizer takes
for one long word. So their characters are indexed one by one, and a query asks for each pair of adjacent
ones as a phrase: 上海 is found inside 我住在上海市.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from heapq import nlargest
from math import log
from typing import Protocol

from sqlalchemy import ColumnElement, String, column, func, literal_column, select, table
from sqlalchemy.orm import Session

from memos.storage.schema import MessageRow, PassageRow

Searched = type[MessageRow] | type[PassageRow]

# Scripts without spaces between words: Thai, Lao, Myanmar, Khmer, Hangul, kana, Han and its extensions.
UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u3040-\u30ff\u3130-\u318f"
    "\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
)
_UNSPACED = re.compile(f"[{UNSPACED}]")
_RUN = re.compile(f"[{UNSPACED}]+|[^\\W{UNSPACED}]+")

# A whole pasted page may be a query; beyond this many different words more of them change nothing.
MOST_WORDS = 32

_STOP_WORDS = """
    a about after again all also am an and any anything are as at be because been before being but by can
    could d did didn do does doesn doing don down else for from further get had hadn has hasn have haven
    having he her here hers him his how i if in into is isn it its just know ll m me mine more most my no nor
    not now of off ok on once one only or other our ours out over own please re remember s same say said
    shall she should so some something such t tell than that the their theirs them then there these they
    thing this those through to too under until up us ve very was wasn we were weren what when where which
    while who whom whose why will with won would yes you your yours
"""
STOP_WORDS = frozenset(_STOP_WORDS.split())


def search_text(content: str) -> str | None:
    """What to index instead of `content`, or None where `content` itself will do."""
    normal = unicodedata.normalize("NFKC", content) if not content.isascii() else content
    if _UNSPACED.search(normal):
        return _UNSPACED.sub(lambda found: f" {found[0]} ", normal)
    return None if normal == content else normal


def query_words(query: str) -> list[str]:
    """The different words of a query that say what it is about, in order, at most `MOST_WORDS`.

    Stop words are left out unless there is nothing else. A run of an unspaced script becomes its pairs.
    """
    words: dict[str, str] = {}  # by their lower case; as written, because lowering splits some (İ)
    for run in _RUN.findall(unicodedata.normalize("NFKC", query)):
        pairs = [run[at : at + 2] for at in range(len(run) - 1)] if _UNSPACED.match(run) else []
        for word in pairs or [run]:
            words.setdefault(word.lower(), word)
    telling = [word for lower, word in words.items() if lower not in STOP_WORDS]
    return (telling or list(words.values()))[:MOST_WORDS]


class TextSearch(Protocol):
    """How one database matches one word."""

    def hits(
        self, session: Session, rows: Searched, word: str, where: Sequence[ColumnElement[bool]]
    ) -> dict[int, float]:
        """Ids of the rows that have the word and satisfy `where`, with how much of it each has (above 0)."""


def best_by_words(
    search: TextSearch,
    session: Session,
    rows: Searched,
    query: str,
    where: Sequence[ColumnElement[bool]],
    limit: int,
) -> dict[int, float]:
    """BM25 of the rows that have any word of the query, the `limit` best.

    How rare a word is, is counted among the rows that `where` admits. Counting among all rows, as FTS5
    does, lets other agents and the kernel's own traffic decide what is rare for this one.
    """
    total = session.scalar(select(func.count(rows.id)).where(*where)) or 0
    scores: dict[int, float] = {}
    # Without a word (an emoji, "???") the query is looked for as it stands.
    words = query_words(query)
    for word in words or [query.strip()]:
        found = (search if words else LikeSearch()).hits(session, rows, word, where)
        rarity = log(1 + (total - len(found) + 0.5) / (len(found) + 0.5))
        for item, amount in found.items():
            scores[item] = scores.get(item, 0.0) + rarity * amount
    best = nlargest(limit, scores.items(), key=lambda pair: (pair[1], pair[0]))
    return dict(best)


class FtsSearch:
    """SQLite: the FTS5 tables that the migrations made; stems, and BM25's share of frequency and length."""

    def hits(
        self, session: Session, rows: Searched, word: str, where: Sequence[ColumnElement[bool]]
    ) -> dict[int, float]:
        name = f"{rows.__tablename__}_fts"
        index = table(name, column("rowid"), column("rank"))
        # MATCH compares with the table itself, which SQLAlchemy has no word for. Materialised, or else the
        # planner may walk all rows that satisfy `where` and look each one up in the full-text index.
        matching = (
            select(index.c.rowid.label("id"), (-index.c.rank).label("score"))
            .where(literal_column(name, String).op("MATCH")(_quoted(word)))
            .cte("matching")
            .prefix_with("MATERIALIZED")
        )
        # FTS5's score of a single word is its rarity among all rows times the rest; take the former out.
        everywhere = select(func.count()).select_from(matching).scalar_subquery()
        statement = select(rows.id, matching.c.score, everywhere).join(matching, rows.id == matching.c.id)
        found = session.execute(statement.where(*where)).all()
        if not found:
            return {}
        everything = session.scalar(select(func.count()).select_from(rows)) or 0
        rarity = log((everything - found[0][2] + 0.5) / (found[0][2] + 0.5))
        rarity = rarity if rarity > 0 else 1e-6  # as FTS5 does
        return {item: score / rarity for item, score, _ in found}


class LikeSearch:
    """Any database: whether a word occurs, as a part of a word too."""

    def hits(
        self, session: Session, rows: Searched, word: str, where: Sequence[ColumnElement[bool]]
    ) -> dict[int, float]:
        has = func.lower(rows.content).contains(word.lower(), autoescape=True)
        return dict.fromkeys(session.scalars(select(rows.id).where(has, *where)), 1.0)


def _quoted(word: str) -> str:
    phrase = " ".join(word) if _UNSPACED.match(word) else word
    return '"' + phrase.replace('"', '""') + '"'
