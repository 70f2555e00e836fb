"""The data folder: opens the database at the schema of this program, and hands out agents.

Owns the folder's layout, migrations at opening, and the list of agents. It does not know what is in an
agent's messages, nor what happens between two of them.

    HOME/memos.sqlite     the truth (unless a URL names another database)
    HOME/index/           vectors; may be deleted at any time
    HOME/locks/           who has which agent open
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import URL, Connection, func, inspect, make_url, select
from sqlalchemy.exc import ArgumentError
from sqlalchemy.orm import Session

import memos.migrations
from memos.errors import InputError, StorageError
from memos.messages import Past
from memos.protocols import Embedder
from memos.storage.archival import Archival
from memos.storage.digests import DigestStore
from memos.storage.history import History, fork, take_back
from memos.storage.importing import import_agent, told_rows
from memos.storage.index import AGENT, DELETE, Progress, SearchIndex, enqueue
from memos.storage.lock import AgentLock, check_name
from memos.storage.recall import Recall
from memos.storage.schema import AgentRow, MessageRow, UTCDateTime, as_utc
from memos.storage.snapshots import SnapshotStore
from memos.storage.sql import Sql, meaning, private_file, private_folder
from memos.storage.state import State

FILE = "memos.sqlite"


@dataclass(frozen=True, slots=True)
class AgentInfo:
    """One line of the list of agents.

    Args:
        id: the agent's row.
        name: what the user calls it.
        model: the model it was last used with; may be empty.
        created_at: UTC.
        messages: how many there are.
        last_at: when the newest message came, UTC; None where there is none.
    """

    id: int
    name: str
    model: str
    created_at: datetime
    messages: int
    last_at: datetime | None


class AgentStorage:
    """What is stored of one agent, held by a lock until it is closed.

    Args:
        agent_id: its row.
        name: the agent's name.
        recall: its messages.
        archival: its passages, and the shared ones.
        state: its blocks, summary and queue start.
        history: going back, former texts, forgetting.
        lock: what holds it.

    Attributes:
        snapshot_name: what its saved context is called.
    """

    def __init__(
        self,
        agent_id: int,
        name: str,
        recall: Recall,
        archival: Archival,
        state: State,
        history: History,
        lock: AgentLock,
    ) -> None:
        self.name = name
        self.snapshot_name = _snapshot_name(agent_id)
        self.recall = recall
        self.archival = archival
        self.state = state
        self.history = history
        self._lock = lock

    def close(self) -> None:
        """Give the agent free. Closing twice is fine."""
        self._lock.close()

    def __enter__(self) -> AgentStorage:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Database:
    """An open data folder. Safe to use from several threads; made by `Database.open`.

    Attributes:
        index: the search index.
        snapshots: saved contexts.
        digests: what documents were summed up in.
    """

    def __init__(self, home: Path, sql: Sql, embedder: Callable[[], Embedder] | None, snapshot_bytes: int) -> None:
        self.home = home
        self.snapshots = SnapshotStore(home / "snapshots", snapshot_bytes)
        self.digests = DigestStore(home / "digests")
        self._sql = sql
        self.index = SearchIndex(sql, home / "index", embedder)

    @classmethod
    def open(
        cls,
        home: Path,
        *,
        url: str | None = None,
        embedder: Callable[[], Embedder] | None = None,
        snapshot_bytes: int = 0,
    ) -> Database:
        """Open a data folder, creating it and bringing its database to this program's schema.

        Args:
            home: the folder; created with mode 0700 if it is not there.
            url: SQLAlchemy URL of another database than the file in `home`.
            embedder: makes the embedder when a search or `index_pending` first needs it; None: search by
                words alone.
            snapshot_bytes: what saved contexts may take; 0: none are kept.

        Raises:
            StorageError: folder or database cannot be used, or a newer memos wrote it.
        """
        private_folder(home)
        parsed = _parse(url) if url is not None else URL.create("sqlite", database=str(home / FILE))
        where = parsed.render_as_string()
        if parsed.get_backend_name() == "sqlite" and parsed.database:
            where = parsed.database
            try:
                private_file(Path(parsed.database))
            except OSError as error:
                raise meaning(error, where) from error
        sql = Sql(parsed, where)
        try:
            sql.migrate(lambda connection: _migrate(connection, where))
        except BaseException:
            sql.close()
            raise
        return cls(home, sql, embedder, snapshot_bytes)

    # ------------------------------------------------------------------------------------- agents

    def agent(self, name: str, *, create: bool = True) -> AgentStorage:
        """Open an agent for this object alone.

        Args:
            name: `[A-Za-z0-9][A-Za-z0-9._-]{0,63}`; upper and lower case are the same agent.
            create: make it if it is not there.

        Raises:
            InputError: it is no name for an agent, or there is no such agent and `create` is False.
            AgentBusy: another process or object has it open.
            StorageError: the database cannot be used.
        """
        lock = self._lock(name)
        try:
            with self._sql.write() as session:
                row = _find(session, name)
                if row is None:
                    if not create:
                        raise _no_agent(name)
                    row = AgentRow(name=name, key=check_name(name))
                    session.add(row)
                    session.flush()
        except BaseException:
            lock.close()
            raise
        recall = Recall(self._sql, self.index, row.id)
        archival = Archival(self._sql, self.index, self.digests, row.id)

        def changed() -> None:
            recall.refresh()
            archival.refresh()

        def unsave() -> None:
            self.snapshots.remove(_snapshot_name(row.id))

        state, history = State(self._sql, row.id), History(self._sql, row.id, changed, unsave)
        return AgentStorage(row.id, row.name, recall, archival, state, history, lock)

    def agents(self) -> list[AgentInfo]:
        """Every agent, by name; also those that are open elsewhere."""
        mine = MessageRow.agent_id == AgentRow.id
        count = select(func.count(MessageRow.id)).where(mine).scalar_subquery()
        last = select(func.max(MessageRow.created_at, type_=UTCDateTime())).where(mine).scalar_subquery()
        statement = select(AgentRow, count, last).order_by(AgentRow.key)
        with self._sql.read() as session:
            return [
                AgentInfo(row.id, row.name, row.model, as_utc(row.created_at), messages, last_at)
                for row, messages, last_at in session.execute(statement)
            ]

    def agent_info(self, name: str) -> AgentInfo:
        """One of them.

        Raises:
            InputError: there is no such agent, or it is no name for one.
        """
        key = check_name(name)
        for one in self.agents():
            if check_name(one.name) == key:
                return one
        raise _no_agent(name)

    def rename_agent(self, name: str, new_name: str) -> None:
        """Give an agent another name.

        Raises:
            InputError: there is no such agent, the new name is taken, or it is no name for an agent.
            AgentBusy: someone has it open.
        """
        with ExitStack() as held:
            held.enter_context(self._lock(name))
            if check_name(name) != check_name(new_name):
                held.enter_context(self._lock(new_name))
            with self._sql.write() as session:
                row = _existing(session, name)
                if _find(session, new_name) not in (None, row):
                    raise InputError(f"There is an agent {new_name} already.")
                row.name, row.key = new_name, check_name(new_name)

    def fork_agent(self, name: str, new_name: str, *, before_id: int | None = None) -> None:
        """Copy an agent into a new one; the copy's ids are its own. The original may be open meanwhile.

        Args:
            name: whom to copy.
            new_name: what the copy is called.
            before_id: leave out the messages from this one of the original's on, and what they did.

        Raises:
            InputError: there is no such agent, the new name is taken, or it is no name for an agent.
        """
        with self._lock(new_name), self._sql.write() as session:
            row = _existing(session, name)
            if _find(session, new_name) is not None:
                raise InputError(f"There is an agent {new_name} already.")
            copy, messages = fork(session, row.id, new_name, check_name(new_name))
            if before_id is not None:
                later = [new for old, new in messages.items() if old >= before_id]
                if later:
                    take_back(session, copy.id, min(later))

    def import_agent(self, name: str, past: Past) -> None:
        """Make a new agent that remembers a past of elsewhere: all of it, or there is no such agent.

        Args:
            name: what it is called.
            past: what it remembers; ids become ids of this database.

        Raises:
            InputError: there is such an agent, or it is no name for one.
            StorageError: it could not be stored.
        """
        key, rows = check_name(name), told_rows(past.told)
        with self._lock(name), self._sql.write() as session:
            if _find(session, name) is not None:
                raise InputError(f"There is an agent {name} already.")
            import_agent(session, name, key, past, rows)

    def delete_agent(self, name: str) -> None:
        """Delete an agent with all its messages, blocks, notes and documents, and what these were summed up in; shared
        documents stay.

        Raises:
            InputError: there is no such agent.
            AgentBusy: someone has it open.
        """
        with self._lock(name):
            with self._sql.write() as session:
                row = _existing(session, name)
                snapshot = _snapshot_name(row.id)
                enqueue(session, AGENT, [row.id], DELETE)
                session.delete(row)
            self.snapshots.remove(snapshot)
        self.library().sweep_digests()

    # ------------------------------------------------------------------------------------- the rest

    def library(self) -> Archival:
        """The documents that every agent sees."""
        return Archival(self._sql, self.index, self.digests, None)

    def reindex(self, progress: Progress | None = None) -> int:
        """Make the vector index anew from SQL; see `SearchIndex.reindex`."""
        return self.index.reindex(progress)

    def take_notices(self) -> list[str]:
        """Sentences for the user about the search index since the last time one asked."""
        return self.index.take_notices()

    def close(self) -> None:
        """Close the database and the index. Agents that are open must be closed by those who have them."""
        self.index.close()
        self._sql.close()

    def __enter__(self) -> Database:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _lock(self, name: str) -> AgentLock:
        return AgentLock(self.home / "locks", name)


def _snapshot_name(agent_id: int) -> str:
    return f"agent/{agent_id}"  # by id, since a name may change


def _existing(session: Session, name: str) -> AgentRow:
    row = _find(session, name)
    if row is None:
        raise _no_agent(name)
    return row


def _no_agent(name: str) -> InputError:
    return InputError(f"There is no agent {name}; `memos agents list` shows them.")


def _find(session: Session, name: str) -> AgentRow | None:
    return session.scalar(select(AgentRow).where(AgentRow.key == check_name(name)))


def _parse(url: str) -> URL:
    try:
        return make_url(url)
    except ArgumentError as error:
        raise StorageError(f"{url!r} is no database URL: {error}.") from error


def alembic_config(connection: Connection | None = None) -> Config:
    """Alembic's configuration, made in code: users have no alembic.ini."""
    config = Config()
    folder = str(Path(memos.migrations.__file__).parent)
    config.set_main_option("script_location", folder.replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def _migrate(connection: Connection, where: str) -> None:
    config = alembic_config(connection)
    scripts = ScriptDirectory.from_config(config)
    known = {script.revision for script in scripts.walk_revisions()}
    current = set(MigrationContext.configure(connection).get_current_heads())
    if current == set(scripts.get_heads()):
        return
    if current - known:
        raise StorageError(
            f"{where} was written by a newer memos (schema {', '.join(sorted(current - known))}, this one "
            f"knows {scripts.get_current_head()}): upgrade memos, or choose another data folder."
        )
    if not current and inspect(connection).get_table_names():
        raise StorageError(f"{where} is another program's database; choose another data folder.")
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise StorageError(f"{where} cannot be brought to this program's schema: {error}.") from error
