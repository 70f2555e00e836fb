"""The instrument: metrics by hand, a small data set of our own, and a run that goes on where it ended."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from memos import prompts
from memos.agents.documents import NOT_SAID
from memos.cli import probe
from memos.cli.eval import ANSWERING, ARMS, RETRIEVAL, command
from memos.errors import InputError
from memos.eval import answering, suites
from memos.eval.answering import Answer
from memos.eval.data import locomo, rows
from memos.eval.embeddings import EmbeddingCache
from memos.eval.metrics import contains, declined, f1, f1_of_list, tells
from memos.eval.retrieval import session_metrics, turn_metrics
from memos.eval.statistics import by_category, mean, sampled
from memos.eval.tasks import nested_kv
from memos.settings import load
from tests.eval.data import write_locomo
from tests.storage.helpers import WordHashEmbedder


def test_retrieval_metrics_by_hand() -> None:
    metrics = turn_metrics([9, 3, 8, 7, 6, 5, 4], [3, 4])
    assert (metrics["turn_recall@5"], metrics["turn_any@5"], metrics["turn_all@5"]) == (0.5, 1.0, 0.0)
    assert (metrics["turn_recall@10"], metrics["turn_all@10"], metrics["mrr"]) == (1.0, 1.0, 0.5)
    assert turn_metrics([1], []) == {} and turn_metrics([1], [2])["mrr"] == 0.0
    assert session_metrics([4, 2, 1, 0, 3, 7], [7, 2]) == {
        "session_any@5": 1.0, "session_all@5": 0.0, "session_any@10": 1.0, "session_all@10": 1.0
    }  # fmt: skip


def test_answer_metrics_by_hand() -> None:
    assert f1("She adopted two dogs", "two dogs") == pytest.approx(2 * 2 / (4 + 2))
    assert f1("dog", "the dogs") == 1.0 and f1("cat", "dog") == 0.0
    assert f1_of_list("tea, milk", "milk, tea") == 1.0 and f1_of_list("tea", "milk, tea") == 0.5
    assert contains("It is Lyon, of course.", "the Lyon") and not contains("Paris", "Lyon")


@pytest.mark.parametrize(
    ("said", "right", "told"),
    [
        ("Backups are kept for 130 days.", "30", False),
        ("Backups are kept for 1,130 days.", "130", False),
        ("Backups are kept for 30 days.", "30", True),
        ("There are 914,400 of them.", "914400", True),
        ("It was dropped.", "drop", False),
        ("It calls `drop`.", "drop", True),
        ("In 30min.", "30", True),
        ("它在30天内送达", "30", True),
        ("我住在上海市", "上海", True),
        ("使用Miri工具", "Miri", True),
        ("Anything.", "", False),
        ("Since version 3.5.", "5", False),
        ("It took 1.30 hours.", "30", False),
        ("It took 1.5 hours.", "1.5", True),
        ("At 12.30.", "12:30", True),
        ("It is version 5.", "5", True),
        ("Blood group A.", "A", True),
        ("Blood group AB.", "A", False),
    ],
)
def test_an_answer_is_told_in_whole_words_and_numbers(said: str, right: str, told: bool) -> None:
    assert tells(said, right) is told


LOOKED_FOR = """No information available. / Not mentioned. / She did not mention it. / I don't know. / I do not know. /
There is no mention of it. / It is not provided. / I cannot find it. / There is no record of it."""  # by the data sets
SAID_BY_MEMOS = prompts.UNMENTIONED, prompts.unmentioned("Tea."), prompts.not_mentioned("Ann", "Bo", "tea"), NOT_SAID
SAID_BY_MODELS = """I don't have any information about that key. / I'm sorry, but I don't have that information. /
I don’t know / The documents do not mention that. / The text doesn't say what he sold. / It is not explicitly stated. /
You haven't told me your shoe size. / I can't recall that. / I really don't remember. / It is not known."""
ANSWERS = """In May. / She doesn't have kids, she has two dogs. / No, he is not known for it. / She didn't say yes. /
He couldn't find his keys. / She hasn't told her parents. / They didn't remember the song."""


