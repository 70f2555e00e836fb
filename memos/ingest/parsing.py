"""A file's bytes become passages, in this process or in children that a bad file may take with it.

Owns the children: how many there are, how long one may take, how much memory it may use, and that one that took too
much is replaced. What comes from a child is JSON and is checked. It does not know formats, files or storage.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from queue import LifoQueue
from types import TracebackType
from typing import Any, Protocol, runtime_checkable

from memos.errors import IngestError, ModelError
from memos.ingest.decoding import NothingToRead
from memos.ingest.readers import read_document
from memos.ingest.splitter import Splitter

WORKER = "memos.ingest.worker"
START_SECONDS = 120.0  # for a child to import what it needs, on a busy machine


@dataclass(frozen=True, slots=True)
class Limits:
    """What reading one file may cost.

    Args:
        seconds: wall time.
        memory: bytes of data that a child may have.
    """

    seconds: float = 120.0
    memory: int = 2 << 30


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a file became: passages `(text, location)`, and a sentence on what could not be read, or `""`."""

    passages: list[tuple[str, str]]
    note: str = ""


@runtime_checkable
class Parser(Protocol):
    """Reads and cuts files. `parse` is called on as many threads at once as there are workers."""

    workers: int

    def parse(self, data: bytes, name: str) -> Parsed:
        """Read a file's bytes.

        Raises:
            NothingToRead: there is no text in it.
            IngestError: it cannot be read.
        """

    def stop(self) -> None:
        """End what is being parsed now, if that can be; its `parse` raises IngestError."""

    def release(self) -> None:
        """Nothing is left to parse: give back what parsing holds. A later `parse` takes it anew."""


class InProcess:
    """Parses in this process, one file at a time, without limits: for a few trusted files, and for tests.

    Args:
        splitter: how documents are cut.
    """

    workers = 1

    def __init__(self, splitter: Splitter) -> None:
        self._splitter = splitter

    def parse(self, data: bytes, name: str) -> Parsed:
        """See `Parser.parse`."""
        document = read_document(data, name)
        return Parsed(self._splitter.split(document), document.note)

    def stop(self) -> None:
        """Nothing can be ended here; the file in hand is finished."""

    def release(self) -> None:
        """Nothing is held but what the splitter needs."""


