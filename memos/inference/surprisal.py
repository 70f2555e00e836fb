"""How surprising the tokens of a prompt are to the model: -log p of each, given what stands before it.

Read on the fork of what is resident, which stays as it is. It does not know what a word or a message is, nor what
surprise is good for.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from memos.generation import Reading
from memos.inference.cache import Cache
from memos.inference.llama import Llama

STEP = 64  # tokens evaluated at once: each of them needs a row of the vocabulary's length


def nats(logits: np.ndarray[Any, Any], token: int) -> float:
    """-log p of a token.

    Args:
        logits: of the whole vocabulary, shape (vocabulary,).
        token: its id.
    """
    scores = logits.astype(np.float64)
    highest = scores.max()
    return float(highest + math.log(np.exp(scores - highest).sum()) - scores[token])


def surprisals(
    llama: Llama, cache: Cache, prompt: Sequence[int], start: int, cancelled: Callable[[], bool]
) -> Iterator[Reading | list[float]]:
    """Evaluate `prompt` from `start` on, every token with its logits.

    What there is no room to read beside what is resident is left out, from the front.

    Args:
        llama: computes.
        cache: says what is resident.
        prompt: token ids from the start of the text.
        start: the first token that is asked about; not 0, since nothing stands before that one.
        cancelled: ends the reading between two steps.

    Yields:
        Progress, and at the end nats a token of `prompt[start:]`: 0 for those left out; nothing if it was cancelled.
    """
    first = max(start, len(prompt) - cache.beside)
    sequence = cache.fork(prompt[:first])
    keep = cache.keep(prompt[:first], sequence)
    found = [0.0] * (first - start)
    for at in range(keep, len(prompt) - 1, STEP):
        yield Reading(at - keep, len(prompt) - keep)
        batch = prompt[at : min(at + STEP, len(prompt) - 1)]
        if cancelled() or not cache.decode(batch, sequence, cancelled, outputs=len(batch)):
            return
        following = range(at + 1, at + 1 + len(batch))
        found += [nats(llama.logits(at + len(batch) - index), prompt[index]) for index in following if index >= first]
    yield found
