"""How long a search takes among 100,000 messages, without embedding the query, and which of the nearest it finds.

The messages are made of words by Zipf's law, in sentences of ten words and sessions of 20 messages, with vectors around
a few hundred topics; the storage is the real one, the index included.
`python -m bench.search` writes bench/results/search.json.
"""

from __future__ import annotations

import argparse
import hashlib
import shlex
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from bench.machine import describe, write
from memos.messages import Kind, Told
from memos.storage import AgentStorage, Database
from memos.storage.ranking import POOL
from memos.storage.vectors import MESSAGES, Scope

DIMENSION, TOPICS = 384, 300
VOCABULARY, WORDS = 30_000, (4, 40)  # different words; fewest and most of a message
SENTENCE = 10  # words
QUERY_WORDS = (3, 9)
STOP_WORDS = 100  # so many of the commonest are no words of a query, as in a natural language
BEGIN = datetime(2024, 1, 1, tzinfo=UTC)
NEAREST = (20, POOL)  # how many of the nearest by meaning are looked for in what the index finds
COMPARED = 100  # queries of which that is asked


class TopicEmbedder:
    """Vectors around the topic that a text's first word names. Costs next to nothing, so what is timed is search."""

    name, dimension = "topics", DIMENSION

    def __init__(self) -> None:
        self._topics = np.random.default_rng(1).normal(size=(TOPICS, DIMENSION))

    def embed(self, texts: Sequence[str], done: Callable[[int], None] | None = None) -> list[list[float]]:
        """One vector of unit length a text."""
        vectors = []
        for text in texts:
            seed = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")
            noise = np.random.default_rng(seed).normal(size=DIMENSION)
            vector = self._topics[seed % TOPICS] + 1.5 * noise
            vectors.append((vector / np.linalg.norm(vector)).tolist())
        return vectors


def text(rng: np.random.Generator, fewest: int, most: int, commonest: int = 1) -> str:
    """Words by Zipf's law, those from the `commonest` on."""
    ranks = rng.zipf(1.2, size=12 * most)
    chosen = ranks[(ranks <= VOCABULARY) & (ranks >= commonest)][: rng.integers(fewest, most)]
    return " ".join(f"w{rank}x" for rank in chosen)


def told(rng: np.random.Generator) -> str:
    """A message, in sentences."""
    words = text(rng, *WORDS).split()
    return " ".join(" ".join(words[at : at + SENTENCE]) + "." for at in range(0, len(words), SENTENCE))


def past(size: int, seed: int) -> list[Told]:
    """A past of messages, 20 a day."""
    rng = np.random.default_rng(seed)
    kinds = (Kind.USER, Kind.SPEECH)
    return [
        Told(kinds[at % 2], told(rng), BEGIN + timedelta(days=at // 20, seconds=30 * (at % 20))) for at in range(size)
    ]


def measure(size: int, queries: int, *, vectors: bool) -> dict[str, Any]:
    """Milliseconds of loading and of queries, by words alone and with vectors."""
    embedder = TopicEmbedder()
    result: dict[str, Any] = {"messages": size, "queries": queries}
    with ExitStack() as held:
        _, alone = _opened(held, _folder(held), None)
        alone.recall.import_past(past(size, 0))
        result["words_only"] = _timed(alone.recall, queries)
        if not vectors:
            return result
        home = _folder(held)
        database, agent = _opened(held, home, embedder)
        agent.recall.import_past(past(size, 0))
        started = time.perf_counter()
        agent.archival.index_pending()
        result["index_seconds"] = round(time.perf_counter() - started, 1)
        result["with_vectors"] = _timed(agent.recall, queries)
        result["nearest_found"] = _found(home, database, embedder)
    return result


def _folder(held: ExitStack) -> Path:
    return Path(held.enter_context(tempfile.TemporaryDirectory()))


def _opened(held: ExitStack, home: Path, embedder: TopicEmbedder | None) -> tuple[Database, AgentStorage]:
    database = held.enter_context(Database.open(home, embedder=(lambda: embedder) if embedder else None))
    return database, held.enter_context(database.agent("ada"))


def _found(home: Path, database: Database, embedder: TopicEmbedder) -> dict[str, float]:
    """Which share of the nearest messages, by comparing with every vector, is among the `POOL` that a search looks up,
    by how many nearest."""
    import lancedb

    rows = lancedb.connect(str(home / "index")).open_table(MESSAGES).to_arrow()
    ids, vectors = rows["id"].to_numpy(), np.stack(rows["vector"].to_numpy())
    scope = Scope((rows["agent_id"][0].as_py(),))
    rng = np.random.default_rng(11)
    shares: dict[int, list[float]] = {many: [] for many in NEAREST}
    for _ in range(COMPARED):
        query = text(rng, *QUERY_WORDS, STOP_WORDS) or "w300x"
        found = database.index.nearest(MESSAGES, query, None, scope, POOL)
        order = ids[np.argsort(-(vectors @ np.array(embedder.embed([query])[0], np.float32)), kind="stable")]
        for many in NEAREST:
            shares[many].append(sum(item in found for item in order[:many].tolist()) / many)
    return {f"of_{many}": round(float(np.mean(values)), 3) for many, values in shares.items()}


def _timed(recall: Any, queries: int) -> dict[str, float]:
    rng = np.random.default_rng(7)
    started = time.perf_counter()
    recall.search("w1x w2x")
    first = time.perf_counter() - started
    times = []
    for _ in range(queries):
        query = text(rng, *QUERY_WORDS, STOP_WORDS) or "w300x"
        started = time.perf_counter()
        recall.search(query)
        times.append(1000 * (time.perf_counter() - started))
    shares = {f"ms_p{share}": round(float(np.percentile(times, share)), 2) for share in (50, 95, 99)}
    return {"first_ms": round(1000 * first, 1), **shares}


def main() -> None:
    """Measure and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--size", type=int, default=100_000, help="messages")
    parser.add_argument("--queries", type=int, default=300)
    parser.add_argument("--words-only", action="store_true", help="no index of vectors, which takes minutes to build")
    options = parser.parse_args()
    result = measure(options.size, options.queries, vectors=not options.words_only)
    print(
        write("search", {**describe(shlex.join(["python", "-m", "bench.search", *sys.argv[1:]])), **result}).read_text()
    )


if __name__ == "__main__":
    main()
