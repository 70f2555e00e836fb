"""The suites by name: which data they read, what they measure, and how a run becomes a report."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from memos.agents.composition import embedding_folder, load_model, make_embedder
from memos.errors import InputError, MemosError
from memos.eval.answering import ARMS, RAG, Answer, Arms, failed
from memos.eval.data import Conversation, locomo, longmemeval, msc
from memos.eval.embeddings import EmbeddingCache, cached
from memos.eval.haystacks import SHARED, babilong, multidoc, needle
from memos.eval.journal import Journal
from memos.eval.report import Report
from memos.eval.retrieval import Progress, Scored, answerable, recall_of_turns
from memos.eval.statistics import Estimate, by_category, mean, percentile, sampled
from memos.eval.tasks import Task, locomo_qa, longmemeval_qa, nested_kv
from memos.settings import Settings, home

RETRIEVAL: dict[str, Callable[[Path, int], list[Conversation]]] = {
    "locomo-recall": lambda folder, _seed: locomo(folder),
    "msc-recall": lambda folder, _seed: msc(folder),
    "longmemeval-recall": longmemeval,
}
ANSWERING: dict[str, Callable[[Path, int], list[Task]]] = {
    "locomo-qa": locomo_qa,
    "longmemeval-qa": longmemeval_qa,
    "nested-kv": nested_kv,
    "multidoc-qa": multidoc,
    "babilong": babilong,
    "needle": needle,
}
LOOKUPS = 10  # steps of a turn that looks up one thing after another


@dataclass(frozen=True, slots=True)
class Run:
    """What to run.

    Args:
        suite: its name.
        data: the data set's folder.
        settings: embedding model, chat model, window.
        limit: a random sample of so many questions; None: all.
        seed: of the sample and the intervals.
        arms: of `ARMS`, where a model answers.
        category: questions of this kind only, `qa1/128k` or `128k`; empty: all.
    """

    suite: str
    data: Path
    settings: Settings
    limit: int | None = None
    seed: int = 0
    arms: tuple[str, ...] = ARMS
    category: str = ""


def retrieval(run: Run, progress: Progress) -> Report:
    """Run a suite without a model.

    Args:
        run: what.
        progress: told `(questions done, of)`.

    Raises:
        InputError: the data cannot be read, or there is nothing to ask.
    """
    conversations = sample(RETRIEVAL[run.suite](run.data, run.seed), run.limit, run.seed, run.category)
    embedder = embedder_of(run.settings)
    try:
        with tempfile.TemporaryDirectory(prefix="memos-eval-") as folder:
            scored = list(recall_of_turns(conversations, Path(folder), embedder, progress))
    finally:
        if embedder is not None:
            embedder.close()
    name = embedder.name if embedder else "words only"
    return Report(run.suite, str(run.data), name, None, run.seed, len(scored), {"memos": _summed_up(scored, run.seed)})


def answering(run: Run, progress: Progress) -> tuple[Report, list[Answer]]:
    """Run a suite with a model in the loop. What was answered is kept, so that a run goes on where it was ended.

    Args:
        run: what.
        progress: told `(answers done, of)`.

    Returns:
        The report, and the answers.

    Raises:
        InputError: the data cannot be read, or there is nothing to ask.
        ModelError: the model cannot be loaded.
    """
    if RAG in run.arms and embedding_folder(run.settings) is None:
        raise InputError(f"The arm {RAG} ranks by vectors: it needs an embedding model (`memos models pull`).")
    found = ANSWERING[run.suite](run.data, run.seed)
    tasks = sampled(found, lambda task: task.category, run.category, run.limit, run.seed)
    # One arm after the other: what questions share, a model then reads once.
    wanted = [(arm, task) for arm in run.arms for task in tasks]
    journal = Journal(run.suite, given(run))
    done = journal.answers
    missing = [(arm, task) for arm, task in wanted if (arm, task.id) not in done]
    if missing:
        for answer in _answers(run, missing, lambda count: progress(len(wanted) - len(missing) + count, len(wanted))):
            journal.add(answer)
    answers = [done[arm, task.id] for arm, task in wanted]
    arms = {arm: of_arm([one for one in answers if one.arm == arm], run.seed) for arm in run.arms}
    settings = run.settings
    return Report(run.suite, str(run.data), settings.model, settings.context, run.seed, len(tasks), arms), answers


def _answers(run: Run, missing: Sequence[tuple[str, Task]], progress: Callable[[int], None]) -> Iterator[Answer]:
    embedder = embedder_of(run.settings)
    settings = run.settings.model_copy(update={"max_steps": max(run.settings.max_steps, LOOKUPS)})
    model = load_model(settings)
    try:
        with tempfile.TemporaryDirectory(prefix="memos-eval-") as folder:
            arms = Arms(model, settings, embedder, Path(folder))
            for count, (arm, task) in enumerate(missing):
                progress(count)
                try:
                    yield arms.answer(task, arm)
                except MemosError as error:
                    yield failed(task, arm, error)
    finally:
        model.close()
        if embedder is not None:
            embedder.close()


def of_arm(answers: Sequence[Answer], seed: int) -> dict[str, Estimate]:
    """Metrics of one arm's answers."""
    estimates = by_category([(one.category, one.metrics) for one in answers], seed)
    paged = [one.false_pages / one.pages for one in answers if one.pages]
    if paged:
        estimates["false_page_rate"] = mean(paged, seed)
    return {**estimates, "seconds": mean([one.seconds for one in answers], seed)}


