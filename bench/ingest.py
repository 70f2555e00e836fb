"""How fast ingest is, how it grows, what an unchanged run costs, and whether a kill loses anything.

`python -m bench.ingest` writes bench/results/ingest.json; `--part speed` (or another) does one part and keeps the
others' results. Texts are made of words by Zipf's law, and are the same for a seed.

- speed: passages a second of the whole pipeline with the real embedding model, next to that model alone on the same
  passages in one call, next to the library that runs it as it comes, and next to a plain loop over the same libraries
  (read, split, embed, store a file, then the next), with the library as it comes, and with our embedder in its place;
  then the same folder again, unchanged. By turns, the median of the rounds.
- sizes: 1, 10 and 100 MB, each in a process of its own. The embedding model would take most of an hour, so a stand-in
  makes the vectors, at the same cost for each text; all else is the real thing. Memory is the peak resident set of the
  process, of the child that reads, and of both at the same time.
- real: the same with the embedding model, only if it is asked for.
- kills: `kill -9` at random moments of a run, then the same command again: are the passages and vectors those of an
  undisturbed run, and none twice?
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import shlex
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import numpy as np

from bench.machine import RESULTS, describe, write
from memos.inference.embedding import SentenceEmbedder
from memos.ingest import IngestFinished, ParserProcesses, PassageSplitter, ingest
from memos.ingest.readers import read_document
from memos.models.store import resolve
from memos.protocols import Embedder
from memos.storage import Database
from memos.storage.text import heading_of

EMBEDDING = "all-minilm-l6-v2"
DIMENSION = 384
FILE_BYTES = 20_000
PARTS = ("speed", "sizes", "kills")
LONG_PARTS = ("real",)
LOOK_SECONDS = 0.1  # between two looks at the memory of all processes, each of which reads a file a thread
PAGE = os.sysconf("SC_PAGE_SIZE")
REAL, STAND_IN = EMBEDDERS = ("real", "stand-in")


class StandIn:
    """Vectors from a hash of the text: the same cost for every text, and next to none."""

    name, dimension = "stand-in", DIMENSION

    def embed(self, texts: Sequence[str], done: Callable[[int], None] | None = None) -> list[list[float]]:
        """One vector of unit length a text."""
        vectors = []
        for text in texts:
            seed = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")
            vector = np.random.default_rng(seed).standard_normal(DIMENSION, np.float32)
            vectors.append((vector / np.linalg.norm(vector)).tolist())
        return vectors


def words() -> list[str]:
    """The whole words of the embedding model's vocabulary: texts have as many tokens as English has."""
    tokenizer = json.loads((resolve(EMBEDDING) / "tokenizer.json").read_text("utf-8"))
    return [word for word in tokenizer["model"]["vocab"] if len(word) > 1 and word.isascii() and word.isalpha()]


def write_corpus(folder: Path, size: int, seed: int) -> None:
    """Files of Markdown, `size` bytes in all: headings, paragraphs of sentences, a list now and then."""
    rng = random.Random(seed)
    vocabulary = words()
    rng.shuffle(vocabulary)
    weights = np.cumsum(1 / np.arange(1, len(vocabulary) + 1)).tolist()
    number = written = 0
    while written < size:
        text: list[str] = []
        length = 0
        goal = min(FILE_BYTES, size - written)
        while length < goal:
            sentences = []
            for _ in range(rng.randint(2, 6)):
                chosen = rng.choices(vocabulary, cum_weights=weights, k=rng.randint(5, 25))
                sentences.append(" ".join(chosen).capitalize() + ".")
            part = f"## {sentences[0][:40]}\n\n" if rng.random() < 0.2 else ""
            part += ("- " if rng.random() < 0.2 else "") + " ".join(sentences) + "\n\n"
            text.append(part)
            length += len(part)
        place = folder / f"{number // 500:03}"
        place.mkdir(parents=True, exist_ok=True)
        written += (place / f"{number:05}.md").write_bytes("".join(text).encode())
        number += 1


