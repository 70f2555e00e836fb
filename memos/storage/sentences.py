"""Sentences: a message as several vectors, so that what it tells in passing is found.

The vector of a whole message is near what most of it is about: of "Hey! How are you? We have a puppy now." that is a
greeting. Of the vectors of its sentences, the one nearest to a query decides.

Owns cutting a text into sentences, and their vectors as bytes. It does not know who makes vectors, or where they are
kept.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from memos.storage.text import STOP_WORDS, query_words

MOST = 8  # sentences of one text that get a vector; what is said in passing is said in a few
TELLING = 2  # words besides stop words that a sentence has, or it says too little to be found by
_SENTENCE = re.compile(r"\[[^\]\n]*\]|(?:[^.!?。！？\[\n]|[.!?](?=\w))+[.!?。！？]*|\[")


def sentences(text: str) -> list[str]:
    """The first `MOST` sentences that tell something, what stands in brackets apart; the whole text if none does."""
    found = (part.strip() for part in _SENTENCE.findall(text))
    kept = [part for part in found if sum(word not in STOP_WORDS for word in query_words(part)) >= TELLING]
    return kept[:MOST] or [text]


def packed(vectors: Sequence[Sequence[float]]) -> bytes:
    """Vectors as bytes, a byte a dimension: of cosine similarities that takes the third decimal place."""
    import numpy as np

    values = np.asarray(vectors, np.float32)
    steps: Any = np.abs(values).max(axis=1, keepdims=True) / 127
    whole: bytes = np.rint(values / np.maximum(steps, 1e-12)).astype(np.int8).tobytes()
    return whole


def nearest_of_each(packs: Sequence[bytes], vector: Sequence[float]) -> list[float]:
    """For each pack, how near its nearest vector is to a vector, as cosine similarity; 0 where it has none."""
    import numpy as np

    counts = np.array([len(pack) // len(vector) for pack in packs], np.int64)
    likeness = np.zeros(len(packs))
    if counts.any():
        values: Any = np.frombuffer(b"".join(packs), np.int8).reshape(-1, len(vector)).astype(np.float32)
        lengths = np.sqrt(np.einsum("ij,ij->i", values, values))
        similar = values @ np.asarray(vector, np.float32) / np.maximum(lengths, 1e-12)
        having = np.flatnonzero(counts)
        likeness[having] = np.maximum.reduceat(similar, np.cumsum(counts)[having] - counts[having])
    found: list[float] = likeness.tolist()
    return found
