"""The arms on the scripted model: what each is shown, and where a wrong answer was lost."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from memos.eval.answering import CLOSED, MEMOS, TRUNCATE, Arms
from memos.eval.tasks import Task, World
from memos.messages import Call, Kind, Told
from memos.settings import load
from memos.testing import ScriptedModel, say

WHEN = datetime(2024, 3, 1, tzinfo=UTC)
PAST = World("past", past=(Told(Kind.USER, "The locker is number 17.", WHEN), Told(Kind.SPEECH, "Noted.", WHEN)))
TASK = Task("q", "fact", PAST, "Which number is the locker?", ("17",), (0,))


def arms(folder: Path, *script: Call) -> Arms:
    return Arms(ScriptedModel(script, window=1024), load(embedding="none"), None, folder)


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMOS_HOME", str(tmp_path / "home"))


def test_a_right_answer_is_not_lost(tmp_path: Path) -> None:
    answer = arms(tmp_path, say("It is 17.")).answer(TASK, MEMOS)
    assert (answer.metrics, answer.lost) == ({"accuracy": 1.0}, "")


def test_a_wrong_answer_was_lost_where_it_was(tmp_path: Path) -> None:
    unseen = arms(tmp_path / "one", say("It is 4.")).answer(TASK, MEMOS)
    assert (unseen.metrics, unseen.lost) == ({"accuracy": 0.0}, "not shown")
    other = Task("q", "fact", PAST, "Zebra crossing?", ("17",), (0,))
    assert arms(tmp_path / "two", say("No idea.")).answer(other, MEMOS).lost == "not retrieved"
    shared = replace(TASK, metric="f1")
    assert arms(tmp_path / "three", say("Perhaps it is the one by the door.")).answer(shared, MEMOS).lost == "not shown"


def test_a_question_is_asked_when_the_data_says(tmp_path: Path) -> None:
    for name, asked_at in (("dated", WHEN + timedelta(days=7)), ("undated", None)):
        tried = arms(tmp_path / name, say("17."))
        tried.answer(replace(TASK, asked_at=asked_at), MEMOS)
        model = tried._model
        assert isinstance(model, ScriptedModel)
        clock = "[Friday 8 March 2024, 00:00]"
        assert any(clock in model.text(prompt) for prompt, _ in model.prompts) is (asked_at is not None)


def test_one_question_does_not_learn_from_another(tmp_path: Path) -> None:
    both = arms(tmp_path, say("It is 4."), say("It is 17."))
    assert [both.answer(TASK, MEMOS).metrics["accuracy"] for _ in range(2)] == [0.0, 1.0]
    assert len([path for path in tmp_path.iterdir() if path.name == "past"]) == 1


@pytest.mark.parametrize("arm", [TRUNCATE, CLOSED])
def test_one_shot_arms_answer(tmp_path: Path, arm: str) -> None:
    answer = arms(tmp_path).answer(TASK, arm)
    assert answer.arm == arm and answer.pages == 0 and "accuracy" in answer.metrics
