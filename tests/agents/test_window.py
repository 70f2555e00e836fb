"""The choice of a window: from what a model says of itself, and from what was measured on it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from memos.agents.window import best, plan, read_rows, results_file, verified, write_rows
from memos.errors import InputError, WindowError
from memos.inference.rope import Rotary, YaRN, unscaled

SMALL = Rotary(trained=2048, dimensions=64)


def row(method: str, target: int, passkey: float, perplexity: float = 20.0, needle: float = 1.0) -> dict[str, Any]:
    return {
        "method": method,
        "target": target,
        "trained": 2048,
        "passkey": passkey,
        "needle": needle,
        "perplexity": perplexity,
    }


INSIDE = row("plain", 2048, 1.0)
PROBED = [
    INSIDE,
    row("plain", 4096, 0.2, 90),
    row("yarn", 4096, 1.0, 22),
    row("ntk", 4096, 1.0, 21),
    row("yarn", 8192, 0.9, 25),
    row("ntk", 8192, 0.4, 24),
]


@pytest.mark.parametrize("rope", ["auto", "yarn", "plain"])
def test_inside_the_trained_window_a_model_is_left_as_it_is(rope: str) -> None:
    chosen = plan(SMALL, 2048, rope, PROBED)
    assert [(stage.window, unscaled(stage.positions)) for stage in chosen.stages] == [(2048, True)]
    assert not chosen.notes


def test_where_nothing_was_probed_the_known_order_decides_and_is_said() -> None:
    chosen = plan(SMALL, 6000, "auto", [])
    assert [(stage.window, stage.method) for stage in chosen.stages] == [
        (2048, "plain"),
        (4096, "yarn"),
        (6000, "yarn"),
    ]
    assert chosen.stages[1].positions == YaRN().positions(SMALL, 4096), "each stage is stretched no more than it needs"
    assert "yarn" in chosen.notes[0] and "memos models probe" in chosen.notes[0]


def test_the_best_that_was_probed_is_chosen() -> None:
    assert plan(SMALL, 4096, "auto", PROBED).stages[-1].method == "ntk", "retrieval is equal, perplexity is lower"
    assert plan(SMALL, 8000, "auto", PROBED).stages[-1].method == "yarn"


def test_auto_is_never_worse_than_plain() -> None:
    rows = [INSIDE, row("plain", 4096, 1.0, 20), row("yarn", 4096, 1.0, 22), row("linear", 4096, 0.0, 60)]
    chosen = best(rows, 4096)
    assert chosen is not None and chosen.name == "plain"


def test_the_pager_works_to_the_verified_window_and_says_so() -> None:
    chosen = plan(SMALL, 16384, "auto", PROBED)
    assert chosen.stages[-1].window == 8192
    assert "The window is 8,192 tokens, not 16,384" in chosen.notes[0]
    nothing = plan(SMALL, 4096, "auto", [INSIDE, row("yarn", 4096, 0.3)])
    assert [stage.window for stage in nothing.stages] == [2048]
    assert "2,048 tokens, not 4,096" in nothing.notes[0]


def test_a_method_that_is_asked_for_gets_the_whole_with_a_warning() -> None:
    chosen = plan(SMALL, 16384, "yarn", PROBED)
    assert chosen.stages[-1].window == 16384 and "up to 8,192" in chosen.notes[0]
    assert not plan(SMALL, 8192, "yarn", PROBED).notes
    assert "was not probed" in plan(SMALL, 4096, "abf", PROBED).notes[0]


def test_a_length_is_verified_only_behind_all_shorter_ones() -> None:
    rows = [INSIDE, row("ntk", 4096, 0.5), row("ntk", 8192, 1.0)]
    assert verified(rows, "ntk", 2048) == 2048
    assert verified(PROBED, "yarn", 2048) == 8192
    assert verified([], "yarn", 2048) == 0


def test_a_weak_model_need_find_no_more_beyond_its_training_than_inside() -> None:
    weak = row("plain", 2048, 0.8)
    assert verified([weak, row("ntk", 4096, 0.8), row("ntk", 8192, 0.7)], "ntk", 2048) == 4096
    blind = row("plain", 2048, 0.1)
    assert verified([blind, row("ntk", 4096, 0.4)], "ntk", 2048) == 0
    assert verified([row("ntk", 4096, 0.8)], "ntk", 2048) == 0, "what it finds inside is not known"


def test_a_short_reading_with_the_positions_of_a_long_one_verifies_nothing() -> None:
    short = {**row("yarn", 4096, 1.0), "read": 1024}
    assert verified([INSIDE, short], "yarn", 2048) == 2048 and best([INSIDE, short], 4096) is None


def test_what_cannot_be_scaled_is_refused_with_the_reason() -> None:
    with pytest.raises(WindowError, match=r"cannot be scaled: it biases attention by distance \(ALiBi\)"):
        plan(Rotary(2048, 64, refusal="it biases attention by distance (ALiBi)"), 4096, "auto", [])
    with pytest.raises(InputError, match="rope is one of auto, plain"):
        plan(SMALL, 4096, "magic", [])
    with pytest.raises(InputError, match="not 'sinks'"):
        plan(SMALL, 4096, "sinks", [])


def test_results_are_kept_by_model_and_damage_is_no_result(tmp_path: Path) -> None:
    file = results_file(tmp_path, "abc")
    assert read_rows(file) == []
    write_rows(file, PROBED)
    assert read_rows(file) == PROBED
    assert file.stat().st_mode & 0o777 == 0o600
    file.write_text(file.read_text()[:-20])
    assert read_rows(file) == []
