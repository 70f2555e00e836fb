"""What was answered, kept as it comes, so that a run goes on where it was ended. It knows no suite."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import memos
from memos.eval.answering import Answer
from memos.settings import home
from memos.storage.sql import private_folder


@cache
def _code() -> str:
    """A hash of memos' own source: answers of other code are others."""
    digest = hashlib.sha256()
    for folder, _, names in sorted(os.walk(Path(memos.__file__).parent, followlinks=True)):
        for path in (Path(folder, name) for name in sorted(names) if name.endswith(".py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()


class Journal:
    """The answers of one run, by arm and task.

    Args:
        suite: its name.
        given: everything that an answer depends on, but for the code; another run of the same code with the same goes
            on in the same journal.
    """

    def __init__(self, suite: str, given: Mapping[str, Any]) -> None:
        wanted = {"suite": suite, "code": _code(), **given}
        key = hashlib.sha256(json.dumps(wanted, sort_keys=True).encode()).hexdigest()[:16]
        folder = home() / "eval"
        private_folder(folder)
        self._file = folder / f"{suite}-{key}.jsonl"
        self.answers = {(one.arm, one.task): one for one in self._read()}

    def _read(self) -> list[Answer]:
        """The answers that were kept; a line that was cut off by a kill is not one."""
        found = []
        text = self._file.read_text(encoding="utf-8", errors="replace") if self._file.exists() else ""
        self._broken = bool(text) and not text.endswith("\n")
        for line in text.split("\n"):
            try:
                row: Mapping[str, Any] = json.loads(line)
                found.append(Answer(**row))
            except (ValueError, TypeError):
                continue
        return found

    def add(self, answer: Answer) -> None:
        """Keep an answer. One that never came counts in this run only: the next one tries again."""
        self.answers[answer.arm, answer.task] = answer
        if answer.failed:
            return
        with self._file.open("a", encoding="utf-8") as stream:
            stream.write("\n" * self._broken + _line(answer))  # a line that was cut off takes none with it
        self._broken = False


def write_answers(path: Path, answers: Iterable[Answer]) -> None:
    """Write answers where they are asked for, a line of JSON each; a file that is there is replaced."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(map(_line, answers)), encoding="utf-8")


def _line(answer: Answer) -> str:
    return json.dumps(asdict(answer), ensure_ascii=False) + "\n"
