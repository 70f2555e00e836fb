"""LanceDB is bounded before it is imported, and what the user has set stays."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from memos.storage.memory import ENVIRONMENT, give_back

OPENS = """
import os, sys
from pathlib import Path
from memos.storage.vectors import Vectors
Vectors(Path(sys.argv[1])).create("test", 8)
print(*(os.environ[name] for name in sys.argv[2:]))
"""


def test_an_index_that_is_made_or_opened_is_bounded_and_the_users_bounds_stay(tmp_path: Path) -> None:
    theirs = {"LANCE_IO_THREADS": "3"}
    clean = {name: value for name, value in os.environ.items() if name not in ENVIRONMENT}
    command = [sys.executable, "-c", OPENS, str(tmp_path / "index"), *ENVIRONMENT]
    done = subprocess.run(command, env=clean | theirs, stdout=subprocess.PIPE, text=True, check=True)
    assert done.stdout.split() == list((ENVIRONMENT | theirs).values())


def test_giving_memory_back_is_always_possible() -> None:
    give_back()
    give_back()
