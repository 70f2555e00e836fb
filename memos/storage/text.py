"""Words: what a query looks for, what a row offers, and how a database matches the two.

Owns tokenising for search, stop words, and the two ways to match: SQLite's FTS5 (BM25, English stems) and
a portable LIKE. What a user types is only ever bound as data: every word is quoted for FTS5, so that
`AND`, `NEAR(` or `*` are words or nothing. It does not know vectors, nor how scores are combined.

Chinese, Japanese, Korean, Thai and their neighbours write without spaces, which FTS5's tokenizer takes
for one long word. So their characters are indexed one by one, and a query asks for each pair of adjacent
ones as a phrase: 上海 is found inside 我住在上海市.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Any, Protocol

from sqlalchemy import ColumnElement, Select, String, case, column, func, literal_column, select, table
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
MOST_WORDS = 64

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
    words: dict[str, None] = {}
    for run in _RUN.findall(unicodedata.normalize("NFKC", query).lower()):
        if _UNSPACED.match(run):
            pairs = [run[at : at + 2] for at in range(len(run) - 1)] or [run]
            words.update(dict.fromkeys(pairs))
        else:
            words[run] = None
    telling = [word for word in words if word not in STOP_WORDS]
    return (telling or list(words))[:MOST_WORDS]


class TextSearch(Protocol):
    """How one database matches words."""

    def top(
        self, session: Session, rows: Searched, query: str, where: Sequence[ColumnElement[bool]], limit: int
    ) -> tuple[dict[int, float], int]:
        """Ids of the rows that match any word of the query and all of `where`.

        Returns:
            The `limit` best with their scores (higher is better), best first; and how many match in all.
        """


class FtsSearch:
    """SQLite: BM25 over the FTS5 tables that the migrations made."""

    def top(
        self, session: Session, rows: Searched, query: str, where: Sequence[ColumnElement[bool]], limit: int
    ) -> tuple[dict[int, float], int]:
        words = query_words(query)
        if not words:
            return LikeSearch().top(session, rows, query, where, limit)
        name = f"{rows.__tablename__}_fts"
        index = table(name, column("rowid"), column("rank"))
        # MATCH compares with the table itself, which SQLAlchemy has no word for. Materialised, or else the
        # planner may walk all rows that satisfy `where` and look each one up in the full-text index.
        matching = (
            select(index.c.rowid.label("id"), (-index.c.rank).label("score"))
            .where(literal_column(name, String).op("MATCH")(_fts_expression(words)))
            .cte("matching")
            .prefix_with("MATERIALIZED")
        )
        statement = (
            select(rows.id, matching.c.score, func.count().over())
            .join(matching, rows.id == matching.c.id)
            .where(*where)
            .order_by(matching.c.score.desc(), rows.id.desc())
        )
        return _fetch(session, statement, limit)


class LikeSearch:
    """Any database: how many of the query's words occur, as parts of words too."""

    def top(
        self, session: Session, rows: Searched, query: str, where: Sequence[ColumnElement[bool]], limit: int
    ) -> tuple[dict[int, float], int]:
        # Without a word (an emoji, "???") the query is looked for as it stands.
        words = query_words(query) or [query.strip().lower()]
        text = func.lower(rows.content)
        hits = [case((text.contains(word, autoescape=True), 1.0), else_=0.0) for word in words]
        score = sum(hits[1:], hits[0]).label("score")
        matching = select(rows.id, score).where(*where).subquery()
        statement = (
            select(matching.c.id, matching.c.score, func.count().over())
            .where(matching.c.score > 0)
            .order_by(matching.c.score.desc(), matching.c.id.desc())
        )
        return _fetch(session, statement, limit)


def _fetch(session: Session, statement: Select[Any], limit: int) -> tuple[dict[int, float], int]:
    found = session.execute(statement.limit(limit)).all()
    return {row[0]: float(row[1]) for row in found}, int(found[0][2]) if found else 0


def _fts_expression(words: Sequence[str]) -> str:
    quoted = []
    for word in words:
        phrase = " ".join(word) if _UNSPACED.match(word) else word
        quoted.append('"' + phrase.replace('"', '""') + '"')
    return " OR ".join(quoted)