@pytest.mark.parametrize("said", [*LOOKED_FOR.split("/"), *SAID_BY_MEMOS, *SAID_BY_MODELS.split("/")])
def test_who_says_that_it_was_never_mentioned_declines(said: str) -> None:
    assert declined(said.strip())


@pytest.mark.parametrize("said", ANSWERS.split("/"))
def test_what_somebody_has_not_or_knows_not_is_an_answer(said: str) -> None:
    assert not declined(said.strip())


def test_intervals_hold_the_mean_and_repeat() -> None:
    values = [0.0, 1.0] * 50
    one = mean(values, 3)
    assert one == mean(values, 3) and one.low < one.value == 0.5 < one.high and one.n == 100
    sliced = by_category([("a", {"m": 1.0}), ("b", {"m": 0.0})], 0)
    assert {name: estimate.value for name, estimate in sliced.items()} == {"m": 0.5, "m/a": 1.0, "m/b": 0.0}


def test_a_suite_writes_what_the_issue_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMOS_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(suites, "embedder_of", lambda _settings: None)
    data, file = write_locomo(tmp_path / "locomo"), tmp_path / "out" / "result.json"
    done = CliRunner().invoke(command, ["locomo-recall", "--data", str(data), "--json", str(file)])
    assert done.exit_code == 0, done.output
    result = json.loads(file.read_text())
    assert {"suite", "data", "model", "window", "seed", "n", "arms", "machine", "command"} <= result.keys()
    metrics = result["arms"]["memos"]
    assert result["n"] == 2 and metrics["turn_recall@10"]["value"] == 1.0
    assert {"turn_any@5", "turn_all@20", "session_any@10", "session_all@5", "mrr", "query_ms_p95"} <= metrics.keys()
    assert "turn_recall@10/multi_hop" in metrics and {"value", "low", "high"} <= metrics["mrr"].keys()


def test_the_unanswerable_and_the_speakers_are_kept(tmp_path: Path) -> None:
    (talk,) = locomo(write_locomo(tmp_path / "locomo"))
    assert [one.abstain for one in talk.questions] == [False, False, True]
    assert [told.speaker for told in talk.past] == ["Ann", "Bo", "Bo", "Ann"] and talk.sessions == (0, 0, 1, 1)


def test_a_data_sets_days_are_the_same_in_every_zone(tmp_path: Path, zone: Callable[[str], None]) -> None:
    zone("Asia/Tokyo")
    (talk,) = locomo(write_locomo(tmp_path / "locomo"))
    assert f"{talk.past[0].said_at.astimezone():%Y-%m-%d %H:%M}" == "2024-03-01 10:00"


def test_a_folder_without_the_data_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="locomo"):
        locomo(tmp_path)
    (tmp_path / "locomo.jsonl").write_text("{broken")
    with pytest.raises(InputError, match="cannot be read"):
        locomo(tmp_path)


@pytest.mark.parametrize("read", [lambda path: list(rows(path)), probe._text])
def test_a_damaged_archive_is_told(tmp_path: Path, read: Callable[[Path], object]) -> None:
    file = tmp_path / "own.jsonl.gz"
    file.write_bytes(gzip.compress(b"{}")[:10] + b"\xff" * 20)
    with pytest.raises(InputError, match=r"own\.jsonl\.gz cannot be read as UTF-8 text: "):
        read(file)


def test_an_arm_that_does_not_exist_is_told(tmp_path: Path) -> None:
    done = CliRunner().invoke(command, ["nested-kv", "--data", str(tmp_path), "--arms", "memos,magic"])
    assert done.exit_code == 2 and "magic" in done.output


@pytest.mark.parametrize(
    ("suite", "option"),
    [
        *((suite, name) for suite in (*RETRIEVAL, "docs-recall") for name in ("arms", "model", "context", "answers")),
        ("docs", "arms"),
    ],
)
def test_an_option_that_would_change_nothing_is_refused(tmp_path: Path, suite: str, option: str) -> None:
    value = {"arms": "memos", "model": "x", "context": "2048", "answers": "x.jsonl"}[option]
    done = CliRunner().invoke(command, [suite, "--data", str(tmp_path), f"--{option}", value])
    assert done.exit_code == 2 and f"--{option} changes nothing in {suite}" in done.output