def run(home: Path, docs: Path, embedder: Embedder) -> tuple[float, IngestFinished]:
    """Seconds and totals of one ingest."""
    with ExitStack() as held:
        database = held.enter_context(Database.open(home, embedder=lambda: embedder))
        parser = held.enter_context(ParserProcesses(resolve(EMBEDDING)))
        started = time.perf_counter()
        *_, last = ingest([docs], database.library(), parser)
        seconds = time.perf_counter() - started
    assert isinstance(last, IngestFinished)
    return seconds, last


# ------------------------------------------------------------------------------------------------- speed


def plain_loop(home: Path, docs: Path, embed: Callable[[list[str]], Sequence[Sequence[float]]]) -> tuple[float, int]:
    """Seconds and passages of what one would write without a pipeline, over the same libraries."""
    import lancedb

    splitter = PassageSplitter(resolve(EMBEDDING))
    home.mkdir()
    started = time.perf_counter()
    database = sqlite3.connect(home / "passages.sqlite")
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("CREATE TABLE passages (id INTEGER PRIMARY KEY, source TEXT, location TEXT, content TEXT)")
    table: Any = None
    number = 0
    for path in sorted(docs.rglob("*.md")):
        passages = splitter.split(read_document(path.read_bytes(), path.name))
        vectors = embed([text for text, _ in passages])
        with database:
            rows = [(str(path), location, text) for text, location in passages]
            database.executemany("INSERT INTO passages (source, location, content) VALUES (?, ?, ?)", rows)
        data = [{"id": number + at, "vector": vector} for at, vector in enumerate(vectors)]
        if table is None:
            table = lancedb.connect(str(home / "index")).create_table("passages", data)
        else:
            table.add(data)
        number += len(passages)
    seconds = time.perf_counter() - started
    database.close()
    return seconds, number


def speed(size: int, rounds: int, seed: int) -> dict[str, Any]:
    """The pipeline next to the embedding model alone and to a plain loop, and an unchanged run."""
    from sentence_transformers import SentenceTransformer

    embedder = SentenceEmbedder(resolve(EMBEDDING))
    embedder.load()
    library = SentenceTransformer(str(resolve(EMBEDDING)), local_files_only=True)
    shares, ratios, own_ratios, reruns, rates = [], [], [], [], []

    def encode(some: list[str]) -> Sequence[Sequence[float]]:
        vectors: Sequence[Sequence[float]] = library.encode(some, normalize_embeddings=True, show_progress_bar=False)
        return vectors

    with tempfile.TemporaryDirectory() as folder:
        docs = Path(folder) / "docs"
        write_corpus(docs, size, seed)
        splitter = PassageSplitter(resolve(EMBEDDING))
        texts = [
            f"{heading_of(str(path), place)}\n{text}"  # as they are embedded
            for path in sorted(docs.rglob("*.md"))
            for text, place in splitter.split(read_document(path.read_bytes(), path.name))
        ]
        embedder.embed(texts[:64])
        for at in range(rounds):
            started = time.perf_counter()
            encode(texts)
            plain = len(texts) / (time.perf_counter() - started)
            started = time.perf_counter()
            embedder.embed(texts)
            raw = len(texts) / (time.perf_counter() - started)
            home = Path(folder) / f"home{at}"
            seconds, totals = run(home, docs, embedder)
            assert totals.embedded == totals.passages == len(texts)
            again, unchanged = run(home, docs, embedder)
            assert unchanged.unchanged == totals.read
            looped, number = plain_loop(Path(folder) / f"loop{at}", docs, encode)
            own, same = plain_loop(Path(folder) / f"own{at}", docs, embedder.embed)
            assert number == same == len(texts)
            took = {"pipeline": seconds, "loop": looped, "loop, our embedder": own}
            rates.append({"library": plain, "raw": raw, **{name: len(texts) / spent for name, spent in took.items()}})
            shares.append(len(texts) / seconds / raw)
            ratios.append(looped / seconds)
            own_ratios.append(own / seconds)
            reruns.append(again / seconds)
            print(f"round {at + 1}: share {shares[-1]:.3f}, loop {ratios[-1]:.2f}, rerun {reruns[-1]:.4f}", flush=True)
    return {
        "embedder_share": round(statistics.median(shares), 3),
        "loop_ratio": round(statistics.median(ratios), 2),
        "loop_ratio_our_embedder": round(statistics.median(own_ratios), 2),
        "rerun_share": round(statistics.median(reruns), 4),
        "speed": {
            "passages": len(texts),
            "mb": size / 1e6,
            "embedding": EMBEDDING,
            "passages_per_second": [{name: round(rate, 1) for name, rate in row.items()} for row in rates],
        },
    }


