"""Digests on disk: summaries of texts, each with pointers to what it sums up.

One JSON file a digest, named by a hash of what it was made from and where that stands, written whole or not at all.
They can be made anew, so a file that is damaged is as good as none; what they sum up may be removed, and they go with
it. It does not know how a digest is made.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass
from pathlib import Path

from memos.errors import StorageError
from memos.storage.sql import private_folder

_KEY = re.compile(r"[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Digest:
    """A summary.

    Args:
        key: 12 hexadecimal digits, from what it was made from and where that stands.
        made_from: a hash of what it was made from alone: what has the same has the same text.
        level: `section`, `part`, `document` or `folder`.
        name: of what: a path, or a heading.
        text: the summary.
        below: what it sums up: `archival:7`, or `digest:…` of the level below.
    """

    key: str
    made_from: str
    level: str
    name: str
    text: str
    below: tuple[str, ...]

    @property
    def id(self) -> str:
        """What `memos show` opens."""
        return f"digest:{self.key}"


class DigestStore:
    """The digests of one data folder.

    Args:
        folder: where they are, or will be.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._alike: dict[str, str] | None = None  # texts, by what they were made from; read when they are first wanted

    def get(self, key: str) -> Digest | None:
        """The digest of this key, or None."""
        if not _KEY.fullmatch(key):
            return None
        try:
            row = json.loads((self._folder / f"{key}.json").read_text("utf-8"))
            return Digest(key, row["made_from"], row["level"], row["name"], row["text"], tuple(row["below"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def alike(self, made_from: str) -> str | None:
        """The text of any digest that was made from the same, or None."""
        if self._alike is None:
            self._alike = {digest.made_from: digest.text for digest in self._all()}
        return self._alike.get(made_from)

    def _all(self) -> list[Digest]:
        return [digest for path in self._folder.glob("*.json") if (digest := self.get(path.stem))]

    def save(self, digest: Digest) -> None:
        """Keep a digest, in place of an older one of its key.

        Raises:
            StorageError: it cannot be written; an older one is still there.
        """
        try:
            private_folder(self._folder)
            path = self._folder / f"{digest.key}.json"
            part = path.with_suffix(f".{os.getpid()}.tmp")
            with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
                json.dump(asdict(digest), file, ensure_ascii=False)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
            if self._alike is not None:
                self._alike[digest.made_from] = digest.text
        except OSError as error:
            raise StorageError(f"A summary cannot be kept in {self._folder}: {error.strerror}.") from error

    def sweep(self, there: Callable[[Collection[int]], Collection[int]]) -> None:
        """Remove the digests of passages that are no more, and those that sum up such a digest.

        Args:
            there: which of some passages there are, by their ids.

        Raises:
            StorageError: one cannot be removed.
        """
        below = {digest.key: [_rest(pointer) for pointer in digest.below] for digest in self._all()}
        passages = {rest for rests in below.values() for rest in rests if isinstance(rest, int)}
        known: set[int | str] = set(there(passages))
        while risen := {key for key in below.keys() - known if known.issuperset(below[key])}:
            known |= risen
        self._alike = None  # what is removed is not to come back in another
        try:
            for path in self._folder.glob("*.json"):
                if path.stem not in known:
                    path.unlink(missing_ok=True)
        except OSError as error:
            raise StorageError(f"A summary cannot be removed from {self._folder}: {error.strerror}.") from error


def _rest(pointer: str) -> int | str:
    """What a digest rests on: a passage's id, or another digest's key."""
    where, _, name = pointer.partition(":")
    return int(name) if where == "archival" and name.isdecimal() else name
