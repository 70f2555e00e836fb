"""Saved contexts: whole or not at all, for the right model only, within their limit."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from memos.errors import StorageError
from memos.generation import Snapshot
from memos.storage.snapshots import SnapshotStore

ONE = Snapshot("model a", (1, 2, 3), b"state" * 200)


@pytest.fixture
def store(tmp_path: Path) -> SnapshotStore:
    return SnapshotStore(tmp_path / "snapshots", 1 << 20)


def files(store: SnapshotStore) -> list[Path]:
    return sorted(store.folder.glob("*"))


def test_a_snapshot_comes_back_as_it_was(store: SnapshotStore) -> None:
    assert store.load("ada", "model a") is None
    assert store.save("ada", ONE)
    assert store.load("ada", "model a") == ONE
    assert store.load("ada", "model b") is None and store.load("eve", "model a") is None
    (file,) = files(store)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600 and stat.S_IMODE(store.folder.stat().st_mode) == 0o700


def test_a_newer_one_replaces_it_and_models_are_kept_apart(store: SnapshotStore) -> None:
    newer, other = Snapshot("model a", (1, 2), b"newer"), Snapshot("model b", (4,), b"other")
    for snapshot in (ONE, newer, other):
        store.save("ada", snapshot)
    assert (store.load("ada", "model a"), store.load("ada", "model b")) == (newer, other)
    store.remove("ada")
    assert files(store) == []


@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "swap"])
def test_a_damaged_one_is_noticed_once_and_removed(store: SnapshotStore, damage: str) -> None:
    store.save("ada", ONE)
    (file,) = files(store)
    data = bytearray(file.read_bytes())
    match damage:
        case "flip":
            data[-7] ^= 1
        case "cut":
            del data[-100:]
        case "empty":
            data.clear()
        case "swap":  # a whole file, of another model
            store.save("ada", Snapshot("model b", (1,), b"x"))
            (other,) = [one for one in files(store) if one != file]
            data = bytearray(other.read_bytes())
    file.write_bytes(data)
    with pytest.raises(StorageError, match="read anew"):
        store.load("ada", "model a")
    assert store.load("ada", "model a") is None


def test_the_oldest_go_when_the_limit_is_reached(tmp_path: Path) -> None:
    store = SnapshotStore(tmp_path / "snapshots", 10_000)
    for age, name in enumerate(("a", "b", "c")):
        store.save(name, Snapshot("m", (1,), bytes(3000)))
        for file in files(store):
            os.utime(file, (file.stat().st_atime, file.stat().st_mtime - 100 * (age + 1)))
    assert store.load("a", "m"), "using it makes it new"
    store.save("d", Snapshot("m", (1,), bytes(3000)))
    assert [name for name in "abcd" if store.load(name, "m")] == ["a", "c", "d"]
    assert not store.save("e", Snapshot("m", (1,), bytes(10_001))), "too large by itself"
    assert len(files(store)) == 3


def test_a_limit_of_nothing_keeps_nothing(tmp_path: Path) -> None:
    store = SnapshotStore(tmp_path / "snapshots", 0)
    assert not store.save("ada", ONE) and not store.folder.exists()


def test_a_write_that_fails_leaves_the_older_one(store: SnapshotStore, monkeypatch: pytest.MonkeyPatch) -> None:
    store.save("ada", ONE)

    def full(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(StorageError, match="No space left"):
        store.save("ada", Snapshot("model a", (9,), b"new"))
    monkeypatch.undo()
    assert not [file for file in files(store) if file.suffix == ".tmp"]
    assert store.load("ada", "model a") == ONE and len(files(store)) == 1


def test_what_a_kill_left_half_written_is_swept(store: SnapshotStore) -> None:
    store.save("ada", ONE)
    (whole,) = files(store)
    left = store.folder / f"{whole.stem.partition('-')[0]}-x.tmp"
    left.write_bytes(b"half")
    store.save("eve", ONE)
    assert left.exists(), "somebody may be writing it"
    os.utime(left, (0, 0))
    store.save("eve", ONE)
    assert not left.exists()
    left.write_bytes(b"half")
    store.remove("ada")
    assert not left.exists() and not whole.exists()