# ------------------------------------------------------------------------------------------------- sizes


def sizes(megabytes: Sequence[float], seed: int, embedder: str) -> list[dict[str, Any]]:
    """Seconds and peak memory by the size of the corpus."""
    rows = []
    for mb in megabytes:
        with tempfile.TemporaryDirectory() as folder:
            docs = Path(folder) / "docs"
            write_corpus(docs, int(mb * 1e6), seed)
            rows.append({"mb": mb, **_child(Path(folder) / "home", docs, embedder)})
        print(rows[-1], flush=True)
    return rows


def _child(home: Path, docs: Path, embedder: str = STAND_IN) -> dict[str, Any]:
    process = subprocess.Popen(_command(home, docs, embedder), stdout=subprocess.PIPE, text=True)
    together = 0
    while process.poll() is None:
        together = max(together, _resident(process.pid))
        time.sleep(LOOK_SECONDS)
    assert process.stdout is not None and process.returncode == 0
    row: dict[str, Any] = json.loads(process.stdout.read().splitlines()[-1])
    return {**row, "peak_rss_all_mb": round(together / 2**20, 1)}


def _command(home: Path, docs: Path, embedder: str = STAND_IN) -> list[str]:
    return [sys.executable, "-m", "bench.ingest", "--one", str(home), str(docs), "--embedder", embedder]


def _resident(process: int) -> int:
    """Bytes of the resident sets of a process and its children now, what they share twice; 0 once it has gone."""
    try:
        children = Path(f"/proc/{process}/task").glob("*/children")
        below = [int(child) for one in children for child in one.read_text().split()]
        pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0
    return pages * PAGE + sum(map(_resident, below))


def one(home: Path, docs: Path, embedder: str) -> None:
    """One run, in this process; prints what it cost."""
    import resource

    print("ready", flush=True)
    seconds, totals = run(home, docs, SentenceEmbedder(resolve(EMBEDDING)) if embedder == REAL else StandIn())
    # Not `ru_maxrss` of this process: a child begins with its parent's.
    status = Path("/proc/self/status").read_text("utf-8")
    peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:"))
    row = {
        "seconds": round(seconds, 2),
        "peak_rss_mb": round(peak / 1024, 1),
        "peak_rss_reader_mb": round(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024, 1),
        "passages": totals.passages,
    }
    print(json.dumps(row), flush=True)


# ------------------------------------------------------------------------------------------------- kills


def kills(points: int, size: int, seed: int) -> dict[str, Any]:
    """`kill -9` at random moments, each followed by a run to the end."""
    rng = random.Random(seed)
    good = 0
    moments = []
    with tempfile.TemporaryDirectory() as folder:
        docs = Path(folder) / "docs"
        write_corpus(docs, size, seed)
        whole = Path(folder) / "whole"
        seconds = float(_child(whole, docs)["seconds"])
        expected = contents(whole)
        assert min(ordinal for _, ordinal, _ in expected) >= 0, "the undisturbed run lacks vectors"
        for at in range(points):
            home = Path(folder) / f"killed{at}"
            moment = rng.uniform(0, seconds)
            _kill(home, docs, moment)
            before = _passages(home)
            _child(home, docs)
            same = contents(home) == expected
            good += same
            moments.append({"at": round(moment / seconds, 3), "passages_before": before, "same": same})
            print(moments[-1], flush=True)
    return {"kill_points": points, "kill_ok": good == points, "kills": {"passages": len(expected), "moments": moments}}


