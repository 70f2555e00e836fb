"""One SQLAlchemy engine: how it connects, what a transaction is, and what its errors mean to a user.

Owns connections, pragmas and the translation of database errors into `StorageError`. It does not know
the tables, nor who reads and writes them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import ArgumentError, IntegrityError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.orm import Session

from memos.errors import StorageError

BUSY_SECONDS = 10
AT_ONCE = 500  # ids in one statement: databases have a limit
PRAGMAS = (
    f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000}",
    "PRAGMA journal_mode = WAL",
    # With WAL, NORMAL survives a killed process; only a power cut can take the last transactions.
    "PRAGMA synchronous = NORMAL",
    "PRAGMA foreign_keys = ON",
)

# What SQLite or its driver says (lower case), and what that means to someone who wants to go on working.
MEANINGS = (
    ("locked", "{0} is in use by another program and stayed locked for {1} seconds; try again."),
    ("disk is full", "The disk is full: {0} could not be written. Free some space and try again."),
    ("no space left", "The disk is full: {0} could not be written. Free some space and try again."),
    ("not a database", "{0} is not a memos database; move it away, or choose another data folder."),
    ("malformed", "{0} is damaged: restore it from a backup, or save what `sqlite3 … .recover` can."),
    ("readonly", "{0} cannot be written: check its permissions and those of its folder."),
    ("unable to open", "{0} cannot be opened: check its permissions and those of its folder."),
    ("disk i/o error", "{0} cannot be read or written: the disk reports an error."),
    ("int too large", "{0} has nothing with so large a number."),
)


def meaning(error: BaseException, where: str) -> StorageError:
    """The sentence for a database's or file system's error about `where`."""
    cause = getattr(error, "orig", None) or error
    text = str(cause).lower()
    if isinstance(error, IntegrityError) and "foreign key" in text:
        return StorageError(f"What this belongs to is no longer in {where}: was the agent deleted?")
    for said, sentence in MEANINGS:
        if said in text:
            return StorageError(sentence.format(where, BUSY_SECONDS))
    return StorageError(f"{where} cannot be used: {cause}.")


class Sql:
    """An engine and its two kinds of transaction. Safe to use from several threads.

    Args:
        url: any SQLAlchemy URL whose driver is installed.
        where: what to call the database in sentences: its path, or the URL without the password.
    """

    def __init__(self, url: str | URL, where: str) -> None:
        self.where = where
        try:
            self.engine: Engine = create_engine(url)
        except (ArgumentError, NoSuchModuleError) as error:
            raise StorageError(f"{where} is no database URL that SQLAlchemy knows: {error}") from error
        except ImportError as error:
            raise StorageError(f"{where} needs a database driver that is not installed: {error}.") from error
        self._writer = self.engine.execution_options(memos_writes=True)
        self.is_sqlite = self.engine.dialect.name == "sqlite"
        if self.is_sqlite:
            event.listen(self.engine, "connect", _on_connect)
            event.listen(self.engine, "begin", _on_begin)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A transaction that only reads: one consistent view, whatever others write meanwhile.

        Raises:
            StorageError: the database cannot be used.
        """
        with self._translated(), Session(self.engine, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A transaction that writes; committed when the block ends, undone if it raises.

        Raises:
            StorageError: the database cannot be used; nothing was changed.
        """
        with self._translated(), Session(self._writer, expire_on_commit=False) as session, session.begin():
            yield session

    def migrate(self, work: Callable[[Connection], None]) -> None:
        """Run `work` on a connection in one writing transaction (SQLite's DDL is transactional)."""
        with self._translated(), self._writer.begin() as connection:
            work(connection)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (SQLAlchemyError, sqlite3.Error, OverflowError) as error:
            raise meaning(error, self.where) from error

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()


def private_file(path: Path) -> None:
    """Create `path` if it is not there, mode 0600; SQLite gives its side files the same mode."""
    path.touch(mode=0o600, exist_ok=True)


def private_folder(path: Path) -> None:
    """Create `path` and its parents if they are not there, mode 0700. What exists keeps its mode.

    Raises:
        StorageError: it cannot be created.
    """
    try:
        missing = [part for part in (path, *path.parents) if not part.exists()]
        for part in reversed(missing):
            part.mkdir(mode=0o700, exist_ok=True)
        if not path.is_dir():
            raise StorageError(f"{path} is a file; memos needs a folder there.")
    except OSError as error:
        raise StorageError(f"The folder {path} cannot be created: {error.strerror or error}.") from error


def _on_connect(connection: Any, record: Any) -> None:
    # The driver would begin transactions by itself, late, at the first write; we begin our own.
    connection.isolation_level = None
    for pragma in PRAGMAS:
        connection.execute(pragma)


def _on_begin(connection: Connection) -> None:
    # A reader that turns writer midway can be refused at once (SQLITE_BUSY, whatever the timeout), so
    # writers say so from the start and wait their turn.
    writes = connection.get_execution_options().get("memos_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def in_parts(ids: Iterable[int]) -> Iterator[list[int]]:
    """Some ids, as many at once as every database takes in a statement."""
    left = iter(ids)
    while some := list(islice(left, AT_ONCE)):
        yield some
