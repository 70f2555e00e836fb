"""The arms on the scripted model: what each is shown, and where a wrong answer was lost."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from memos.eval.answering import CLOSED, MEMOS, RAG, TRUNCATE, Arms
from memos.eval.embeddings import EmbeddingCache
from memos.eval.tasks import Task, World
from memos.events import PagedIn
from memos.messages import Call, Kind, Told
from memos.settings import load
from memos.testing import ScriptedModel, say
from tests.storage.helpers import WordHashEmbedder

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


def test_an_answer_to_what_nobody_told_was_made_up(tmp_path: Path) -> None:
    untold = replace(TASK, answers=(), evidence=())
    made_up, declined = arms(tmp_path, say("It is 4."), say("That was not mentioned.")), "abstention"
    assert [(one.metrics[declined], one.lost) for one in (made_up.answer(untold, MEMOS) for _ in range(2))] == [
        (0.0, "made up"),
        (1.0, ""),
    ]


def test_pasts_of_like_names_are_kept_apart(tmp_path: Path) -> None:
    both = arms(tmp_path)
    first, second = (both._stored(replace(PAST, name=name)) for name in ("conv-1", "conv_1"))
    assert first != second and both._stored(replace(PAST, name="conv-1")) == first


def test_what_is_asked_goes_into_no_database_of_the_user(tmp_path: Path) -> None:
    theirs = tmp_path / "mine.sqlite"
    settings = load(embedding="none", database=f"sqlite:///{theirs}")
    Arms(ScriptedModel([say("17.")], window=1024), settings, None, tmp_path).answer(TASK, MEMOS)
    assert not theirs.exists()


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
    assert len([path for path in tmp_path.iterdir() if path.name.startswith("home")]) == 1


@pytest.mark.parametrize("arm", [TRUNCATE, CLOSED])
def test_one_shot_arms_answer(tmp_path: Path, arm: str) -> None:
    answer = arms(tmp_path).answer(TASK, arm)
    assert answer.arm == arm and answer.pages == 0 and "accuracy" in answer.metrics


SOUP, LOCKER = "We had soup.", "The locker is number 17."
LONG = "Which number is the locker? " * 200  # found first, and too long to be shown


@pytest.mark.parametrize(
    ("arm", "texts", "evidence", "lost"),
    [
        (CLOSED, [LOCKER], 0, ""),
        (TRUNCATE, [LOCKER, SOUP], 0, "not used"),
        (TRUNCATE, [LOCKER, LONG], 0, "not shown"),
        (TRUNCATE, [LOCKER, SOUP], None, "evidence unknown"),
        (RAG, [*[SOUP] * 20, LOCKER], 20, "not used"),
        (RAG, [*[SOUP] * 20, LOCKER], 15, "not retrieved"),
        (RAG, [*[SOUP] * 20, LONG], 20, "not shown"),
    ],
)
def test_where_one_shot_arms_lose_is_told_by_what_they_show(
    tmp_path: Path, arm: str, texts: list[str], evidence: int | None, lost: str
) -> None:
    world = World("w", past=tuple(Told(Kind.USER, text, WHEN) for text in texts))
    task = replace(TASK, world=world, evidence=() if evidence is None else (evidence,))
    cache = EmbeddingCache(WordHashEmbedder(), tmp_path / "kept" / "vectors.sqlite")
    answer = Arms(ScriptedModel(window=1024), load(embedding="none"), cache, tmp_path).answer(task, arm)
    cache.close()
    assert (answer.metrics, answer.lost) == ({"accuracy": 0.0}, lost)


def test_the_evidence_of_a_one_shot_arm_may_be_a_document(tmp_path: Path) -> None:
    world = World("w", documents=(("a.txt", LONG), ("b.txt", LOCKER)), told=(("b.txt", "17"), ("a.txt", "locker")))
    for place, lost in ((0, "not used"), (1, "not shown")):
        assert arms(tmp_path).answer(replace(TASK, world=world, evidence=(place,)), TRUNCATE).lost == lost


def test_pages_count_where_it_is_known_what_tells_the_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paged = [PagedIn(message_id=9, sources=(f"recall:{number}",), tokens=1) for number in (1, 2)]
    monkeypatch.setattr(Arms, "_asked", lambda *_args, **_more: ("It is 17.", paged))
    for evidence, counted in (((0,), (2, 1)), ((), (0, 0))):
        answer = arms(tmp_path).answer(replace(TASK, evidence=evidence), MEMOS)
        assert (answer.pages, answer.false_pages) == counted
