"""One owner per agent: a lock file, so that two processes never write one agent's queue.

Owns names and locks. It does not know what an agent is beyond its name.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from types import TracebackType

from filelock import FileLock, Timeout

from memos.errors import AgentBusy, InputError, StorageError
from memos.storage.sql import private_folder

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
LONGEST = 64


def check_name(name: str) -> str:
    """An agent's name, if it can be one.

    Returns:
        The name's key: names that differ only in case are one agent, because file systems differ in
        whether they tell them apart.

    Raises:
        InputError: it is empty, too long, or has characters that a file name should not have.
    """
    if not name:
        raise InputError("An agent needs a name.")
    if len(name) > LONGEST:
        raise InputError(f"An agent's name has at most {LONGEST} characters; this one has {len(name)}.")
    if not NAME.fullmatch(name):
        raise InputError(
            f"{name!r} is no name for an agent: use letters a-z, digits, '.', '_' and '-', "
            "and begin with a letter or digit."
        )
    return name.lower()


class AgentLock:
    """Holds an agent for one object of one process until it is closed. The kernel of the operating system
    drops it when the process dies, however it dies.

    Args:
        folder: where lock files are; created if it is not there.
        name: the agent's name.

    Raises:
        AgentBusy: another process, or another object of this one, has the agent open.
        InputError: it is no name for an agent.
        StorageError: the lock file cannot be written.
    """

    def __init__(self, folder: Path, name: str) -> None:
        key = check_name(name)
        private_folder(folder)
        self._owner = folder / f"{key}.pid"
        # Not thread-local: an agent may be opened in one thread and closed in another.
        self._lock = FileLock(folder / f"{key}.lock", timeout=0, mode=0o600, thread_local=False)
        try:
            self._lock.acquire()
        except Timeout as error:
            raise AgentBusy(f"Agent {name} is open in {self._who()}; close it there first.") from error
        except (OSError, NotImplementedError) as error:
            raise StorageError(f"Agent {name} cannot be locked in {folder}: {error}.") from error
        self._sign()

    def _sign(self) -> None:
        # A side file: on some systems nobody else can read a file that is locked.
        try:
            descriptor = os.open(self._owner, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(str(os.getpid()))
        except OSError as error:
            self._lock.release()
            raise StorageError(f"{self._owner} cannot be written: {error.strerror or error}.") from error

    def _who(self) -> str:
        try:
            pid = int(self._owner.read_text())
        except (OSError, ValueError):
            return "another process"
        return "this process already" if pid == os.getpid() else f"process {pid}"

    def close(self) -> None:
        """Give the agent free. Closing twice is fine."""
        if self._lock.is_locked:
            self._owner.unlink(missing_ok=True)
            self._lock.release()

    def __enter__(self) -> AgentLock:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
