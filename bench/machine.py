"""Where results of benchmarks are written, each with the machine, the versions and the command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from memos.eval.machine import describe

__all__ = ["describe", "write"]

RESULTS = Path(__file__).parent / "results"


def write(name: str, result: dict[str, Any]) -> Path:
    """Write a result; returns its path."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return path
