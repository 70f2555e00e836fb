"""The per-user store of models: a name or a path becomes a file that was checked.

One folder a user, whatever MEMOS_HOME is, so that weights are stored once. This module does not know how
a model gets here (`fetch`), nor what is done with it.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from memos.errors import InputError, ModelCorrupt, ModelNotFound
from memos.models.catalogue import CATALOGUE, Entry, find
from memos.models.gguf_info import check_gguf
from memos.models.verification import is_stamped, verify_files
from memos.paths import expanded


class Presence(StrEnum):
    """How much of an entry is in the store, as far as sizes and stamps tell."""

    VERIFIED = "verified"  # here, hashed, and not changed since
    UNVERIFIED = "unverified"  # here with the right sizes; hashed before it is used
    DAMAGED = "damaged"  # a file is missing or has another size
    PARTIAL = "partial"  # a pull was interrupted; the next one continues
    ABSENT = "absent"


def make_private(folder: Path) -> None:
    """Make a folder and what is missing above it, mode 0700. Folders that exist are left as they are."""
    if folder.is_dir():
        return
    make_private(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)


def default_root() -> Path:
    """The store's folder: `MEMOS_MODELS`, else `models` in the user's data folder.

    Raises:
        InputError: `MEMOS_MODELS` names the home folder of nobody.
    """
    chosen = os.environ.get("MEMOS_MODELS")
    if chosen:
        return expanded(chosen).absolute()
    import platformdirs

    return Path(platformdirs.user_data_dir("memos", appauthor=False)) / "models"


@dataclass(frozen=True, slots=True)
class ModelStore:
    """A folder of models.

    Args:
        root: the folder; it need not exist.
        catalogue: the entries that it may hold.
    """

    root: Path
    catalogue: tuple[Entry, ...] = CATALOGUE

    @classmethod
    def default(cls) -> ModelStore:
        """The user's own store."""
        return cls(default_root())

    def folder(self, entry: Entry) -> Path:
        """The folder that the entry's file paths are relative to."""
        return self.root / entry.folder if entry.folder else self.root

    def location(self, entry: Entry) -> Path:
        """What a driver opens: the entry's only file, or its folder."""
        return self.root / (entry.folder or entry.files[0].path)

    def partial(self, entry: Entry) -> Path:
        """The folder in which a pull of the entry works; it outlives an interruption."""
        return self.root / ".partial" / entry.name

    def stamp_file(self, entry: Entry) -> Path:
        """Where the last verification is recorded."""
        return self.root / f"{entry.folder or entry.files[0].path}.verified.json"

    def entry(self, name: str) -> Entry:
        """The catalogue's entry of this name.

        Raises:
            ModelNotFound: there is none; names those that come near.
        """
        found = find(name, self.catalogue)
        if found is None:
            raise ModelNotFound(f"There is no model {name!r} in the catalogue{self._nearest(name)}")
        return found

    def presence(self, entry: Entry) -> Presence:
        """How much of the entry is here. Reads no model bytes."""
        sizes = [_size(self.folder(entry) / file.path) for file in entry.files]
        if all(size is None for size in sizes):
            partial = any(_size(self.partial(entry) / file.path) for file in entry.files)
            return Presence.PARTIAL if partial else Presence.ABSENT
        if sizes != [file.size for file in entry.files]:
            return Presence.DAMAGED
        stamped = is_stamped(entry, self.folder(entry), self.stamp_file(entry))
        return Presence.VERIFIED if stamped else Presence.UNVERIFIED

    def verify(self, entry: Entry, *, full: bool = False, advance: Callable[[int], None] | None = None) -> Path:
        """Make sure that the entry is here and is what it claims to be.

        Args:
            entry: which model.
            full: hash it even if it was hashed before and has not changed since.
            advance: told how many bytes more were hashed.

        Returns:
            The entry's file, or folder for the embedding model.

        Raises:
            ModelNotFound: it is not here; the sentence says how to get it.
            ModelCorrupt: a file has other bytes than the catalogue says.
        """
        presence = self.presence(entry)
        if presence in (Presence.ABSENT, Presence.PARTIAL):
            here = "only partly here" if presence is Presence.PARTIAL else "not here yet"
            raise ModelNotFound(f"Model {entry.name} is {here}: run `memos models pull {entry.name}`.")
        folder, stamp_file = self.folder(entry), self.stamp_file(entry)
        if presence is Presence.VERIFIED and not full:
            return self.location(entry)
        for file in entry.files:
            if _size(folder / file.path) is None:
                raise _with_remedy(ModelCorrupt(str(folder / file.path), file.sha256, "no such file"), entry)
        try:
            verify_files(entry, folder, stamp_file, advance)
        except ModelCorrupt as error:
            raise _with_remedy(error, entry) from error
        return self.location(entry)

    def resolve(self, name_or_path: str | Path) -> Path:
        """The file or folder of a model, checked, ready to be opened.

        Args:
            name_or_path: a name of the catalogue, a path to any GGUF file, or a path to the folder of
                a sentence-transformers model.

        Raises:
            InputError: no name at all, a path in the home folder of nobody, or one that cannot be looked at.
            ModelNotFound: neither; the sentence gives the command that gets it, or names that come near.
            ModelCorrupt: the file is not what its name or its own header claims.
        """
        text = str(name_or_path)
        if not text.strip():
            raise InputError("A model needs a name or a path: `memos models list` shows the names.")
        found = find(text, self.catalogue) if isinstance(name_or_path, str) else None
        if found is not None:
            return self.verify(found)
        path = expanded(text)
        try:
            is_folder, has_model, exists = path.is_dir(), (path / "modules.json").is_file(), path.exists()
        except OSError as error:  # another user's, or a name that is too long
            raise InputError(f"The model {text} cannot be looked at: {error.strerror}.") from error
        if is_folder:
            if has_model:
                return path
            raise ModelNotFound(f"{path} is a folder without a model: give the path of a .gguf file in it.")
        if exists:
            check_gguf(path)
            return path
        what = "file" if path.name != text or path.suffix == ".gguf" else "model"
        raise ModelNotFound(f"There is no {what} {text!r}{self._nearest(text)}")

    def _nearest(self, name: str) -> str:
        names = [entry.name for entry in self.catalogue]
        near = difflib.get_close_matches(name.casefold(), names, n=2, cutoff=0.5)
        near = near or [known for known in names if name.casefold() in known]
        if near:
            return f"; did you mean {' or '.join(near)}?"
        return "; `memos models list` shows the names, and the path of any .gguf file works too."


def _size(path: Path) -> int | None:
    """The file's size, or None where there is no such file."""
    try:
        return path.stat().st_size
    except OSError:
        return None


def _with_remedy(error: ModelCorrupt, entry: Entry) -> ModelCorrupt:
    """The same error, whose sentence also says the way on."""
    remedy = f"Get it anew with `memos models pull {entry.name}`."
    return ModelCorrupt(error.name, error.expected, error.found, remedy)


def resolve(name_or_path: str | Path) -> Path:
    """`ModelStore.resolve` in the user's own store."""
    return ModelStore.default().resolve(name_or_path)