def test_search_is_measured_on_the_questions_of_a_category(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suites, "embedder_of", lambda _settings: None)
    run = suites.Run("locomo-recall", write_locomo(tmp_path / "locomo"), load(), category="multi_hop")
    assert suites.retrieval(run, lambda _done, _of: None).n == 1
    with pytest.raises(InputError, match="no question of category 'magic'; there are"):
        suites.retrieval(replace(run, category="magic"), lambda _done, _of: None)


def test_the_command_knows_the_suites_and_arms() -> None:
    assert (tuple(suites.RETRIEVAL), tuple(suites.ANSWERING)) == (RETRIEVAL, ANSWERING)
    assert answering.ARMS == ARMS


def test_what_was_embedded_is_not_embedded_again(tmp_path: Path) -> None:
    embedder = WordHashEmbedder()
    for _ in range(2):
        cache = EmbeddingCache(embedder, tmp_path / "kept" / "vectors.sqlite")
        assert cache.embed(["a cat", "a dog"])[1] == pytest.approx(embedder._vector("a dog"))
        cache.close()
    assert embedder.embedded == 2


def test_a_category_may_be_named_by_a_part_and_a_sample_stays_the_same() -> None:
    kinds = [f"qa{number}/{length}k" for number in (1, 2) for length in (0, 128)] * 9
    assert sampled(kinds, str, "qa1", None, 0) == [kind for kind in kinds if kind.startswith("qa1/")]
    assert set(sampled(kinds, str, "128k", None, 0)) == {"qa1/128k", "qa2/128k"}
    some = list(enumerate(kinds))
    ten = sampled(some, lambda one: one[1], "", 10, 0)
    assert (
        ten
        == sampled(some, lambda one: one[1], "", 10, 0)
        == sorted(ten)
        != sampled(some, lambda one: one[1], "", 10, 1)
    )
    with pytest.raises(InputError, match="qa1/0k, qa1/128k, qa2/0k"):
        sampled(kinds, str, "qa9", None, 0)


def test_a_run_that_was_ended_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMOS_HOME", str(tmp_path / "home"))
    run = suites.Run("locomo-qa", write_locomo(tmp_path / "locomo"), load(), arms=("memos",))
    asked: list[str] = []

    def answers(_run: object, missing: list[tuple[str, object]], _progress: object) -> object:
        for arm, task in missing:
            if len(asked) == 2:
                raise KeyboardInterrupt
            asked.append(task.id)  # type: ignore[attr-defined]
            yield Answer(task.id, arm, task.category, task.text, "bees", task.score("bees"), "", 1, 1, 0.1)  # type: ignore[attr-defined]

    monkeypatch.setattr(suites, "_answers", answers)
    with pytest.raises(KeyboardInterrupt):
        suites.answering(run, lambda _done, _of: None)
    del asked[0]  # the next two may be asked
    report, _ = suites.answering(run, lambda _done, _of: None)
    assert asked == ["q2", "q3"]
    arm = report.arms["memos"]
    assert arm["f1/single_hop"].value == 1.0 and arm["abstention"].value == 0.0 and arm["false_page_rate"].value == 1.0


def test_nested_keys_follow_the_overwrites(tmp_path: Path) -> None:
    (tmp_path / "base_kv140.json").write_text(json.dumps([["k0", "v0"], ["k1", "v1"]]))
    row = {"id": "x", "nesting": 1, "overwrites": [[0, "k1"]], "key": "k0", "answer": "v1", "chain_indices": [0, 1]}
    (tmp_path / "own.jsonl").write_text(json.dumps(row) + "\n")
    (task,) = nested_kv(tmp_path, 0)
    assert task.category == "nesting_1" and task.world.notes[0].endswith("key = k0, value = k1")
    assert task.score("The value is v1.") == {"accuracy": 1.0}
