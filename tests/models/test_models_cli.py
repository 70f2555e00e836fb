"""`memos models …` as a person or a script meets it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from memos.cli.models import _plain_lines, models
from memos.errors import ModelError, ModelNotFound
from memos.models.catalogue import CATALOGUE as MODELS
from memos.models.catalogue import Entry, Purpose
from memos.models.progress import Progress
from memos.models.store import ModelStore
from tests.models.tiny_models import HUB, WHOLE, Hub, file_of, tiny_entry

EMBEDDING = Entry("emb", Purpose.EMBEDDING, "CC0-1.0", (file_of("x", b"x"), file_of("y", b"y")), (HUB,), "emb", True)
CATALOGUE = (tiny_entry(HUB), EMBEDDING)


@pytest.fixture
def hub_store(tmp_path: Path) -> ModelStore:
    return ModelStore(tmp_path / "models", CATALOGUE)


def run(store: ModelStore, *arguments: str) -> Result:
    result = CliRunner().invoke(models, list(arguments), obj=store)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def run_json(store: ModelStore, *arguments: str) -> Any:
    return json.loads(run(store, *arguments, "--json").stdout)


def test_list_says_what_is_here(hub_store: ModelStore) -> None:
    hub_store.root.mkdir()
    (hub_store.root / "tiny.gguf").write_bytes(WHOLE)
    lines = run(hub_store, "list").stdout.splitlines()
    assert lines[0].split() == ["NAME", "PURPOSE", "SIZE", "LICENCE", "HERE"]
    assert "yes, unverified" in lines[1]
    assert "embedding (default)" in lines[2] and lines[2].endswith("no")
    rows = run_json(hub_store, "list")["models"]
    assert [row["presence"] for row in rows] == ["unverified", "absent"]
    assert rows[0]["size"] == len(WHOLE) and rows[1]["default"] is True


def test_list_tells_what_is_for_tests_and_what_settings_choose(
    hub_store: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = ModelStore(hub_store.root, MODELS)
    purposes = [line.split("  ")[1:] for line in run(store, "list").stdout.splitlines()]
    assert "tests only" in purposes[3] and not any("settings" in cell for line in purposes for cell in line)
    monkeypatch.setenv("MEMOS_MODEL", "SmolLM2-135M")
    shown = run(store, "list").stdout.splitlines()
    assert "chat (default)" in shown[1] and "tests only (in settings)" in shown[3]
    assert [row["chosen"] for row in run_json(store, "list")["models"]] == [False, False, True, True]


def test_pull_downloads_once_and_then_says_that_it_is_here(hub: Hub, hub_store: ModelStore) -> None:
    first = run(hub_store, "pull", "tiny")
    assert first.exit_code == 0
    assert "tiny is here" in first.stdout and "from hub" in first.stdout and "verified" in first.stdout
    second = run(hub_store, "pull", "tiny")
    assert second.exit_code == 0
    assert "tiny is already here, and verified" in second.stdout
    (row,) = run_json(hub_store, "pull", "tiny")
    assert row["already_here"] is True and row["source"] is None


def test_pull_checks_all_names_before_it_downloads(hub: Hub, hub_store: ModelStore) -> None:
    with pytest.raises(ModelNotFound, match="did you mean tiny"):
        run(hub_store, "pull", "tiny", "tinny")
    assert hub.requests == []


def test_info_of_a_file(hub_store: ModelStore, gguf_file: Path) -> None:
    shown = run(hub_store, "info", str(gguf_file)).stdout
    for words in ("2,048 tokens", "8 query, 2 key-value", "256 B a token", "Q8_0", "freq_base 10000.0"):
        assert words in shown
    facts = run_json(hub_store, "info", str(gguf_file))
    assert facts["kv_bytes_per_token"] == 256 and facts["metadata"]["general.name"] == "Small"


def test_info_of_an_embedding_model(hub_store: ModelStore, tmp_path: Path) -> None:
    folder = tmp_path / "embedder"
    folder.mkdir()
    (folder / "modules.json").write_text("[]")
    with pytest.raises(ModelError, match="no sentence-transformers model"):
        run(hub_store, "info", str(folder))
    (folder / "config.json").write_text('{"model_type": "bert", "hidden_size": 384}')
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 256}')
    facts = run_json(hub_store, "info", str(folder))
    assert (facts["dimension"], facts["window"]) == (384, 256)


def test_info_of_what_is_not_here_names_the_command(hub_store: ModelStore) -> None:
    with pytest.raises(ModelNotFound, match="memos models pull tiny"):
        run(hub_store, "info", "tiny")


@pytest.mark.parametrize("command", ["", "list", "pull", "info"])
def test_help_has_examples_on_lines_of_their_own(hub_store: ModelStore, command: str) -> None:
    shown = run(hub_store, *([command] if command else []), "--help").stdout
    assert "Examples:\n" in shown
    assert f"\n  memos models {command}".rstrip() in shown.replace("    memos", "  memos")


def test_without_a_terminal_progress_is_a_line_now_and_then(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    line = _plain_lines(CATALOGUE[0])
    for second in range(12):
        now[0] = float(second)
        line(Progress("part 1 of 2", second * 100, 2000))
    assert capsys.readouterr().err.splitlines() == [
        "tiny: 25%, 500 B of 2 kB, part 1 of 2",
        "tiny: 50%, 1 kB of 2 kB, part 1 of 2",
    ]


def test_help_imports_nothing_heavy() -> None:
    code = "import sys, memos.cli.models; print([m for m in sys.modules if m in set(sys.argv[1:])])"
    heavy = ["rich", "huggingface_hub", "filelock", "platformdirs", "numpy", "memos.models", "pydantic"]
    shown = subprocess.run([sys.executable, "-c", code, *heavy], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"
