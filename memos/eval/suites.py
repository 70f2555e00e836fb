"""The suites by name: which data they read, what they measure, and how a run becomes a report."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from memos.agents.composition import embedding_folder, make_embedder
from memos.errors import InputError
from memos.eval.data import Conversation, locomo, longmemeval, msc
from memos.eval.embeddings import EmbeddingCache, cached
from memos.eval.report import Report
from memos.eval.retrieval import Progress, Scored, answerable, recall_of_turns
from memos.eval.statistics import Estimate, by_category, percentile
from memos.settings import Settings, home

RETRIEVAL: dict[str, Callable[[Path, int], list[Conversation]]] = {
    "locomo-recall": lambda folder, _seed: locomo(folder),
    "msc-recall": lambda folder, _seed: msc(folder),
    "longmemeval-recall": longmemeval,
}


@dataclass(frozen=True, slots=True)
class Run:
    """What to run.

    Args:
        suite: its name.
        data: the data set's folder.
        settings: embedding model, chat model, window.
        limit: a random sample of so many questions; None: all.
        seed: of the sample and the intervals.
    """

    suite: str
    data: Path
    settings: Settings
    limit: int | None = None
    seed: int = 0


def retrieval(run: Run, progress: Progress) -> Report:
    """Run a suite without a model.

    Args:
        run: what.
        progress: told `(questions done, of)`.

    Raises:
        InputError: the data cannot be read, or there is nothing to ask.
    """
    conversations = sample(RETRIEVAL[run.suite](run.data, run.seed), run.limit, run.seed)
    embedder = _embedder(run.settings)
    try:
        with tempfile.TemporaryDirectory(prefix="memos-eval-") as folder:
            scored = list(recall_of_turns(conversations, Path(folder), embedder, progress))
    finally:
        if embedder is not None:
            embedder.close()
    name = embedder.name if embedder else "words only"
    return Report(run.suite, str(run.data), name, None, run.seed, len(scored), {"memos": _summed_up(scored, run.seed)})


def _summed_up(scored: Sequence[Scored], seed: int) -> dict[str, Estimate]:
    estimates = by_category([(one.category, one.metrics) for one in scored], seed)
    times = [one.milliseconds for one in scored]
    return {
        **estimates,
        "query_ms_p50": percentile(times, 0.50, seed),
        "query_ms_p95": percentile(times, 0.95, seed),
    }


def sample(conversations: Sequence[Conversation], limit: int | None, seed: int) -> list[Conversation]:
    """The same conversations with a random sample of their answerable questions, in their order.

    Raises:
        InputError: there is no question.
    """
    places = [(at, one) for at, talk in enumerate(conversations) for one in answerable(talk)]
    if not places:
        raise InputError("The data has no question whose evidence is known.")
    if limit is not None and limit < len(places):
        places = sorted(random.Random(seed).sample(places, limit), key=lambda place: place[0])
    kept = {(at, one.id) for at, one in places}
    chosen = []
    for at, talk in enumerate(conversations):
        questions = tuple(one for one in answerable(talk) if (at, one.id) in kept)
        if questions:
            chosen.append(replace(talk, questions=questions))
    return chosen


def _embedder(settings: Settings) -> EmbeddingCache | None:
    """The embedding model with its cache in the data folder; None where it has not been pulled."""
    if embedding_folder(settings) is None:
        return None
    return cached(lambda: make_embedder(settings), home() / "eval")
