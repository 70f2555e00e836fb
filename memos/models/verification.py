"""Whether a file's bytes are those of the catalogue, and the stamps that spare reading them again.

Hashing a gigabyte takes seconds, too long for each start. After a full verification a stamp beside the model
records size, modification time, inode and SHA-256 of each file, and is believed as long as the first three
still hold. This module does not know where models are kept or come from.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from memos.errors import ModelCorrupt
from memos.models.catalogue import Entry, ModelFile

CHUNK = 1 << 20
Stamp = dict[str, Any]


def sha256_of(path: Path, advance: Callable[[int], None] | None = None) -> str:
    """SHA-256 of a file, lower case hexadecimal. `advance` is told how many bytes more were read."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            digest.update(chunk)
            if advance is not None:
                advance(len(chunk))
    return digest.hexdigest()


def write_private(path: Path, text: str) -> None:
    """Write a small file, mode 0600, so that a reader sees the old text or the new one, never a half."""
    draft = path.with_name(f"{path.name}.{os.getpid()}.new")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as stream:
        stream.write(text)
    draft.replace(path)


def _stamp(path: Path, sha256: str) -> Stamp:
    stat = path.stat()
    return {"size": stat.st_size, "mtime_ns": stat.st_mtime_ns, "inode": stat.st_ino, "sha256": sha256}


def _read_stamps(path: Path) -> dict[str, Stamp]:
    """The stamps that were written, or none: an unreadable stamp costs a hash, nothing else."""
    try:
        stamps = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return stamps if isinstance(stamps, dict) else {}


def is_stamped(entry: Entry, folder: Path, stamp_file: Path) -> bool:
    """Whether all files were verified before and have not changed since. Reads no model bytes."""
    stamps = _read_stamps(stamp_file)
    try:
        return all(
            stamps.get(file.path) == _stamp(folder / file.path, file.sha256) and _size_is_right(folder, file)
            for file in entry.files
        )
    except OSError:
        return False


def _size_is_right(folder: Path, file: ModelFile) -> bool:
    return (folder / file.path).stat().st_size == file.size


def check_file(file: ModelFile, path: Path, advance: Callable[[int], None] | None = None) -> Stamp:
    """Hash a file and compare.

    Args:
        file: what it should be.
        path: where it is.
        advance: told how many bytes more were read.

    Returns:
        Its stamp, taken before the bytes were read: a change meanwhile leaves a stamp that does not hold.

    Raises:
        ModelCorrupt: other bytes; names both hashes.
    """
    stamp = _stamp(path, file.sha256)
    found = sha256_of(path, advance)
    if found != file.sha256:
        short = "" if stamp["size"] == file.size else f" ({stamp['size']:,} of {file.size:,} bytes)"
        raise ModelCorrupt(f"{path}{short}", file.sha256, found)
    return stamp


def verify_files(entry: Entry, folder: Path, stamp_file: Path, advance: Callable[[int], None] | None = None) -> None:
    """Hash all files of an entry and leave a stamp.

    Raises:
        ModelCorrupt: a file has other bytes; the stamp is removed.
    """
    try:
        stamps = {file.path: check_file(file, folder / file.path, advance) for file in entry.files}
    except ModelCorrupt:
        with contextlib.suppress(OSError):
            stamp_file.unlink(missing_ok=True)
        raise
    # A store that we may only read works too; it is hashed again at each start.
    with contextlib.suppress(OSError):
        write_private(stamp_file, json.dumps(stamps, indent=1))
