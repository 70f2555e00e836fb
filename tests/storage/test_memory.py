"""LanceDB is bounded before it is imported, and what the user has set stays."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from memos.storage import memory
from memos.storage.memory import ENVIRONMENT

OPENS = """
import os, sys
from pathlib import Path
from memos.storage.vectors import Vectors
Vectors(Path(sys.argv[1])).create("test", 8)
print(*(os.environ[name] for name in sys.argv[2:]))
"""


def test_an_index_that_is_made_or_opened_is_bounded_and_the_users_bounds_stay(tmp_path: Path) -> None:
    theirs = {"LANCE_DEFAULT_BATCH_SIZE": "64"}
    clean = {name: value for name, value in os.environ.items() if name not in ENVIRONMENT}
    command = [sys.executable, "-c", OPENS, str(tmp_path / "index"), *ENVIRONMENT]
    done = subprocess.run(command, env=clean | theirs, stdout=subprocess.PIPE, text=True, check=True)
    assert done.stdout.split() == list((ENVIRONMENT | theirs).values())


class Library:
    """A C library that notes what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[int, ...]] = []

    def mallopt(self, *given: int) -> None:
        self.told.append(given)

    malloc_trim = mallopt


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> Iterator[Library]:
    made = Library()
    monkeypatch.setattr(memory, "_c_library", lambda: made)
    for name in ("MALLOC_ARENA_MAX", "GLIBC_TUNABLES"):
        monkeypatch.delenv(name, raising=False)
    memory.bound_memory.cache_clear()
    yield made
    memory.bound_memory.cache_clear()


def test_threads_share_arenas_and_what_is_free_is_given_back(library: Library) -> None:
    memory.bound_memory()
    memory.bound_memory()
    memory.give_back()
    assert library.told == [(-8, max(2, os.cpu_count() or 1)), (0,)]


@pytest.mark.parametrize(("name", "value"), [("MALLOC_ARENA_MAX", "7"), ("GLIBC_TUNABLES", "glibc.malloc.arena_max=7")])
def test_the_users_arenas_stay(library: Library, monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    memory.bound_memory()
    assert not library.told


def test_a_c_library_without_arenas_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_c_library", lambda: None)
    memory.bound_memory.cache_clear()
    memory.bound_memory()
    memory.give_back()