class ParserProcesses:
    """Parses in child processes, each file within limits. A child serves many files, and starts when it is needed.

    Args:
        folder: the embedding model's folder, or None, for `PassageSplitter`.
        limit: the most tokens of a passage; None: what the model can read.
        workers: how many children; None: half the processors, four at most, so that embedding goes on beside.
        limits: what one file may cost.
    """

    def __init__(
        self, folder: Path | None, limit: int | None = None, *, workers: int | None = None, limits: Limits | None = None
    ) -> None:
        self.workers = workers or max(1, min(4, (os.cpu_count() or 1) // 2))
        self._setup = {
            "folder": None if folder is None else str(folder),
            "limit": limit,
            "memory": (limits or Limits()).memory,
        }
        self._limits = limits or Limits()
        self._busy: set[_Child] = set()
        self._idle: LifoQueue[_Child | None] = LifoQueue()  # the last one used is warm
        for _ in range(self.workers):
            self._idle.put(None)

    def parse(self, data: bytes, name: str) -> Parsed:
        """See `Parser.parse`.

        Raises:
            NothingToRead: there is no text in the file.
            IngestError: it cannot be read, or not within the limits.
            ModelError: no child can be started.
        """
        child = self._idle.get()
        try:
            if child is None or not child.alive:
                child = _Child(self._setup)
            self._busy.add(child)
            answer = child.ask(data, name, self._limits.seconds)
            if answer.get("memory"):
                child.end()  # its heap is what it is: begin afresh
                raise IngestError(_too_much(self._limits.memory))
        except _TooLong:
            raise IngestError(f"Reading it took longer than {self._limits.seconds:g} seconds.") from None
        except _Died as death:
            raise IngestError(_of_death(death.status, self._limits.memory)) from None
        finally:
            if child is not None:
                self._busy.discard(child)
            self._idle.put(child if child is not None and child.alive else None)
        return _checked(answer)

    def stop(self) -> None:
        """See `Parser.stop`. The next `parse` starts a new child."""
        for child in list(self._busy):
            child.kill()

    def release(self) -> None:
        """See `Parser.release`. Waits for what is being parsed, and ends the children."""
        children = [self._idle.get() for _ in range(self.workers)]
        for child in children:
            if child is not None:
                child.end()
            self._idle.put(None)

    def __enter__(self) -> ParserProcesses:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


class _TooLong(Exception):
    """A child was ended because it took too long."""


class _Died(Exception):
    """A child ended by itself."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class _Child:
    """One process of `memos.ingest.worker`."""

    def __init__(self, setup: dict[str, Any]) -> None:
        # A process group of its own: Ctrl-C is the parent's to handle. Not a session: Linux shares the processor out
        # by session first, so the child's being nice would mean nothing. The parent's import path, and not (-P)
        # whatever lies in the working directory.
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [sys.executable, "-P", "-m", WORKER],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            process_group=0,
        )
        try:
            ready = self._exchange(json.dumps(setup).encode() + b"\n", b"", START_SECONDS)
        except (_TooLong, _Died) as error:
            raise ModelError("No process can be started that reads documents.") from error
        if "error" in ready:
            self.end()
            raise ModelError(str(ready["error"]))

    @property
    def alive(self) -> bool:
        """Whether it can be asked."""
        return self._process.poll() is None

    def ask(self, data: bytes, name: str, seconds: float) -> dict[str, Any]:
        """Let it parse a file.

        Raises:
            _TooLong: it took longer than so many seconds, and was ended.
            _Died: it ended.
        """
        head = {"name": name, "size": len(data), "seconds": seconds}
        return self._exchange(json.dumps(head).encode() + b"\n", data, seconds)

    def _exchange(self, head: bytes, data: bytes, seconds: float) -> dict[str, Any]:
        assert self._process.stdin is not None and self._process.stdout is not None
        expired = threading.Event()

        def expire() -> None:
            expired.set()
            self._process.kill()

        timer = threading.Timer(seconds, expire)
        timer.daemon = True
        timer.start()
        try:
            self._process.stdin.write(head)
            self._process.stdin.write(data)
            self._process.stdin.flush()
            length = int(self._process.stdout.readline() or b"-1")
            text = self._process.stdout.read(length) if length >= 0 else b""
            if length < 0 or len(text) < length:
                raise EOFError
            answer: dict[str, Any] = json.loads(text)
            return answer
        except (OSError, EOFError, ValueError) as error:
            status = self.end()
            raise _TooLong if expired.is_set() else _Died(status) from error
        finally:
            timer.cancel()

    def kill(self) -> None:
        """End it at once; whoever asks it is told so."""
        self._process.kill()

    def end(self) -> int:
        """End it and wait until it is gone; returns its exit status."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
        try:
            return self._process.wait(0.2)  # one that crashed says how
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()


def _checked(answer: dict[str, Any]) -> Parsed:
    """The answer of a child as values of the types that they should have; a child is not trusted."""
    if "nothing" in answer:
        raise NothingToRead(str(answer["nothing"]))
    if "failed" in answer:
        raise IngestError(str(answer["failed"]))
    passages, note = answer.get("passages"), answer.get("note")
    if not isinstance(passages, list) or not isinstance(note, str):
        raise IngestError("The process that read it gave a wrong answer.")
    checked: list[tuple[str, str]] = []
    for passage in passages:
        match passage:
            case [str(text), str(location)]:
                checked.append((text, location))
            case _:
                raise IngestError("The process that read it gave a wrong answer.")
    return Parsed(checked, note)


def _too_much(memory: int) -> str:
    return f"Reading it needs more than {memory >> 20:,} MiB of memory."


def _of_death(status: int, memory: int) -> str:
    # Native code that is refused memory aborts, or goes on with a null pointer; the kernel kills where all is short.
    out_of_memory = {-int(signal.SIGABRT)} | ({-int(signal.SIGKILL)} if hasattr(signal, "SIGKILL") else set())
    if status in out_of_memory:
        return f"{_too_much(memory)[:-1]}, or broke the library that reads it."
    return f"It broke the library that reads it (exit status {status})."
