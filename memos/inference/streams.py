"""Many texts through one embedding model on a CPU: a batch a thread, instead of every thread on each batch.

Threads that share a batch wait for each other after every layer, and all of them for the one whose processor something
else has taken, as the reading of documents does beside the embedding. Streams do not wait, and one that is held up
leaves the next batch to another. Owns the copies of the model that this needs, of everything but its weights (a
tokenizer refuses to be shared). It does not know what the texts are, nor where the model came from.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from queue import SimpleQueue
from typing import Any

import numpy as np
from numpy.typing import NDArray


class Streams:
    """A `SentenceTransformer` on a CPU, as many at once as torch has threads. One call at a time.

    Args:
        model: the model; its weights are shared.
    """

    def __init__(self, model: Any) -> None:
        import torch

        self._threads = torch.get_num_threads()
        self._models = [model]

    def encode(self, texts: Sequence[str], batch: int, **options: Any) -> NDArray[np.float32]:
        """One vector a text, in order.

        Args:
            texts: at least one.
            batch: how many are read at once, of like length.
            options: of `SentenceTransformer.encode`.
        """
        import torch

        longest_first = sorted(range(len(texts)), key=lambda at: -len(texts[at]))
        batches = [longest_first[start : start + batch] for start in range(0, len(texts), batch)]
        streams = min(self._threads, len(batches))
        each = self._threads // streams
        free: SimpleQueue[Any] = SimpleQueue()
        for model in self._copies(streams):
            free.put(model)

        def run(chosen: Sequence[int]) -> Any:
            model = free.get()
            try:
                return model.encode([texts[at] for at in chosen], batch_size=batch, **options)
            finally:
                free.put(model)

        # Here as well as in each thread: part of the setting is a thread's, part the process's.
        torch.set_num_threads(each)
        try:
            with ThreadPoolExecutor(streams, "memos-embed", torch.set_num_threads, (each,)) as pool:
                rows = np.concatenate(list(pool.map(run, batches)))
        finally:
            torch.set_num_threads(self._threads)
        vectors: NDArray[np.float32] = np.empty_like(rows)
        vectors[list(chain.from_iterable(batches))] = rows
        return vectors

    def _copies(self, count: int) -> list[Any]:
        """So many models, made where there are fewer: of many processors a few may be enough."""
        first = self._models[0]
        weights = {id(tensor): tensor for tensor in chain(first.parameters(), first.buffers())}
        while len(self._models) < count:
            self._models.append(copy.deepcopy(first, dict(weights)))
        return self._models[:count]
