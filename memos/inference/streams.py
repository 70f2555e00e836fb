"""Many texts through one embedding model on a CPU: a batch a thread, instead of every thread on each batch.

Threads that share a batch wait for each other after every layer, and all of them for the one whose processor something
else has taken, as the reading of documents does beside the embedding. Streams do not wait, and one that is held up
leaves the next batch to another. Owns the threads, and the copies of the model that this needs, of everything but its
weights (a tokenizer refuses to be shared). It does not know what the texts are, nor where the model came from.
"""

from __future__ import annotations

import copy
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from itertools import chain
from math import ceil
from queue import SimpleQueue
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Bytes of text that are read at once, of each no more than the first so many, the rest of which most models cut. Of
# texts of 250 tokens four are as fast as eight, and two threads take 50 to 100 MB less. Texts that are shorter together
# than a long one are not worth a call each.
BATCH_BYTES, LONGEST = 8_192, 2_048


class Streams:
    """A `SentenceTransformer` on a CPU, as many at once as torch has threads. One call at a time.

    Args:
        model: the model, which stays the caller's: copies share its weights.
    """

    def __init__(self, model: Any) -> None:
        import torch

        self._threads = torch.get_num_threads()
        self._models = [_copy(model)]
        # For good: the C library gives a new thread another part of the heap, and each keeps what was freed.
        self._pool = ThreadPoolExecutor(self._threads, "memos-embed")

    def encode(
        self, texts: Sequence[str], most: int, **options: Any
    ) -> Generator[tuple[list[int], NDArray[np.float32]], None, None]:
        """Batches of vectors: which texts they are of, and a row for each. Closed early, it stops.

        Args:
            texts: at least one.
            most: how many are read at once, of like length; fewer of long ones.
            options: of `SentenceTransformer.encode`.
        """
        import torch

        batches = _batches([len(text.encode()) for text in texts], most, self._threads)
        streams = min(self._threads, len(batches))
        each = self._threads // streams
        free: SimpleQueue[Any] = SimpleQueue()
        for model in self._copies(streams):
            free.put(model)

        def run(chosen: Sequence[int]) -> Any:
            torch.set_num_threads(each)
            model = free.get()
            try:
                return model.encode([texts[at] for at in chosen], batch_size=len(chosen), **options)
            finally:
                free.put(model)

        # Here as well as in each thread: part of the setting is a thread's, part the process's.
        torch.set_num_threads(each)
        running = [self._pool.submit(run, chosen) for chosen in batches]
        try:
            for chosen, batch in zip(batches, running, strict=True):
                yield chosen, batch.result()
        finally:  # where one has failed the others are still at it, with the model of whoever calls next
            for batch in running:
                batch.cancel()
            wait(running)
            torch.set_num_threads(self._threads)

    def _copies(self, count: int) -> list[Any]:
        """So many models, made where there are fewer: of many processors a few may be enough."""
        while len(self._models) < count:
            self._models.append(_copy(self._models[0]))
        return self._models[:count]


def _copy(model: Any) -> Any:
    """A model of its own but for the weights."""
    weights = {id(tensor): tensor for tensor in chain(model.parameters(), model.buffers())}
    return copy.deepcopy(model, weights)


def _batches(sizes: Sequence[int], most: int, streams: int) -> list[list[int]]:
    """Which texts are read together, longest first, by their sizes in bytes.

    No more than `most`, nor than so many of the longest of them take `BATCH_BYTES`; and of long ones no more than a
    stream's share of half of what is left (guided self-scheduling, Polychronopoulos & Kuck 1987), so that at the end
    streams wait for one that reads a text, not a batch.
    """
    order = sorted(range(len(sizes)), key=lambda at: -sizes[at])
    batches: list[list[int]] = []
    at = 0
    while at < len(order):
        size = max(1, min(sizes[order[at]], LONGEST))
        share = max(ceil((len(order) - at) / (2 * streams)), LONGEST // size)
        batches.append(order[at : at + min(most, BATCH_BYTES // size, share)])
        at += len(batches[-1])
    return batches