def given(run: Run) -> dict[str, Any]:
    """Everything that an answer of a run depends on, but for the code. Files are told apart by size and time."""
    data, weights = run.data.resolve(), Path(run.settings.model)
    read = [path for folder in (data, data.parent / SHARED) for path in sorted(folder.rglob("*"))]
    return {
        **run.settings.model_dump(),
        "data": str(data),
        "run_seed": run.seed,  # `seed` is the sampler's
        "files": [_stamp(path) for path in (*read, *([weights] if weights.is_file() else ())) if path.is_file()],
        "embedding_folder": str(embedding_folder(run.settings)),
    }


def _stamp(path: Path) -> tuple[str, int, int]:
    found = path.stat()
    return str(path), found.st_size, found.st_mtime_ns


def _summed_up(scored: Sequence[Scored], seed: int) -> dict[str, Estimate]:
    estimates = by_category([(one.category, one.metrics) for one in scored], seed)
    times = [one.milliseconds for one in scored]
    return {
        **estimates,
        "query_ms_p50": percentile(times, 0.50, seed),
        "query_ms_p95": percentile(times, 0.95, seed),
    }


def sample(
    conversations: Sequence[Conversation], limit: int | None, seed: int, category: str = ""
) -> list[Conversation]:
    """The same conversations with a random sample of their answerable questions, in their order.

    Args:
        conversations: the data.
        limit: how many questions at most; None: all.
        seed: of the sample.
        category: only questions of this kind; empty: all.

    Raises:
        InputError: there is no question, or none of this category.
    """
    places = [(at, one) for at, talk in enumerate(conversations) for one in answerable(talk)]
    if not places:
        raise InputError("The data has no question whose evidence is known.")
    places = sampled(places, lambda place: place[1].category, category, None, seed)
    if limit is not None and limit < len(places):
        places = sorted(random.Random(seed).sample(places, limit), key=lambda place: place[0])
    kept = {(at, one.id) for at, one in places}
    chosen = []
    for at, talk in enumerate(conversations):
        questions = tuple(one for one in answerable(talk) if (at, one.id) in kept)
        if questions:
            chosen.append(replace(talk, questions=questions))
    return chosen


def embedder_of(settings: Settings) -> EmbeddingCache | None:
    """The embedding model with its cache in the data folder; None where it has not been pulled."""
    if embedding_folder(settings) is None:
        return None
    return cached(lambda: make_embedder(settings), home() / "eval")
