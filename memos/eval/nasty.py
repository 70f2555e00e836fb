"""Whether files that break readers behave as they should: read, or skipped with a sentence, never a crash.

What is expected of each stands in the data set (`nasty_expected.jsonl`); what cannot be stored there (links, a FIFO, a
line of 5 MB) its script makes, and is judged by rules here. It does not know how files are read.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from memos.errors import InputError
from memos.eval.data import rows
from memos.storage import Archival

GENERATOR = Path("tools") / "gen_runtime_nasty.py"  # beside the data set's folder
PATIENCE = 120.0  # seconds for the generator
READ, SKIPPED, EITHER = "ingest", "skip_with_reason", "skip_or_partial"

Ingest = Callable[[Sequence[Path], Callable[[Any], None]], object]


@dataclass(frozen=True, slots=True)
class Expected:
    """What should become of a file.

    Args:
        name: of the file, in the folder.
        outcome: `ingest`, `skip_with_reason`, or `skip_or_…`, which is either.
        contains: words that its passages must have; empty: any.
    """

    name: str
    outcome: str
    contains: str = ""


def misbehaving(folder: Path, expected: Iterable[Expected], archival: Archival, ingest: Ingest) -> dict[str, str]:
    """Ingest a folder; returns the files that do not behave as expected, and what they do.

    Args:
        folder: of the files.
        expected: of each.
        archival: where they go.
        ingest: reads paths and tells its events.
    """
    told: dict[Path, Any] = {}

    def observe(event: Any) -> None:
        if path := getattr(event, "path", None):
            told[Path(path)] = event

    root = folder.resolve()
    ingest([root], observe)
    faults = {}
    for one in expected:
        if fault := _fault(one, told.get(root / one.name), root / one.name, archival):
            faults[one.name] = fault
    return faults


def _fault(expected: Expected, event: Any, path: Path, archival: Archival) -> str:
    if event is None:
        return "was not reported"
    if reason := getattr(event, "reason", ""):
        return f"was not read: {reason}" if expected.outcome == READ else ""
    # A copy of another file is stored once, under the other one's name.
    source = str(getattr(event, "original", path))
    passages = archival.read_document(source, limit=100_000).items
    if not passages:
        return "was read in silence, without any text"
    if expected.outcome == SKIPPED:
        return f"was read ({len(passages)} passages), though there is nothing in it to read"
    text = " ".join(" ".join(passage.text.split()) for passage in passages)
    return "" if " ".join(expected.contains.split()) in text else f"was read without {expected.contains!r}"


def stored(data: Path) -> list[Expected]:
    """What the data set expects of the files in its folder `nasty`."""
    return [
        Expected(row["file"], row["expect"], row.get("must_contain") or "")
        for row in rows(data / "nasty_expected.jsonl")
    ]


def generated(data: Path, folder: Path) -> list[Expected]:
    """Have the data set's script make what cannot be stored; returns what is expected of it.

    Args:
        data: the data set's folder.
        folder: where the files go.

    Returns:
        Nothing where there is no script.

    Raises:
        InputError: the script failed.
    """
    script = data.resolve().parent / GENERATOR
    if not script.exists():
        return []
    command = [sys.executable, str(script), str(folder)]
    # The data set's own script: whoever gives --data runs it.
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE)  # noqa: S603
    if done.returncode:
        raise InputError(f"{script} failed: {done.stderr.strip().splitlines()[-1:]}.")
    contains: Mapping[str, str] = {"single_line_5mb.txt": done.stdout.strip()}
    return [_judged(path, str(path.relative_to(folder)), contains) for path in sorted(_leaves(folder))]


def _leaves(folder: Path) -> Iterable[Path]:
    """Everything in a folder but folders; links are not followed."""
    return (path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())


def _judged(path: Path, name: str, contains: Mapping[str, str]) -> Expected:
    if path.is_symlink() or not path.is_file() or path.suffix == ".zip":
        return Expected(name, SKIPPED)
    if path.stat().st_mode & 0o777 == 0:
        return Expected(name, EITHER)  # the superuser reads it all the same
    return Expected(name, READ, contains.get(name, ""))
