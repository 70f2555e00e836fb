"""The result of an evaluation: as JSON for machines, as a table with a plot for people. It measures nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from memos.eval.statistics import Estimate

BAR = 20  # characters of a full bar


@dataclass(frozen=True, slots=True)
class Report:
    """What one run of a suite measured.

    Args:
        suite: its name.
        data: the data set's folder, as given.
        model: the chat model, or, where none was in the loop, the embedding model.
        window: tokens of the model's context; None without a model.
        seed: of samples and intervals.
        n: questions.
        arms: metrics by arm.
    """

    suite: str
    data: str
    model: str
    window: int | None
    seed: int
    n: int
    arms: Mapping[str, Mapping[str, Estimate]]

    def to_json(self) -> dict[str, Any]:
        """The form that `--json` writes."""
        arms = {
            arm: {
                name: {"value": round(one.value, 4), "low": round(one.low, 4), "high": round(one.high, 4), "n": one.n}
                for name, one in metrics.items()
            }
            for arm, metrics in self.arms.items()
        }
        return {
            "suite": self.suite,
            "data": self.data,
            "model": self.model,
            "window": self.window,
            "seed": self.seed,
            "n": self.n,
            "arms": arms,
        }

    def save(self, path: Path, **more: Any) -> None:
        """Write the JSON form.

        Args:
            path: the file; replaced as a whole.
            more: written along, e.g. the machine.
        """
        unfinished = path.with_name(f".{path.name}.part")
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_text(json.dumps(self.to_json() | more, indent=1) + "\n", encoding="utf-8")
        unfinished.replace(path)

    def show(self, console: Console) -> None:
        """Print a table an arm, with a bar for every share."""
        for arm, metrics in self.arms.items():
            table = Table(title=f"{self.suite} · {arm} · n={self.n}", title_justify="left")
            table.add_column("metric", overflow="fold")
            table.add_column("value", justify="right")
            table.add_column("95 %", justify="right")
            table.add_column("n", justify="right")
            table.add_column("", no_wrap=True)
            for name, one in metrics.items():
                bar = "" if one.high > 1 else _bar(one)
                digits = 1 if one.high > 1 else 3
                interval = f"{one.low:.{digits}f}-{one.high:.{digits}f}"
                table.add_row(name, f"{one.value:.{digits}f}", interval, str(one.n), bar)
            console.print(table)


def _bar(one: Estimate) -> str:
    """The value as a bar, with its interval."""
    low, value, high = (round(BAR * share) for share in (one.low, one.value, one.high))
    return "━" * low + "╸" * max(0, value - low) + "·" * max(0, high - max(low, value))