def _kill(home: Path, docs: Path, after: float) -> None:
    process = subprocess.Popen(_command(home, docs), stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(after)
    process.send_signal(signal.SIGKILL)
    process.communicate()


def contents(home: Path) -> list[tuple[str, int, str]]:
    """Every passage with its document and place, `-1` for all places unless each passage has just one vector.

    What still waits for its vector gets it first, as a search would see to.
    """
    with Database.open(home, embedder=StandIn) as database:
        database.index.index_pending()
    with closing(sqlite3.connect(home / "memos.sqlite")) as connection:
        rows = connection.execute(
            "SELECT documents.source, passages.ordinal, passages.content, passages.id FROM passages "
            "JOIN documents ON documents.id = passages.document_id ORDER BY 1, 2"
        ).fetchall()
    indexed = sorted(row[3] for row in rows) == sorted(_vector_ids(home))
    return [(source, ordinal if indexed else -1, content) for source, ordinal, content, _ in rows]


def _passages(home: Path) -> int:
    """How many passages are stored, before anything is mended."""
    if not (home / "memos.sqlite").exists():
        return 0
    with closing(sqlite3.connect(home / "memos.sqlite")) as connection:
        try:
            return int(connection.execute("SELECT count(*) FROM passages").fetchone()[0])
        except sqlite3.OperationalError:  # killed before the tables were made
            return 0


def _vector_ids(home: Path) -> list[int]:
    import lancedb

    if not (home / "index" / "passages.lance").exists():
        return []
    ids: list[int] = lancedb.connect(str(home / "index")).open_table("passages").to_arrow()["id"].to_pylist()
    return ids


# ------------------------------------------------------------------------------------------------- all


def main() -> None:
    """Measure what was asked for and write it beside what is there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--part", action="append", choices=PARTS + LONG_PARTS, help="only this part; may be given again"
    )
    parser.add_argument("--speed-mb", type=float, default=1.5, help="megabytes of the part speed")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--mb", type=float, nargs="+", default=[1, 10, 100], help="megabytes of sizes and real")
    parser.add_argument("--points", type=int, default=20, help="kills")
    parser.add_argument("--kill-mb", type=float, default=1.0, help="megabytes of the part kills")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--one", nargs=2, type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--embedder", choices=EMBEDDERS, default=STAND_IN, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        home, docs = options.one
        one(home, docs, options.embedder)
        return
    parts: dict[str, Callable[[], dict[str, Any]]] = {
        "speed": lambda: speed(int(options.speed_mb * 1e6), options.rounds, options.seed),
        "sizes": lambda: {"sizes": sizes(options.mb, options.seed, STAND_IN)},
        "real": lambda: {"sizes_real": sizes(options.mb, options.seed, REAL)},
        "kills": lambda: kills(options.points, int(options.kill_mb * 1e6), options.seed),
    }
    path = RESULTS / "ingest.json"
    result = json.loads(path.read_text("utf-8")) if path.exists() and options.part else {}
    for name in options.part or PARTS:
        result |= parts[name]()
        result |= {"seed": options.seed, **describe(shlex.join(["python", "-m", "bench.ingest", *sys.argv[1:]]))}
        part = {key: result[key] for key in ("command", "at", "seed", "machine", "versions")}
        result["measured"] = {**result.get("measured", {}), name: part}
        write("ingest", result)
    print(json.dumps({key: result.get(key) for key in ("embedder_share", "loop_ratio", "rerun_share", "kill_ok")}))


if __name__ == "__main__":
    main()
