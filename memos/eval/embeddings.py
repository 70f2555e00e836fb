"""An embedder that remembers: what it embedded once it reads from a file the next time.

Keyed by model and text (as a hash), so that a second run on the same corpus is fast. It knows how long it took, so
that a search can be timed without it. It holds no text.
"""

from __future__ import annotations

import hashlib
import sqlite3
import threading
import time
from array import array
from collections.abc import Callable, Sequence
from pathlib import Path

from memos.protocols import Embedder
from memos.storage.sql import private_file, private_folder


class EmbeddingCache:
    """An `Embedder` in front of another one.

    Args:
        embedder: makes the vectors that are not there.
        file: where they are kept.

    Attributes:
        seconds: spent in `embed` so far.
    """

    def __init__(self, embedder: Embedder, file: Path) -> None:
        self._embedder = embedder
        self.seconds = 0.0
        self._lock = threading.Lock()
        private_folder(file.parent)
        private_file(file)
        self._kept = sqlite3.connect(file, check_same_thread=False)
        self._kept.execute("CREATE TABLE IF NOT EXISTS vectors (key BLOB PRIMARY KEY, vector BLOB) WITHOUT ROWID")

    @property
    def name(self) -> str:
        """The other one's name."""
        return self._embedder.name

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return self._embedder.dimension

    def embed(self, texts: Sequence[str], done: Callable[[int], None] | None = None) -> list[list[float]]:
        """One vector of unit length a text, in order; see `Embedder`."""
        with self._lock:
            return self._embedded(texts, done or (lambda _: None))

    def _embedded(self, texts: Sequence[str], done: Callable[[int], None]) -> list[list[float]]:
        started = time.perf_counter()
        keys = [hashlib.sha256(f"{self.name}\0{text}".encode("utf-8", "replace")).digest() for text in texts]
        found = {key: vector for key in keys if (vector := self._read(key))}
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in found}
        if missing:
            known = len(texts) - len(missing)
            made = self._embedder.embed(list(missing.values()), lambda count: done(known + count))
            found |= dict(zip(missing, made, strict=True))
            with self._kept:
                rows = [(key, array("f", found[key]).tobytes()) for key in missing]
                self._kept.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?)", rows)
        self.seconds += time.perf_counter() - started
        return [found[key] for key in keys]

    def _read(self, key: bytes) -> list[float]:
        row = self._kept.execute("SELECT vector FROM vectors WHERE key = ?", (key,)).fetchone()
        return list(array("f", row[0])) if row else []

    def close(self) -> None:
        """Close the file."""
        self._kept.close()


def cached(embedder: Callable[[], Embedder], folder: Path) -> EmbeddingCache:
    """An embedder with its cache in a folder."""
    return EmbeddingCache(embedder(), folder / "embeddings.sqlite")
