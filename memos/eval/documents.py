"""Questions about a folder of documents: what search finds without a model, and what the analyst answers with one.

The folder goes through the ingest that ships, into a temporary data folder. Owns the metrics over documents. It does
not know how documents are read, searched or answered from.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Protocol

from memos.agents import documents
from memos.agents.composition import ingest_into, load_model
from memos.errors import InputError, MemosError
from memos.eval import nasty
from memos.eval.answering import ERROR, Answer
from memos.eval.data import Row, made_of
from memos.eval.embeddings import EmbeddingCache
from memos.eval.journal import Journal
from memos.eval.metrics import declined, tells
from memos.eval.report import Report
from memos.eval.retrieval import Progress
from memos.eval.statistics import Estimate, by_category, mean, percentile, sampled
from memos.eval.suites import Run, embedder_of, given
from memos.messages import Passage
from memos.protocols import LanguageModel
from memos.settings import Settings
from memos.storage import Archival, Database

AMONG, DEEPEST = 5, 100  # results that count as found, and that are looked through
WHOLE, LEFT_OUT = "memos", "left-out"  # arms: every file is there; the one that tells the answer is not
SAMPLE = 0.25  # of the questions are asked again without their file


@dataclass(frozen=True, slots=True)
class Question:
    """A question that one file answers.

    Args:
        id: of the data set.
        text: as asked.
        answers: any of these is right.
        file: that tells it, in the data set's folder `files`.
        language: of the file.
        alone: whether the answer's words are known to stand in no other file.
    """

    id: str
    text: str
    answers: tuple[str, ...]
    file: str
    language: str
    alone: bool = False

    @property
    def category(self) -> str:
        """Language and kind of file, as `en/pdf`."""
        return f"{self.language}/{self.file.partition('/')[0]}"

    def told_by(self, text: str) -> bool:
        """Whether a text has an answer."""
        return any(tells(text, right) for right in self.answers)


class Citation(Protocol):
    """A passage that an answer names."""

    @property
    def passage_id(self) -> int:
        """Of `Archival.get`."""


class Answered(Protocol):
    """What an analyst says."""

    @property
    def text(self) -> str:
        """Its words."""

    @property
    def citations(self) -> Sequence[Citation]:
        """What they stand on."""

    @property
    def confidence(self) -> float:
        """How sure it is that the documents say, 0 to 1."""


class Analyst(Protocol):
    """Answers questions from documents."""

    def ask(self, question: str) -> Answered:
        """Answer one question, on its own."""


def questions(run: Run) -> list[Question]:
    """The questions that a run asks: a random sample, in their order.

    Raises:
        InputError: they cannot be read, or there are none of the category.
    """
    found = list(made_of([run.data / "questions.jsonl"], _question))
    return sampled(found, lambda one: one.category, run.category, run.limit, run.seed)


def _question(row: Row) -> Question:
    answers = tuple(str(one) for one in (row["answer"], *(row.get("aliases") or ())) if one is not None)
    if not answers:
        raise ValueError("it has no answer")
    alone = row.get("also_in") == []  # unknown (null) for very short answers
    return Question(str(row["id"]), row["question"], answers, row["file"], row.get("language") or "en", alone)


# ------------------------------------------------------------------------------------- without a model


def docs_recall(run: Run, progress: Progress) -> tuple[Report, dict[str, str]]:
    """What search finds of the documents, and how nasty files are taken.

    Args:
        run: what.
        progress: told `(questions done, of)`.

    Returns:
        The report, and the nasty files that do not behave as listed, with what they do.

    Raises:
        InputError: the data cannot be read.
    """
    asked = questions(run)
    progress(0, len(asked))
    with _embedding(run.settings) as embedder, tempfile.TemporaryDirectory(prefix="memos-eval-") as folder:
        name = embedder.name if embedder else "words only"
        with _documents(Path(folder) / "home", run, embedder) as archival:
            archival.search("anything")  # load what the first search loads
            scored, times = [], []
            for number, one in enumerate(asked, 1):
                metrics, milliseconds = _searched(archival, one, run.data, embedder)
                scored.append((one.category, metrics))
                times.append(milliseconds)
                progress(number, len(asked))
        outcomes, faults = _nasty(run, Path(folder))
    estimates = sliced(scored, run.seed)
    estimates["query_ms_p50"] = percentile(times, 0.50, run.seed)
    estimates["query_ms_p95"] = percentile(times, 0.95, run.seed)
    if outcomes:
        estimates["nasty_ok"] = mean(outcomes, run.seed)
    return Report(run.suite, str(run.data), name, None, run.seed, len(asked), {WHOLE: estimates}), faults


def _searched(
    archival: Archival, one: Question, data: Path, embedder: EmbeddingCache | None
) -> tuple[dict[str, float], float]:
    before, started = embedder.seconds if embedder else 0.0, time.perf_counter()
    archival.search(one.text, limit=AMONG)
    spent = time.perf_counter() - started - ((embedder.seconds if embedder else 0.0) - before)
    found = archival.search(one.text, limit=DEEPEST).items
    wanted = _sources(archival, data, one.file)
    first = found[:AMONG]
    rank = next((place for place, passage in enumerate(found, 1) if one.told_by(passage.text)), 0)
    metrics = {
        f"file_hit@{AMONG}": float(any(passage.source in wanted for passage in first)),
        f"passage_hit@{AMONG}": float(any(one.told_by(passage.text) for passage in first)),
        # Stricter: short answers such as a number stand in other files by chance.
        f"right_passage_hit@{AMONG}": float(any(p.source in wanted and one.told_by(p.text) for p in first)),
        "mrr": 1 / rank if rank else 0.0,
    }
    return metrics, spent * 1000


def _nasty(run: Run, folder: Path) -> tuple[list[float], dict[str, str]]:
    """One value a nasty file, 1 if it behaves; and those that do not. Nothing is embedded for it."""

    def judge(name: str, files: Path, expected: Sequence[nasty.Expected]) -> dict[str, str]:
        with Database.open(folder / name, embedder=None) as database:
            archival = database.library()
            ingest: nasty.Ingest = lambda paths, observe: ingest_into(archival, run.settings, paths, observe)  # noqa: E731
            return nasty.misbehaving(files, expected, archival, ingest)

    outcomes: list[float] = []
    faults: dict[str, str] = {}
    if (run.data / "nasty_expected.jsonl").exists():
        expected = nasty.stored(run.data)
        faults |= judge("nasty", run.data / "nasty", expected)
        outcomes += [float(one.name not in faults) for one in expected]
    made = folder / "generated"
    if expected := nasty.generated(run.data, made):
        wrong = judge("made", made, expected)
        outcomes += [float(one.name not in wrong) for one in expected]
        faults |= wrong
    return outcomes, faults


# --------------------------------------------------------------------------------------- with a model

MakeAnalyst = Callable[[LanguageModel, Archival], Analyst]


def docs(run: Run, progress: Progress, make: MakeAnalyst = documents.Analyst) -> tuple[Report, list[Answer]]:
    """Have the analyst answer; a sample is asked again without the file that tells the answer.

    Args:
        run: what.
        progress: told `(answers done, of)`.
        make: makes the analyst.

    Returns:
        The report, and the answers.

    Raises:
        InputError: the data cannot be read.
        ModelError: the model cannot be loaded.
    """
    asked = questions(run)
    wanted = {WHOLE: asked, LEFT_OUT: _left_out(asked, run.seed)}
    # Without the files of all of this arm's questions: what one tells may answer another. An answer depends on them.
    without = {WHOLE: [], LEFT_OUT: sorted({one.file for one in wanted[LEFT_OUT]})}
    journals = {arm: Journal(run.suite, {**given(run), "without": without[arm]}) for arm in wanted}
    missing = {
        arm: left
        for arm, ones in wanted.items()
        if (left := [one for one in ones if (arm, one.id) not in journals[arm].answers])
    }
    of = sum(map(len, wanted.values()))
    done = of - sum(map(len, missing.values()))
    progress(done, of)
    if missing:
        for number, answer in enumerate(_answers(run, missing, without, make), 1):
            journals[answer.arm].add(answer)
            progress(done + number, of)
    arms: dict[str, Mapping[str, Estimate]] = {}
    answers: list[Answer] = []
    for arm in (arm for arm, ones in wanted.items() if ones):
        of_arm = [journals[arm].answers[arm, one.id] for one in wanted[arm]]
        estimates = sliced([(one.category, one.metrics) for one in of_arm], run.seed)
        arms[arm] = {**estimates, "seconds": mean([one.seconds for one in of_arm], run.seed)}
        answers += of_arm
    settings = run.settings
    return Report(run.suite, str(run.data), settings.model, settings.context, run.seed, len(asked), arms), answers


def _left_out(asked: Sequence[Question], seed: int) -> list[Question]:
    """A sample of those whose answer stands in no other file."""
    alone = [one for one in asked if one.alone]
    count = min(len(alone), max(1, round(SAMPLE * len(asked))))
    return [alone[place] for place in sorted(Random(seed).sample(range(len(alone)), count))]


def _answers(
    run: Run, missing: Mapping[str, Sequence[Question]], without: Mapping[str, Sequence[str]], make: MakeAnalyst
) -> Iterator[Answer]:
    """The answers of each arm to its questions, `without` some files."""
    model = load_model(run.settings)
    try:
        with _embedding(run.settings) as embedder, tempfile.TemporaryDirectory(prefix="memos-eval-") as folder:
            for arm, asked in missing.items():
                with _documents(Path(folder) / arm, run, embedder) as archival:
                    for source in {path for file in without[arm] for path in _sources(archival, run.data, file)}:
                        archival.remove_document(source)
                    analyst = make(model, archival)
                    for one in asked:
                        yield _answered(analyst, archival, one, arm)
    finally:
        model.close()


def _answered(analyst: Analyst, archival: Archival, one: Question, arm: str) -> Answer:
    started = time.perf_counter()
    try:
        answer = analyst.ask(one.text)
    except MemosError as error:
        metrics = {"abstention": 0.0} if arm == LEFT_OUT else {"accuracy": 0.0, "citation_support": 0.0}
        return Answer(one.id, arm, one.category, one.text, "", metrics, f"{ERROR}{error}", 0, 0, 0.0)
    seconds = round(time.perf_counter() - started, 2)
    if arm == LEFT_OUT:
        abstained = declined(answer.text) and not one.told_by(answer.text)
        metrics = {"abstention": float(abstained), "confidence": answer.confidence}
        lost = "" if abstained else "made up"
        return Answer(one.id, arm, one.category, one.text, answer.text, metrics, lost, 0, 0, seconds)
    cited = [archival.get(citation.passage_id) for citation in answer.citations]
    right = one.told_by(answer.text)
    supported = any(passage is not None and one.told_by(passage.text) for passage in cited)
    metrics = {
        "accuracy": float(right),
        "citation_support": float(supported),
        "declined": float(declined(answer.text)),
        "confidence": answer.confidence,
    }
    lost = "" if right else _lost(archival, one, supported=supported)
    return Answer(one.id, arm, one.category, one.text, answer.text, metrics, lost, len(cited), 0, seconds)


def _lost(archival: Archival, one: Question, *, supported: bool) -> str:
    """Where a wrong answer was lost."""
    if supported:
        return "not used"
    found: Sequence[Passage] = archival.search(one.text, limit=DEEPEST).items
    if any(one.told_by(passage.text) for passage in found[:AMONG]):
        return "not shown"
    return "not retrieved" if any(one.told_by(passage.text) for passage in found) else "not stored, or far down"


# ---------------------------------------------------------------------------------------------- shared


def sliced(scored: Sequence[tuple[str, Mapping[str, float]]], seed: int) -> dict[str, Estimate]:
    """Metrics over all, by language and by kind of file, from categories as `en/pdf`."""
    named = {category.partition("/")[0] for category, _ in scored}
    languages = by_category([(category.partition("/")[0], metrics) for category, metrics in scored], seed)
    kinds = by_category([(category.partition("/")[2], metrics) for category, metrics in scored], seed)
    # A folder may have the name of a language, of which other folders have files, too.
    return languages | {name: value for name, value in kinds.items() if name.partition("/")[2] not in named}


def _sources(archival: Archival, data: Path, file: str) -> set[str]:
    """What ingest calls a file of the data set, and those with the same bytes, which are stored once."""
    source, stored = str((data / "files" / file).resolve()), archival.stored_files()
    if source not in stored:
        return {source}
    return {other for other, found in stored.items() if found.sha256 == stored[source].sha256}


@contextmanager
def _embedding(settings: Settings) -> Iterator[EmbeddingCache | None]:
    embedder = embedder_of(settings)
    try:
        yield embedder
    finally:
        if embedder is not None:
            embedder.close()


@contextmanager
def _documents(home: Path, run: Run, embedder: EmbeddingCache | None) -> Iterator[Any]:
    """The data set's files in archival memory."""
    if not (run.data / "files").is_dir():
        raise InputError(f"There is no folder {run.data / 'files'}; --data is the data set's folder.")
    with Database.open(home, embedder=None if embedder is None else lambda: embedder) as database:
        archival = database.library()
        ingest_into(archival, run.settings, [(run.data / "files").resolve()], None)
        yield archival
