"""Snapshots of a key-value cache on disk: what was read once need not be read again after a restart.

One file a snapshot (safetensors: nothing is pickled), written whole or not at all, mode 0600. It carries the key of
the model that it is good for and a digest; one that is stale, damaged or from elsewhere is as good as none. The
folder is kept under a size, oldest first. It does not know what the tokens say or when it pays to save.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from memos.errors import StorageError
from memos.protocols import Snapshot
from memos.storage.sql import private_folder

SUFFIX = ".safetensors"


class SnapshotStore:
    """The snapshots of one data folder.

    Args:
        folder: where they are, or will be.
        limit: bytes that all of them together may take; 0 keeps none.
    """

    def __init__(self, folder: Path, limit: int) -> None:
        self.folder, self._limit = folder, limit

    def save(self, name: str, snapshot: Snapshot) -> bool:
        """Keep a snapshot under a name, in place of an older one.

        Returns:
            False if it alone is larger than the limit: nothing is kept.

        Raises:
            StorageError: it cannot be written; an older one is still there.
        """
        if len(snapshot.state) > self._limit or not snapshot.tokens:
            return False
        tensors: dict[str, NDArray[Any]] = {
            "tokens": np.array(snapshot.tokens, dtype=np.int32),
            "state": np.frombuffer(snapshot.state, dtype=np.uint8),
        }
        data = save(tensors, metadata={"key": snapshot.key, "digest": _digest(snapshot)})
        try:
            private_folder(self.folder)
            self._make_room(len(data), self._path(name, snapshot.key))
            with tempfile.NamedTemporaryFile(dir=self.folder, delete=False) as file:  # made with mode 0600
                try:
                    file.write(data)
                    file.close()
                    Path(file.name).replace(self._path(name, snapshot.key))
                except BaseException:
                    Path(file.name).unlink(missing_ok=True)
                    raise
        except OSError as error:
            raise StorageError(f"The context's snapshot cannot be kept in {self.folder}: {error.strerror}.") from error
        return True

    def load(self, name: str, key: str) -> Snapshot | None:
        """The snapshot of this name for this model, or None.

        Raises:
            StorageError: there is one, and it is damaged; it is removed.
        """
        path = self._path(name, key)
        try:
            with safe_open(path, framework="numpy") as file:
                metadata = file.metadata() or {}
                tokens, state = file.get_tensor("tokens"), file.get_tensor("state")
        except FileNotFoundError:
            return None
        except (OSError, SafetensorError, ValueError) as error:
            raise self._damaged(path) from error
        snapshot = Snapshot(metadata.get("key", ""), tuple(int(token) for token in tokens), state.tobytes())
        if snapshot.key != key or metadata.get("digest") != _digest(snapshot):
            raise self._damaged(path)
        with contextlib.suppress(OSError):
            os.utime(path)  # the oldest is the one that was not used for longest
        return snapshot

    def remove(self, name: str) -> None:
        """Remove the snapshots of this name, for whichever model. One that is not there does not matter."""
        for path in self.folder.glob(f"{_short(name)}-*{SUFFIX}"):
            path.unlink(missing_ok=True)

    def _path(self, name: str, key: str) -> Path:
        return self.folder / f"{_short(name)}-{_short(key)}{SUFFIX}"

    def _damaged(self, path: Path) -> StorageError:
        with contextlib.suppress(OSError):
            path.unlink()
        return StorageError("The saved context was damaged and is not used; the conversation is read anew.")

    def _make_room(self, needed: int, replaced: Path) -> None:
        """Remove the oldest until `needed` bytes fit."""
        found = [(path.stat().st_mtime, path.stat().st_size, path) for path in self.folder.glob(f"*{SUFFIX}")]
        kept = sorted(one for one in found if one[2] != replaced)
        total = sum(size for _, size, _ in kept)
        for _, size, path in kept:
            if total + needed <= self._limit:
                return
            path.unlink(missing_ok=True)
            total -= size


def _short(text: str) -> str:
    """A name for files, whatever is in the text."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _digest(snapshot: Snapshot) -> str:
    digest = hashlib.sha256(repr(snapshot.tokens).encode())
    digest.update(snapshot.state)
    return digest.hexdigest()
