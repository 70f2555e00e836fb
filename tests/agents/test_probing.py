"""Measuring a model: each row once, kept at once, and used by the choice of a window."""

from __future__ import annotations

from pathlib import Path

import pytest

from memos.agents.composition import load_model
from memos.agents.probing import Measured, Measuring, measure, named
from memos.agents.window import read_rows, results_file
from memos.errors import InputError
from memos.inference.engine import fingerprint
from memos.settings import home, load

pytestmark = pytest.mark.smollm

TEXT = " ".join(f"Page {number} of the log says that the sea was calm and the lamp was lit." for number in range(200))


def test_a_row_is_measured_once_and_another_name_for_it_not_at_all(smollm: Path) -> None:
    settings = load(model=str(smollm))
    items = list(measure(settings, [1024], named(["plain", "ntk"]), TEXT))
    plain, ntk = (item.row for item in items if isinstance(item, Measured))
    assert plain["method"] == "plain" and ntk["method"] == "ntk"
    assert plain["perplexity"] == ntk["perplexity"], "inside the training they are the same"
    assert {item.method for item in items if isinstance(item, Measuring)} == {"plain"}
    assert plain["trained"] == 8192 and 0 <= plain["passkey"] <= 1 and plain["peak_mb"] > 0

    kept = read_rows(results_file(home(), fingerprint(smollm)))
    assert [row["method"] for row in kept] == ["plain", "ntk"]
    again = list(measure(settings, [1024], named(["plain", "ntk"]), TEXT))
    assert all(isinstance(item, Measured) and not item.new for item in again), "nothing is measured twice"


@pytest.mark.slow
def test_only_lengths_beyond_the_training_can_be_measured_too(smollm: Path) -> None:
    items = list(measure(load(model=str(smollm)), [12_288], named(["plain", "ntk"]), TEXT, read=1024))
    plain, ntk = (item.row for item in items if isinstance(item, Measured))
    for row in (plain, ntk):
        assert (row["target"], row["read"], row["trained"]) == (12_288, 1024, 8192) and row["perplexity"] > 1
    assert plain["perplexity"] != ntk["perplexity"], "the positions are those of the long window"


def test_what_cannot_be_measured_is_said(smollm: Path) -> None:
    with pytest.raises(InputError, match="There is no method 'magic'; there are plain, linear"):
        named(["plain", "magic"])
    with pytest.raises(InputError, match=r"The text has \d+ tokens, and 3,\d+ are needed"):
        list(measure(load(model=str(smollm)), [4096], named(["plain"]), "Too short. " * 50))
    with pytest.raises(InputError, match="A length of 500 tokens is too short to be probed; 1,024 is the least"):
        list(measure(load(model=str(smollm)), [500], named(["plain"]), TEXT))


def test_a_window_beyond_the_training_opens_small_and_says_how_it_will_grow(smollm: Path) -> None:
    model = load_model(load(model=str(smollm), context=10_000))
    try:
        assert model.window == 8192
        assert "The window of 10,000 tokens is beyond the trained 8,192; yarn is used" in model.notes[0]
    finally:
        model.close()


@pytest.mark.parametrize(
    ("lora", "says"), [("nowhere.gguf", "does not exist"), ("a.gguf:much", "'much' in 'a.gguf:much'")]
)
def test_an_adapter_that_cannot_be_used_is_one_sentence(smollm: Path, lora: str, says: str) -> None:
    from memos.errors import MemosError

    with pytest.raises(MemosError, match=says):
        load_model(load(model=str(smollm), context=1024, lora=(lora,)))
