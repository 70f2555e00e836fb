"""What the storage tests share: a tiny deterministic embedder, and a database that is always closed."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from memos.storage import Database


class WordHashEmbedder:
    """Texts that share words point in similar directions. Keeps and counts what it embeds."""

    def __init__(self, name: str = "word-hash", dimension: int = 64) -> None:
        self.name = name
        self.dimension = dimension
        self.embedded = 0
        self.texts: list[str] = []

    def embed(self, texts: Sequence[str], done: Callable[[int], None] | None = None) -> list[list[float]]:
        vectors = []
        for text in texts:
            vectors.append(self._vector(text))
            self.embedded += 1
            self.texts.append(text)
            if done is not None:
                done(len(vectors))
        return vectors

    def _vector(self, text: str) -> list[float]:
        vector = [0.01] * self.dimension
        for word in re.findall(r"\w+", text.lower()):
            digest = hashlib.sha256(word.encode()).digest()
            vector[int.from_bytes(digest[:4], "little") % self.dimension] += 1.0
        length = sum(x * x for x in vector) ** 0.5
        return [x / length for x in vector]


def open_database(home: Path, embedder: WordHashEmbedder | None = None, url: str | None = None) -> Database:
    return Database.open(home, url=url, embedder=None if embedder is None else lambda: embedder)
