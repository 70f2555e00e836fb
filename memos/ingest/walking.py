"""The file system as ingest meets it: which files there are below a path, and the bytes of one at rest.

Owns the walk, what it passes over, and the safe reading of a file: no FIFO is waited for, no link out of the tree is
followed, no file is taken while it changes. It does not know formats, or what has been stored.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import translate
from functools import cache
from pathlib import Path

from memos.errors import IngestError, InputError
from memos.ingest.decoding import NothingToRead
from memos.ingest.events import FileFailed, FileSkipped


@dataclass(frozen=True, slots=True)
class Selection:
    """Which files of a folder are wanted, by patterns over the path within it (`*.md`, `drafts/*`) or the name alone.

    `**/` stands for any folders or none, as in other programs.

    Args:
        only: where there are any, one of them must match.
        without: none of them may match, neither the file nor a folder above it.
    """

    only: tuple[str, ...] = ()
    without: tuple[str, ...] = ()

    def takes(self, path: Path) -> bool:
        """Whether a file with this path within the folder is wanted."""
        return (not self.only or _matches(path, self.only)) and not self.excludes(path)

    def excludes(self, path: Path) -> bool:
        """Whether a file or folder with this path within the folder is left out."""
        return _matches(path, self.without)


EVERYTHING = Selection()


@dataclass(frozen=True, slots=True)
class Stamp:
    """By which an untouched file is known: size in bytes, time of the last change in nanoseconds since 1970."""

    size: int
    modified_ns: int


@dataclass(frozen=True, slots=True)
class Found:
    """A file that the walk met, as it was then; what is no regular file has no stamp but zeros."""

    path: Path
    stamp: Stamp


def spelled(path: Path) -> Path:
    """The path as it is known in storage: absolute, with its symbolic links. It may be gone by now."""
    # Only the file system knows what `link/..` is.
    return path.resolve() if ".." in path.parts else path.absolute()


def absolute(path: Path) -> Path:
    """The path of a file or folder that is there, as it is known in storage; see `spelled`.

    Raises:
        InputError: there is no such file or folder.
    """
    try:
        path.stat()
        return spelled(path)
    except FileNotFoundError as error:
        raise InputError(f"There is no file or folder {path}.") from error
    except (OSError, ValueError, RuntimeError) as error:
        raise InputError(f"{path} cannot be opened: {why(error)}") from error


def walk(root: Path, selection: Selection = EVERYTHING) -> Iterator[Found | FileSkipped | FileFailed]:
    """Files under `root` in a fixed order, and what the walk itself has to say about some.

    Hidden names are passed over, symbolic links are told of and not followed.
    """
    if not root.is_dir():
        yield Found(root, _stamp(root))
        return
    errors: list[OSError] = []
    for folder, folders, files in os.walk(root, onerror=errors.append):
        here = Path(folder)
        inside = here.relative_to(root)
        links = [name for name in folders if (here / name).is_symlink()]
        for name in sorted([*files, *links]):
            path = here / name
            if is_hidden(name) or not selection.takes(inside / name):
                continue
            if path.is_symlink():
                yield FileSkipped(path, _of_link(path, root))
            else:
                yield Found(path, _stamp(path))
        wanted = (name for name in folders if not is_hidden(name) and not selection.excludes(inside / name))
        folders[:] = sorted(wanted)
    for error in errors:
        yield FileFailed(Path(str(error.filename)), why(error))


def read_at_rest(path: Path, largest: int) -> tuple[bytes, Stamp]:
    """All bytes of a regular file, and its stamp; read again once if it changed meanwhile.

    Args:
        path: the file.
        largest: more bytes than this are refused.

    Raises:
        NothingToRead: it is no regular file, or too large. It is not opened then: a FIFO would wait for ever, a
            device may act.
        IngestError: it changed both times.
        OSError: it cannot be opened or read.
    """
    _check(path.stat(), largest)
    for _ in range(2):
        # The path may have changed since: opening without blocking, and looking again, closes that gap.
        opened = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with os.fdopen(opened, "rb") as file:
            before = os.fstat(opened)
            _check(before, largest)
            data = file.read(largest + 1)
            after = os.fstat(opened)
        if len(data) > largest:
            raise NothingToRead(f"The file is larger than {largest:,} bytes.")
        stamp = Stamp(after.st_size, after.st_mtime_ns)
        if stamp == Stamp(before.st_size, before.st_mtime_ns) and len(data) == stamp.size:
            return data, stamp
    raise IngestError("The file changed while it was read; ingest it again when it is at rest.")


def is_gone(path: str) -> bool:
    """Whether there is certainly nothing at this path; where that cannot be seen, it is not gone."""
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except (OSError, ValueError):
        return False
    return False


def is_hidden(name: str) -> bool:
    """Whether a file or folder of this name is passed over."""
    return name.startswith(".")


def is_no_file(path: str) -> bool:
    """Whether there is certainly no file at this path: nothing, or a folder."""
    try:
        return is_gone(path) or Path(path).is_dir()
    except (OSError, ValueError):
        return False


def why(error: Exception) -> str:
    """What the system says is wrong, as a sentence."""
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return f"{reason.rstrip('.')}."


def _check(status: os.stat_result, largest: int) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise NothingToRead(f"This is {_kind(status.st_mode)}, not a regular file.")
    if status.st_size > largest:
        raise NothingToRead(f"The file has {status.st_size:,} bytes; the limit is {largest:,}.")


def _kind(mode: int) -> str:
    kinds = (
        (stat.S_ISFIFO, "a FIFO"),
        (stat.S_ISSOCK, "a socket"),
        (stat.S_ISCHR, "a device"),
        (stat.S_ISBLK, "a device"),
        (stat.S_ISDIR, "a folder"),
    )
    return next((name for test, name in kinds if test(mode)), "something else")


def _of_link(path: Path, root: Path) -> str:
    """Why a link is not followed: one that leads somewhere in the tree is read there."""
    try:
        target = path.resolve(strict=True)
    except FileNotFoundError:
        return "This is a symbolic link to nothing."
    except (OSError, RuntimeError):
        return "This is a symbolic link in a circle."
    if path.is_dir() and path.parent.resolve().is_relative_to(target):
        return "This is a symbolic link to a folder that it is in; it is not followed."
    if target.is_relative_to(root.resolve()):
        return "Symbolic links are not followed; what it leads to is read in its own place."
    return "This is a symbolic link out of the folder; it is not followed."


def _stamp(path: Path) -> Stamp:
    try:
        status = path.stat()
    except (OSError, ValueError):
        return Stamp(0, 0)
    return Stamp(status.st_size, status.st_mtime_ns) if stat.S_ISREG(status.st_mode) else Stamp(0, 0)


def _matches(path: Path, patterns: Sequence[str]) -> bool:
    texts = (path.as_posix(), path.name)
    return any(_pattern(pattern).match(text) for pattern in patterns for text in texts)


@cache
def _pattern(written: str) -> re.Pattern[str]:
    """A pattern as a user writes it: `**/` stands for any folders or none, `./` for the folder itself."""
    folders = "\0"  # in no path
    pattern = translate(written.removeprefix("./").rstrip("/").replace("**/", folders))
    return re.compile(pattern.replace(folders, "(?:.*/)?"))
