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


FILLS = """
import sys
from pathlib import Path
import numpy as np
from memos.storage.vectors import PASSAGES, Vector, Vectors

def status(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) // 1024

vectors = Vectors(Path(sys.argv[1]))
vectors.create("test", 384)
made = np.random.default_rng(0)
for start in range(0, 66_560, 1024):
    few = made.standard_normal((1024, 384), np.float32)
    few /= np.linalg.norm(few, axis=1, keepdims=True)
    vectors.upsert(PASSAGES, [Vector(start + at, 1, "passage", start, one) for at, one in enumerate(few)])
before = status("VmRSS")
vectors.maintain()
print(status("VmHWM") - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc tells the peak, and glibc is bounded")
def test_an_index_is_made_without_its_vectors_in_memory(tmp_path: Path) -> None:
    command = [sys.executable, "-c", FILLS, str(tmp_path / "index")]
    grown = int(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)
    assert grown < 100  # MB, which the vectors are; left alone, LanceDB takes 170


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
    for name in ("MALLOC_ARENA_MAX", "MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "GLIBC_TUNABLES"):
        monkeypatch.delenv(name, raising=False)
    memory.bound_memory.cache_clear()
    yield made
    memory.bound_memory.cache_clear()


def test_threads_share_arenas_and_a_rewrite_gives_back_what_it_took(library: Library) -> None:
    memory.bound_memory()
    memory.bound_memory()
    with memory.frugal():
        assert library.told == [(-8, max(2, os.cpu_count() or 1)), (-3, 128 << 10), (0,)]
    assert library.told[3:] == [(-3, 32 << 20), (-1, 64 << 20), (0,)]


@pytest.mark.parametrize(
    ("name", "value", "left"),
    [
        ("MALLOC_ARENA_MAX", "7", {-3, -1}),
        ("MALLOC_MMAP_THRESHOLD_", "7", {-8, -1}),
        ("MALLOC_TRIM_THRESHOLD_", "7", {-8, -3}),
        ("GLIBC_TUNABLES", "glibc.malloc.arena_max=7", {-3, -1}),
        ("GLIBC_TUNABLES", "glibc.malloc.mmap_threshold=7:glibc.malloc.trim_threshold=7", {-8}),
    ],
)
def test_what_the_user_has_set_stays(
    library: Library, monkeypatch: pytest.MonkeyPatch, name: str, value: str, left: set[int]
) -> None:
    monkeypatch.setenv(name, value)
    memory.bound_memory()
    with memory.frugal():
        pass
    assert {option for option, *values in library.told if values} == left


def test_a_c_library_without_arenas_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_c_library", lambda: None)
    memory.bound_memory.cache_clear()
    memory.bound_memory()
    with memory.frugal():
        pass


ALIKE = """
import sys
from pathlib import Path
import numpy as np
from memos.storage.vectors import FLAT_UP_TO, PASSAGES, Vector, Vectors

vectors = Vectors(Path(sys.argv[1]))
vectors.create("test", 8)
made = np.eye(8, dtype=np.float32)
for start in range(0, FLAT_UP_TO + 8192, 8192):
    vectors.upsert(PASSAGES, [Vector(start + at, 1, "passage", start, made[at % 2]) for at in range(8192)])
vectors.maintain()
"""


def test_what_lancedb_thinks_of_the_vectors_is_not_told_to_the_user(tmp_path: Path) -> None:
    """Of vectors that are alike it warns of "more than 10% of clusters"."""
    command = [sys.executable, "-c", ALIKE, str(tmp_path / "index")]
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=True)
    assert not done.stderr
