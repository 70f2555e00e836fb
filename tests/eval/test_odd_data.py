"""Data sets as others may have them: fields that lack, evidence that is not there; and runs that must not be mixed."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from memos.cli.eval import command
from memos.errors import InputError
from memos.eval import suites
from memos.eval.answering import Answer
from memos.eval.data import locomo, longmemeval, msc
from memos.eval.haystacks import babilong, multidoc
from memos.eval.journal import Journal
from memos.eval.suites import Run, given
from memos.eval.tasks import longmemeval_qa, nested_kv
from memos.settings import load

TURNS = [{"speaker": "Ann", "dia_id": "D1:1", "turn_id": "S1:1", "text": "I keep bees."}]


def write(folder: Path, name: str, *rows: dict[str, Any]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return folder


def test_locomo_may_lack_dates_names_and_evidence(tmp_path: Path) -> None:
    asked: list[dict[str, Any]] = [
        {"question": "What does Ann keep?", "answer": 3, "category": 4, "evidence": ["D1:1"]},
        {"question": "And Bo?", "answer": "a dog", "category": 1, "evidence": ["D9:9"], "qid": 7},
        {"question": "Who sings?", "category": 5, "evidence": None},
    ]
    row = {"sample_id": 26, "speaker_a": "Ann", "sessions": [{"date_time": None, "turns": TURNS}], "qa": asked}
    (talk,) = locomo(write(tmp_path, "locomo.jsonl", row))
    assert [(one.id, one.category, one.answers, one.turns) for one in talk.questions] == [
        ("26-0", "single_hop", ("3",), (0,)),
        ("7", "multi_hop", ("a dog",), ()),
        ("26-2", "adversarial", (), ()),
    ]


@pytest.mark.parametrize("read", [locomo, msc, lambda folder: nested_kv(folder, 0), lambda folder: multidoc(folder, 0)])
def test_a_line_that_cannot_be_used_is_named(tmp_path: Path, read: Callable[[Path], Sequence[object]]) -> None:
    for name in ("locomo.jsonl", "msc.jsonl"):
        write(tmp_path, name, {"records": [["a", "b"]], "sessions": []})
    with pytest.raises(InputError, match=r"Line 1 of .*jsonl cannot be used"):
        read(tmp_path)


def test_a_probe_of_a_turn_that_is_not_there_has_no_evidence(tmp_path: Path) -> None:
    probes = [{"query": "I keep bees.", "evidence": [place]} for place in ("S1:1", "S9:99")]
    row = {"dialog_id": 1, "sessions": [{"turns": TURNS}], "fact_probes": probes}
    (talk,) = msc(write(tmp_path, "msc.jsonl", row))
    assert [one.turns for one in talk.questions] == [(0,), ()]


SESSION = {"session_id": "s1", "date": "2023/05/01 (Mon) 08:00", "turns": [{"role": "user", "content": "I ride."}]}


class TestLongMemEval:
    def row(self, name: str, **more: Any) -> dict[str, Any]:
        asked = {"question": "What do I ride?", "answer": "a bike", "answer_session_ids": ["s1"]}
        return {"question_id": name, "question_type": "multi-session", "sessions": [SESSION], **asked, **more}

    def whole(self, name: str, kind: str = "multi-session") -> dict[str, Any]:
        asked = [{**self.row(""), "origin": origin} for origin in ("official", "third_party")]
        for one in asked:
            del one["question_type"], one["question_id"], one["sessions"]
        return {"question_id": name, "question_type": kind, "sessions": [SESSION], "questions": asked}

    @pytest.mark.parametrize(("name", "kind"), [("x_abs", "multi-session"), ("x", "abstention")])
    def test_of_a_haystack_the_official_question_alone_may_be_untold(
        self, tmp_path: Path, name: str, kind: str
    ) -> None:
        (talk,) = longmemeval(write(tmp_path, "s_full.jsonl", self.whole(name, kind)), 0)
        assert [one.abstain for one in talk.questions] == [True, False]
        (other,) = longmemeval(write(tmp_path / "other", "s_full.jsonl", self.whole("x")), 0)
        assert [one.abstain for one in other.questions] == [False, False]

    def test_a_question_alone_and_among_others_are_two_worlds(self, tmp_path: Path) -> None:
        write(tmp_path, "oracle.jsonl", self.row("x"), self.row("y_abs"))
        tasks = longmemeval_qa(write(tmp_path, "s_full.jsonl", self.whole("x")), 0)
        assert len({task.world.name for task in tasks}) == 3 and len({task.id for task in tasks}) == 4
        assert [bool(task.answers) for task in tasks] == [True, False, True, True]

    def test_evidence_of_which_a_part_is_missing_is_unknown(self, tmp_path: Path) -> None:
        row = self.row("x", answer_session_ids=["s1", "s2"])
        (talk,) = longmemeval(write(tmp_path, "oracle.jsonl", row), 0)
        assert talk.questions[0].sessions == () == talk.questions[0].turns


def test_facts_of_a_story_stay_in_their_order_on_one_page(tmp_path: Path) -> None:
    (tmp_path / "haystack").mkdir()
    (tmp_path / "haystack" / "book.txt").write_text("The rain fell on the sea and on the land. " * 900)
    facts = [f"Mary went to room {number}." for number in range(12)]
    row = {"id": 1, "task": "qa1", "facts": facts, "question": "Where is Mary?", "answer": 11}
    folder = write(tmp_path / "babi", "qa1.jsonl", row)
    for seed in range(5):
        for task in babilong(folder, seed)[:3]:  # 0, 4 and 16 thousand tokens
            text = " ".join(page for _, page in task.world.documents)
            assert [text.index(fact) for fact in facts] == sorted(text.index(fact) for fact in facts), task.id


def test_the_novels_are_beside_the_stories_however_these_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "haystack").mkdir()
    (tmp_path / "haystack" / "book.txt").write_text("The rain fell. ")
    row = {"id": 1, "task": "qa1", "facts": ["Mary left."], "question": "Who left?", "answer": "Mary", "support": [0]}
    monkeypatch.chdir(write(tmp_path / "babi", "qa1.jsonl", row))
    assert babilong(Path(), 0)


def test_pairs_of_their_own_need_no_others(tmp_path: Path) -> None:
    row = {"id": 4, "nesting": 0, "key": "k", "answer": "v", "records": [["k", "v"]]}
    (task,) = nested_kv(write(tmp_path, "own.jsonl", row), 0)
    assert (task.id, task.evidence, len(task.world.notes)) == ("4", (), 1)


# ------------------------------------------------------------------------------------------ what is kept


def answer(task: str) -> Answer:
    return Answer(task, "memos", "fact", "?", "é", {"accuracy": 1.0}, "", 0, 0, 0.1)


def test_a_line_that_was_cut_off_takes_no_other_with_it(tmp_path: Path, own_home: Path) -> None:
    first = Journal("needle", {})
    first.add(answer("one"))
    with first._file.open("rb+") as stream:
        whole = stream.read()
        stream.truncate(len(whole[: whole.index("é".encode()) + 1]))  # within a letter
    again = Journal("needle", {})
    assert not again.answers
    for name in ("two", "three"):
        again.add(answer(name))
    assert [task for _, task in Journal("needle", {}).answers] == ["two", "three"]


def test_an_answer_to_another_seed_or_other_data_is_not_taken(tmp_path: Path) -> None:
    folder = write(tmp_path / "needle", "essays.jsonl", {"text": "Long."})
    run = Run("needle", folder, load(embedding="none"))
    before = given(run)
    assert given(run) == before != given(replace(run, seed=7))
    write(folder, "essays.jsonl", {"text": "Longer."})
    assert given(run) != before


def test_vectors_are_needed_where_they_rank(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="rag"):
        suites.answering(Run("locomo-qa", tmp_path, load(embedding="none"), arms=("rag",)), lambda _done, _of: None)


@pytest.mark.parametrize(
    ("given", "says"), [(("--seed", "-1"), "seed"), (("--arms", ","), "names none"), (("--arms", "memo"), "no arm")]
)
def test_options_without_a_sense_are_refused_before_anything_is_asked(
    tmp_path: Path, given: tuple[str, str], says: str
) -> None:
    done = CliRunner().invoke(command, ["needle", "--data", str(tmp_path), *given])
    assert done.exit_code == 2 and says in done.output


def test_an_arm_that_is_named_twice_is_asked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, ...]] = []

    def stop(run: Run, _progress: object) -> None:
        seen.append(run.arms)
        raise InputError("Enough.")

    monkeypatch.setattr(suites, "answering", stop)
    CliRunner().invoke(command, ["needle", "--data", str(tmp_path), "--arms", "memos,rag,memos"])
    assert seen == [("memos", "rag")]
