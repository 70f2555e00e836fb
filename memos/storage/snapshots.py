"""Snapshots of a key-value cache on disk: what was read once need not be read again after a restart.

One file a snapshot (safetensors: nothing is pickled), written whole or not at all, mode 0600. It carries the key of
the model that it is good for and a digest; one that is stale, damaged or from elsewhere is as good as none. The
folder is kept under a size, those not used for longest first. It does not know what the tokens say or when it pays
to save.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
import time
from pathlib import Path

from safetensors import SafetensorError, safe_open

from memos.errors import StorageError
from memos.generation import Snapshot
from memos.storage.sql import private_folder

WHOLE, UNFINISHED = ".safetensors", ".tmp"
ABANDONED = 3600  # seconds after which nobody writes a file any more


class SnapshotStore:
    """The snapshots of one data folder.

    Args:
        folder: where they are, or will be.
        limit: bytes that all of them together may take; 0 keeps none.
    """

    def __init__(self, folder: Path, limit: int) -> None:
        self.folder, self._limit = folder, limit

    @property
    def enabled(self) -> bool:
        """Whether anything is kept at all."""
        return self._limit > 0

    def has(self, name: str, key: str) -> bool:
        """Whether there is a snapshot of this name for this model."""
        return self._path(name, key).exists()

    def save(self, name: str, snapshot: Snapshot) -> bool:
        """Keep a snapshot under a name, in place of an older one.

        Returns:
            False if it is empty, or alone larger than the limit: nothing is kept.

        Raises:
            StorageError: it cannot be written; an older one is still there.
        """
        if not snapshot.tokens or not snapshot.state:
            return False
        data = _packed(snapshot)
        if len(data) > self._limit:
            return False
        path = self._path(name, snapshot.key)
        try:
            private_folder(self.folder)
            self._make_room(len(data), path)
            _write(path, data)
        except OSError as error:
            raise StorageError(f"The context's snapshot cannot be kept in {self.folder}: {error.strerror}.") from error
        return True

    def load(self, name: str, key: str) -> Snapshot | None:
        """The snapshot of this name for this model, or None.

        Raises:
            StorageError: it cannot be read, or is damaged, and removed.
        """
        path = self._path(name, key)
        try:
            with safe_open(path, framework="numpy") as file:
                metadata = file.metadata() or {}
                tokens, state = file.get_tensor("tokens"), file.get_tensor("state")
            os.utime(path)  # those not used for longest go first
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StorageError(f"The saved context {path} cannot be read: {error.strerror}.") from error
        except (SafetensorError, ValueError) as error:
            raise self._damaged(path) from error
        snapshot = Snapshot(metadata.get("key", ""), tuple(tokens.tolist()), state.tobytes())
        if snapshot.key != key or metadata.get("digest") != _digest(snapshot):
            raise self._damaged(path)
        return snapshot

    def remove(self, name: str) -> None:
        """Remove the snapshots of this name, for whichever model. One that is not there does not matter."""
        for path in self.folder.glob(f"{_short(name)}-*"):
            with contextlib.suppress(OSError):
                path.unlink()

    def _path(self, name: str, key: str) -> Path:
        return self.folder / f"{_short(name)}-{_short(key)}{WHOLE}"

    def _damaged(self, path: Path) -> StorageError:
        with contextlib.suppress(OSError):
            path.unlink()
        return StorageError("The saved context was damaged and is not used; the conversation is read anew.")

    def _make_room(self, needed: int, replaced: Path) -> None:
        """Remove what a kill left behind, and the oldest until `needed` bytes fit."""
        kept: list[tuple[float, int, Path]] = []
        for path in self.folder.iterdir():
            with contextlib.suppress(FileNotFoundError):  # another process is at it, too
                status = path.stat()
                if path.suffix == UNFINISHED and time.time() - status.st_mtime > ABANDONED:
                    path.unlink()
                elif path != replaced:
                    kept.append((status.st_mtime, status.st_size, path))
        total = sum(size for _, size, _ in kept)
        for _, size, path in sorted(kept):
            if total + needed <= self._limit:
                return
            if path.suffix == WHOLE:
                path.unlink(missing_ok=True)
                total -= size


def _packed(snapshot: Snapshot) -> bytes:
    # Not at the head: whoever opens storage and saves no context does not wait for numpy.
    import numpy as np
    from safetensors.numpy import save

    tokens, state = np.array(snapshot.tokens, dtype=np.int64), np.frombuffer(snapshot.state, dtype=np.uint8)
    metadata = {"key": snapshot.key, "digest": _digest(snapshot)}
    return save({"tokens": tokens, "state": state}, metadata=metadata)


def _write(path: Path, data: bytes) -> None:
    """All of it or nothing; `tempfile` makes files of mode 0600."""
    prefix = path.stem.partition("-")[0] + "-"
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=prefix, suffix=UNFINISHED, delete=False) as file:
        unfinished = Path(file.name)
        try:
            file.write(data)
            file.close()
            unfinished.replace(path)
        except BaseException:
            unfinished.unlink(missing_ok=True)
            raise


def _short(text: str) -> str:
    """A name for files, whatever is in the text."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _digest(snapshot: Snapshot) -> str:
    digest = hashlib.sha256(repr(snapshot.tokens).encode())
    digest.update(snapshot.state)
    return digest.hexdigest()
