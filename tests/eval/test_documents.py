"""Suites over documents: a small folder of our own through the ingest that ships, and a stand-in for the analyst."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from memos.cli.eval import DOCUMENTS
from memos.errors import InputError, ModelError
from memos.eval import documents, journal, suites
from memos.eval.answering import Arms, lost_by_arm
from memos.eval.documents import docs, docs_recall
from memos.eval.haystacks import babilong, multidoc, needle
from memos.eval.metrics import labelled
from memos.eval.suites import Run
from memos.eval.tasks import Task
from memos.settings import Settings, load
from memos.storage import Archival
from memos.testing import ScriptedModel, say
from tests.ingest.conftest import tokenizer_folder  # noqa: F401 - a fixture

FILES = {
    "md/bees.md": "# Bees\n\nThe hive of Ann stands on the roof of the library.",
    "md/boats.md": "# Boats\n\nThe ferry to Skagen leaves at seven in the morning.",
    "txt/soup.txt": "The soup of the day is made of leek.",
}
QUESTIONS: tuple[tuple[str, str, str, list[str], str, str], ...] = (
    ("q1", "Where does the hive of Ann stand?", "the roof", ["library roof"], "md/bees.md", "en"),
    ("q2", "When does the ferry to Skagen leave?", "at seven", [], "md/boats.md", "en"),
    ("q3", "Of what is the soup of the day made?", "leek", [], "txt/soup.txt", "en"),
)
NASTY = {
    "empty.txt": (b"", "skip_with_reason", None),
    "latin.txt": ("Müller ist da.".encode("latin-1"), "ingest", "Müller"),
}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data" / "docs"
    for name, text in FILES.items():
        (folder / "files" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "files" / name).write_text(text)
    fields = ("id", "question", "answer", "aliases", "file", "language")
    lines = [
        json.dumps(dict(zip(fields, one, strict=True)) | {"also_in": None if one[0] == "q3" else []})
        for one in QUESTIONS
    ]
    (folder / "questions.jsonl").write_text("\n".join(lines))
    (folder / "nasty").mkdir()
    expected = []
    for name, (content, outcome, contains) in NASTY.items():
        (folder / "nasty" / name).write_bytes(content)
        expected.append(json.dumps({"file": name, "expect": outcome, "must_contain": contains}))
    (folder / "nasty_expected.jsonl").write_text("\n".join(expected))
    return folder


@pytest.fixture
def run(
    data: Path,
    tmp_path: Path,
    tokenizer_folder: Path,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., Run]:
    monkeypatch.setenv("MEMOS_HOME", str(tmp_path / "home"))
    for module in (suites, documents):
        monkeypatch.setattr(module, "embedder_of", lambda _settings: None)
    monkeypatch.setattr(documents, "load_model", lambda _settings: ScriptedModel())
    return lambda suite, **more: Run(suite, data, load(embedding=str(tokenizer_folder)), **more)


def quiet(_done: int, _of: int) -> None:
    """Progress that nobody sees."""


def test_a_relative_path_is_the_same_folder(
    run: Callable[..., Run], data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(data / "files")
    asked = replace(run("docs-recall"), data=Path("..", "..", data.name))
    report, faults = docs_recall(asked, quiet)
    assert report.arms["memos"]["file_hit@5"].value > 0
    assert faults == docs_recall(run("docs-recall"), quiet)[1]


def test_search_is_measured_by_file_and_passage(run: Callable[..., Run]) -> None:
    report, faults = docs_recall(run("docs-recall"), quiet)
    metrics = report.arms["memos"]
    assert report.n == 3 and not faults and metrics["nasty_ok"].value == 1.0 and metrics["nasty_ok"].n == 2
    for name in ("file_hit@5", "passage_hit@5", "right_passage_hit@5", "mrr"):
        assert metrics[name].value == 1.0, name
    assert {"file_hit@5/md", "file_hit@5/txt", "query_ms_p95"} <= metrics.keys()


def test_an_answer_may_be_a_number_and_must_be_there(run: Callable[..., Run], data: Path) -> None:
    row = {"id": 4, "question": "When does the ferry leave?", "answer": 7, "aliases": [None, 19], "file": "md/boats.md"}
    (data / "questions.jsonl").write_text(json.dumps(row))
    (asked,) = documents.questions(run("docs"))
    assert (asked.id, asked.answers, asked.language) == ("4", ("7", "19"), "en")
    (data / "questions.jsonl").write_text(json.dumps({**row, "answer": None, "aliases": []}))
    with pytest.raises(InputError, match="no answer"):
        documents.questions(run("docs"))


def test_a_copy_of_a_file_is_that_file(run: Callable[..., Run], data: Path) -> None:
    shutil.copy(data / "files" / "md" / "boats.md", data / "files" / "a copy.md")
    report, _ = docs_recall(run("docs-recall"), quiet)
    assert report.arms["memos"]["file_hit@5"].value == 1.0

    asked = next(one for one in documents.questions(run("docs")) if one.id == "q2")
    (answer,) = documents._answers(
        run("docs"), {"left-out": [asked]}, {"left-out": [asked.file]}, lambda _model, archival: StandIn(archival, [])
    )
    assert "Skagen" not in answer.said


def test_a_language_and_a_folder_of_one_name_are_not_taken_for_each_other() -> None:
    scored = [("zh/zh", {"accuracy": 1.0}), ("zh/zh", {"accuracy": 1.0}), ("zh/pdf", {"accuracy": 0.0})]
    found = documents.sliced(scored, 0)
    assert "accuracy/zh" not in found and found["accuracy"].n == 3
    found = documents.sliced([*scored, ("en/zh", {"accuracy": 0.0})], 0)
    assert (found["accuracy/zh"].n, found["accuracy/pdf"].n) == (3, 1)


def test_a_question_that_nothing_answers_is_a_miss(run: Callable[..., Run], data: Path) -> None:
    (data / "files" / "txt" / "soup.txt").write_text("Nothing about food.")
    metrics = docs_recall(run("docs-recall"), quiet)[0].arms["memos"]
    assert metrics["passage_hit@5"].value == pytest.approx(2 / 3) and metrics["passage_hit@5/txt"].value == 0.0


def test_a_nasty_file_that_misbehaves_is_named(run: Callable[..., Run], data: Path) -> None:
    expected = [
        {"file": "empty.txt", "expect": "ingest", "must_contain": None},
        {"file": "latin.txt", "expect": "ingest", "must_contain": "Meyer"},
        {"file": "missing.txt", "expect": "skip_with_reason", "must_contain": None},
    ]
    (data / "nasty_expected.jsonl").write_text("\n".join(map(json.dumps, expected)))
    report, faults = docs_recall(run("docs-recall"), quiet)
    assert report.arms["memos"]["nasty_ok"].value == 0.0
    assert "was not read" in faults["empty.txt"] and "Meyer" in faults["latin.txt"]
    assert faults["missing.txt"] == "was not reported"


def test_what_a_script_makes_is_judged_too(run: Callable[..., Run], data: Path) -> None:
    script = data.parent / "tools" / "gen_runtime_nasty.py"
    script.parent.mkdir()
    script.write_text(
        "import os, sys\nos.makedirs(sys.argv[1])\nos.chdir(sys.argv[1])\nos.mkfifo('fifo')\n"
        "os.symlink('.', 'self')\nopen('plain.txt', 'w').write('A plain text.')\n"
        "open('single_line_5mb.txt', 'w').write('no code here')\nprint('QZ-1')\n"
    )
    report, faults = docs_recall(run("docs-recall"), quiet)
    assert report.arms["memos"]["nasty_ok"].n == 2 + 4
    assert list(faults) == ["single_line_5mb.txt"]


@dataclass(frozen=True)
class Citation:
    passage_id: int


@dataclass(frozen=True)
class Answer:
    text: str
    citations: tuple[Citation, ...]
    confidence: float = 1.0


class StandIn:
    """An analyst that says the best passage, or that there is none."""

    asked: list[str]

    def __init__(self, archival: Archival, asked: list[str], limit: int = 99) -> None:
        self._archival, self.asked, self._limit = archival, asked, limit

    def ask(self, question: str) -> Answer:
        if len(self.asked) >= self._limit:
            raise KeyboardInterrupt
        self.asked.append(question)
        found = self._archival.search(question, limit=1).items
        known = found and len(set(question.lower().split()) & set(found[0].text.lower().split())) > 3
        if not known:
            return Answer("The documents do not mention that.", ())
        return Answer(found[0].text, (Citation(found[0].id),))


def test_answers_are_measured_with_their_citations_and_without_their_file(run: Callable[..., Run]) -> None:
    asked: list[str] = []
    report, answers = docs(run("docs"), quiet, lambda _model, archival: StandIn(archival, asked))
    whole, without = report.arms["memos"], report.arms["left-out"]
    assert (
        whole["accuracy"].value == 1.0 and whole["citation_support"].value == 1.0 and not lost_by_arm(answers)["memos"]
    )
    assert without["abstention"].value == 1.0 and without["abstention"].n == 1
    assert whole["accuracy/txt"].n == 1 and len(asked) == 4


def test_a_run_goes_on_with_the_question_at_which_it_was_ended(run: Callable[..., Run]) -> None:
    asked: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        docs(run("docs"), quiet, lambda _model, archival: StandIn(archival, asked, 2))
    docs(run("docs"), quiet, lambda _model, archival: StandIn(archival, asked))
    assert len(asked) == 4 and asked[:3] == [text for _, text, *_ in QUESTIONS]


def test_what_is_left_out_stays_so_when_a_run_goes_on(run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "SAMPLE", 1.0)  # q1 and q2, whose files alone tell them
    asked: list[str] = []
    left: list[int] = []

    def make(limit: int) -> Callable[[object, Archival], StandIn]:
        def made(_model: object, archival: Archival) -> StandIn:
            left.append(archival.document_count())
            return StandIn(archival, asked, limit)

        return made

    with pytest.raises(KeyboardInterrupt):
        docs(run("docs"), quiet, make(4))  # one of the two was asked without its file
    docs(run("docs"), quiet, make(99))
    assert left == [3, 1, 1] and len(asked) == 5


def test_fewer_questions_leave_out_fewer_files_and_answer_for_themselves(
    run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents, "SAMPLE", 1.0)
    asked: list[str] = []
    for more in ({"limit": 1}, {}):
        docs(run("docs", **more), quiet, lambda _model, archival: StandIn(archival, asked))
    (one,) = set(asked[:2])
    assert asked.count(one) == 3 and len(asked) == 2 + 2 + 2


def test_an_answer_that_never_came_counts_as_wrong_and_is_asked_again(run: Callable[..., Run]) -> None:
    asked: list[str] = []

    class Failing(StandIn):
        def ask(self, question: str) -> Answer:
            if not asked:
                asked.append(question)
                raise ModelError("There is no room.")
            return super().ask(question)

    report, answers = docs(run("docs"), quiet, lambda _model, archival: Failing(archival, asked))
    assert report.arms["memos"]["accuracy"].value == pytest.approx(2 / 3)
    assert lost_by_arm(answers)["memos"] == {"error: There is no room.": 1}
    report, answers = docs(run("docs"), quiet, lambda _model, archival: StandIn(archival, asked))
    assert report.arms["memos"]["accuracy"].value == 1.0 and lost_by_arm(answers)["memos"] == {}
    assert len(asked) == 5 and asked[4] == asked[0]


def test_answers_are_written_where_they_are_asked_for(run: Callable[..., Run], tmp_path: Path) -> None:
    asked: list[str] = []
    _, answers = docs(run("docs"), quiet, lambda _model, archival: StandIn(archival, asked))
    journal.write_answers(tmp_path / "new" / "answers.jsonl", answers)
    rows = [json.loads(line) for line in (tmp_path / "new" / "answers.jsonl").read_text("utf-8").splitlines()]
    assert [(row["arm"], row["asked"]) for row in rows] == [("memos", one) for one in asked[:3]] + [
        ("left-out", asked[3])
    ]
    assert all(row["said"] for row in rows)


def test_answers_of_other_code_are_not_taken_over(run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    docs(run("docs"), quiet, lambda _model, archival: StandIn(archival, asked))
    monkeypatch.setattr(journal, "_code", lambda: "other")
    docs(run("docs"), quiet, lambda _model, archival: StandIn(archival, asked))
    assert len(asked) == 8


def test_a_wrong_answer_tells_where_it_was_lost(run: Callable[..., Run]) -> None:
    class Wrong:
        def ask(self, _question: str) -> Answer:
            return Answer("Forty-two.", (Citation(1),))

    report, answers = docs(run("docs"), quiet, lambda *_: Wrong())
    lost = lost_by_arm(answers)
    assert report.arms["memos"]["accuracy"].value == 0.0
    assert sum(lost["memos"].values()) == 3 and lost["memos"]["not shown"] >= 1
    assert report.arms["left-out"]["abstention"].value == 0.0 and lost["left-out"] == {"made up": 1}


def test_a_folder_that_is_no_data_set_is_told(run: Callable[..., Run], tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"questions\.jsonl"):
        docs_recall(Run("docs-recall", tmp_path, load()), quiet)
    assert DOCUMENTS == ("docs-recall", "docs")


# ------------------------------------------------------------------------------------------- haystacks


def write_babi(folder: Path) -> Path:
    (folder / "babi").mkdir()
    (folder / "haystack").mkdir()
    book = "\n\n".join(f"It was morning number {n}. The sea lay still, and nobody spoke." for n in range(900))
    (folder / "haystack" / "book.txt").write_text(book)
    row = {
        "id": "qa1-0", "task": "qa1", "facts": ["Mary went to the hall.", "Mary went to the attic."],
        "question": "Where is Mary?", "answer": "attic", "support": [1],
    }  # fmt: skip
    other = {**row, "id": "qa1-1", "facts": ["Mary went to the hall."], "answer": "hall", "support": [0]}
    (folder / "babi" / "qa1.jsonl").write_text(f"{json.dumps(row)}\n{json.dumps(other)}\n")
    return folder / "babi"


def test_facts_are_hidden_in_their_order_and_the_rest_of_the_haystack_is_the_same(tmp_path: Path) -> None:
    tasks = {task.id: task for task in babilong(write_babi(tmp_path), 3)}
    first, second = tasks["qa1-0-16k"].world, tasks["qa1-1-16k"].world
    text = " ".join(page for _, page in first.documents)
    assert text.index("hall") < text.index("attic") and first.shelf == second.shelf
    assert 0.9 < len(text.split()) * 1.3 / 16_000 < 1.1
    differing = sum(one != two for one, two in zip(first.documents, second.documents, strict=True))
    assert 1 <= differing <= 3 < len(first.documents)
    ((name, fact),) = first.told
    assert fact in dict(first.documents)[name]
    assert "".join(page for _, page in tasks["qa1-0-0k"].world.documents).count(".") == 2
    assert tasks["qa1-0-512k"].category == "qa1/512k" and tasks["qa1-0-0k"].others == ("hall",)
    assert tasks["qa1-0-0k"].score("Mary is in the attic.") == {"accuracy": 1.0}
    assert tasks["qa1-0-0k"].score("In the hall or the attic.") == {"accuracy": 0.0}
    assert labelled("The attic. Not the hall.", "attic", ["hall"]) == 1.0


def test_the_gold_document_is_first_in_the_middle_and_last(tmp_path: Path) -> None:
    row = {
        "id": "n", "question": "Who?", "answers": ["Ada"], "gold": {"title": "G", "text": "It was Ada."},
        "distractors": [{"title": f"D{n}", "text": "No one."} for n in range(29)],
    }  # fmt: skip
    (tmp_path / "own.jsonl").write_text(json.dumps(row))
    tasks = {task.category: task for task in multidoc(tmp_path, 0)}
    assert len(tasks) == 9 and len(tasks["documents_30/last"].world.documents) == 30
    for category, place in (("documents_10/first", 0), ("documents_20/middle", 10), ("documents_30/last", 29)):
        name, text = tasks[category].world.documents[place]
        assert "Ada" in text and tasks[category].world.told == ((name, "Ada"),)


def test_a_needle_lies_at_its_depth(tmp_path: Path) -> None:
    given = {
        "single": {"needle": "\nEat a fig.\n", "question": "What to eat?", "answer_keywords": ["eat", "fig"]},
        "passkey": {"needle": "The pass key is {n}.", "question": "What is it?", "value_range": [10000, 99999]},
    }
    (tmp_path / "needles.json").write_text(json.dumps(given))
    essay = " ".join(f"Essay line {n} is here." for n in range(500))
    (tmp_path / "essays.jsonl").write_text(json.dumps({"id": 1, "text": essay}))
    tasks = {task.category: task for task in needle(tmp_path, 0)}
    for depth in (0, 50, 100):
        text = " ".join(page for _, page in tasks[f"single/16k/{depth}"].world.documents)
        assert text.index("Eat a fig.") / len(text) == pytest.approx(depth / 100, abs=0.02)
    assert tasks["single/4k/0"].score("Eat a fig!") == {"accuracy": 1.0}
    assert tasks["single/4k/0"].score("Eat.") == {"accuracy": 0.0}
    assert tasks["passkey/4k/0"].answers != tasks["passkey/4k/50"].answers


def test_a_shelf_reads_only_the_files_that_a_question_changes(
    tmp_path: Path,
    tokenizer_folder: Path,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MEMOS_HOME", str(tmp_path / "home"))
    tasks = {task.id: task for task in babilong(write_babi(tmp_path), 3)}
    finished: list[Any] = []
    from memos.agents.composition import ingest_into

    def counted(archival: Archival, settings: Settings, paths: Any, observe: Any) -> Any:
        finished.append(ingest_into(archival, settings, paths, observe))
        return finished[-1]

    monkeypatch.setattr("memos.eval.answering.ingest_into", counted)
    model = ScriptedModel([say("attic"), say("attic"), say("hall")], window=2048)
    arms = Arms(model, load(embedding=str(tokenizer_folder)), None, tmp_path / "arms")
    (tmp_path / "arms").mkdir()

    def right(task: Task) -> float:
        return arms.answer(task, "memos").metrics["accuracy"]

    assert right(tasks["qa1-0-4k"]) == 1.0 and right(tasks["qa1-1-4k"]) == 0.0
    assert len(finished) == 2 and finished[0].unchanged == 0
    assert finished[1].read <= 3 and finished[1].unchanged >= len(tasks["qa1-0-4k"].world.documents) - 3
    lost = arms.answer(tasks["qa1-0-4k"], "truncate").lost
    assert lost == "not used" and len(finished) == 2, "what is shown at once is not ingested"


def test_without_a_model_the_suite_says_so(run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(_settings: Settings) -> ScriptedModel:
        raise ModelError("There is no such model.")

    monkeypatch.setattr(documents, "load_model", absent)
    with pytest.raises(ModelError, match="no such model"):
        docs(run("docs"), quiet)
