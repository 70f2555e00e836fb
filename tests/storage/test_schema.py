"""The migrations lead to the models, on SQLite and elsewhere, and nothing else is opened."""

from __future__ import annotations

import io
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, create_engine, text

from memos.errors import StorageError
from memos.messages import Kind, State, Told
from memos.storage import AgentStorage, Database
from memos.storage.database import FILE, alembic_config
from memos.storage.schema import Base
from memos.storage.text import term_hash, text_terms

from .helpers import WordHashEmbedder, open_database


def _has_model(name: str | None, kind: str, parents: Any) -> bool:
    return kind != "table" or "_fts" not in (name or "")


def test_the_migrated_schema_is_the_models(home: Path) -> None:
    open_database(home).close()
    engine = create_engine(f"sqlite:///{home / FILE}")
    try:
        with engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"include_name": _has_model, "compare_type": True})
            assert compare_metadata(context, Base.metadata) == []
    finally:
        engine.dispose()


def test_other_databases_get_the_tables_without_sqlites_full_text(monkeypatch: pytest.MonkeyPatch) -> None:
    config = alembic_config()
    config.output_buffer = io.StringIO()
    config.attributes["dialect"] = "postgresql"
    command.upgrade(config, "head", sql=True)
    printed = config.output_buffer.getvalue()
    assert "CREATE TABLE messages" in printed
    assert "fts5" not in printed
    assert "ANALYZE" not in printed and "typeof" not in printed


@pytest.mark.parametrize("revision", ["0001", "0002"])
def test_an_old_folder_is_brought_up_to_date_with_all_that_is_in_it(home: Path, revision: str) -> None:
    home.mkdir()
    engine = create_engine(f"sqlite:///{home / FILE}")
    with engine.begin() as connection:
        command.upgrade(alembic_config(connection), revision)
        _fill(connection)
    engine.dispose()

    database = open_database(home)
    with database.agent("ada", create=False) as agent:
        assert [message.content for message in agent.recall.since(0)] == ["I moved to Lisbon.", "Noted."]
        assert [passage.text for passage in agent.archival.search("otters").items] == ["A note on otters."]
        assert [passage.source for passage in agent.archival.search("ferry").items] == ["/docs/guide.md"]
        assert [passage.source for passage in agent.archival.search("boats in the guide").items] == ["/docs/guide.md"]
        assert [message.content for message in agent.recall.search("moving to Lisbon").items] == ["I moved to Lisbon."]
        assert [block.text for block in agent.state.blocks()] == ["Ada."]
        assert agent.state.written_back() == []
        agent.recall.append(Kind.USER, "And then to Porto.", turn=2)
        assert agent.recall.search("Porto").total == 1
    database.close()
    with sqlite3.connect(home / FILE) as plain:
        assert plain.execute("PRAGMA foreign_key_check").fetchall() == []
        assert plain.execute("SELECT name FROM sqlite_master WHERE name LIKE '%fts%'").fetchall() == []
    plain.close()


def test_passages_of_an_old_folder_are_embedded_anew_below_their_headings(home: Path) -> None:
    embedder = WordHashEmbedder()
    with open_database(home, embedder) as database, database.agent("ada") as agent:
        agent.recall.append(Kind.USER, "I moved to Lisbon.", turn=1)
        agent.archival.insert("A note on otters.")
        agent.archival.store_document("/docs/guide.md", "a", [("The ferry leaves at nine.", "Boats")])
        agent.archival.index_pending()
    embedder.texts.clear()
    with sqlite3.connect(home / FILE) as plain:
        plain.execute("UPDATE passages SET terms = x''")
        plain.execute("UPDATE alembic_version SET version_num = '0007'")
    plain.close()
    with open_database(home, embedder) as database, database.agent("ada", create=False) as agent:
        agent.archival.index_pending()
        assert embedder.texts == ["guide\nBoats\nThe ferry leaves at nine."]
        found = agent.archival.search("boats in the guide")
        assert found.items[0].source == "/docs/guide.md" and found.parts[0]["words"] > 0


def test_texts_of_an_old_folder_are_found_by_words_within_names(home: Path) -> None:
    embedder = WordHashEmbedder()
    with open_database(home, embedder) as database, database.agent("ada") as agent:
        agent.recall.append(Kind.USER, "What is ProbeTimeout?", turn=1)
        agent.recall.append(Kind.SPEECH, "ProbeTi", turn=1, state=State.DRAFT)
        agent.archival.insert("GossipNodes is 4.")
        agent.archival.store_document("/docs/guide.md", "a", [("It leaves at nine.", "FerryTimes")])
        agent.archival.index_pending()
    old = [text_terms(content, datetime.now(UTC)) for content in ("What is it?", "Is 4.", "It leaves at nine.")]
    with sqlite3.connect(home / FILE) as plain:
        plain.execute("UPDATE messages SET terms = ? WHERE id = 1", [old[0]])
        plain.executemany("UPDATE passages SET terms = ? WHERE id = ?", [(old[1], 1), (old[2], 2)])
        plain.execute("UPDATE alembic_version SET version_num = '0008'")
    plain.close()
    embedder.texts.clear()
    with open_database(home, embedder) as database, database.agent("ada", create=False) as agent:
        agent.archival.index_pending()
        assert not embedder.texts, "nothing means something else"
    with open_database(home) as database, database.agent("ada", create=False) as agent:
        assert [message.id for message in agent.recall.search("timeout").items] == [1]
        for query, found in (("gossip", 1), ("ferry", 2), ("guide", 2)):
            assert [passage.id for passage in agent.archival.search(query).items] == [found]


@pytest.mark.parametrize("revision", ["0002", "0006"])
def test_a_search_passes_over_a_draft_of_an_old_folder(home: Path, revision: str) -> None:
    home.mkdir()
    engine = create_engine(f"sqlite:///{home / FILE}")
    with engine.begin() as connection:
        command.upgrade(alembic_config(connection), "0002")
        _fill(connection)
        connection.execute(text("UPDATE messages SET state = 'draft' WHERE id = 2"))
        command.upgrade(alembic_config(connection), revision)
    engine.dispose()
    with open_database(home) as database, database.agent("ada", create=False) as agent:
        assert [message.content for message in agent.recall.search("Lisbon").items] == ["I moved to Lisbon."]


def test_what_was_told_by_days_of_utc_is_found_by_those_of_the_user(home: Path, zone: Callable[[str], None]) -> None:
    database = open_database(home)
    morning = datetime(2026, 5, 1, 23, tzinfo=UTC)  # of 2 May, in Tokyo
    with database.agent("ada") as agent:
        agent.recall.import_past([Told(Kind.USER, "Yesterday I ate ramen.", morning)])
        agent.recall.append(Kind.SPEECH, "And", turn=1, state=State.DRAFT)
        agent.archival.insert("Ramen was eaten on 1 May 2026.")
    database.close()
    with sqlite3.connect(home / FILE) as plain:
        plain.execute("ALTER TABLE passages DROP COLUMN put_away_by")  # came later
        plain.execute("UPDATE alembic_version SET version_num = '0004'")
    plain.close()
    zone("Asia/Tokyo")
    open_database(home).close()
    with sqlite3.connect(home / FILE) as plain:
        found = [terms for (terms,) in plain.execute("SELECT terms FROM messages ORDER BY id")]
        (note,) = plain.execute("SELECT terms FROM passages").fetchone()
    plain.close()
    day = term_hash("\0002026-05-01").to_bytes(4, "little")
    assert day in found[0] and found[1] == b"" and day in note


def _fill(connection: Connection) -> None:
    """Rows as the first schema had them: an agent with a block, an eviction, messages, a note and a document."""
    at = "2025-03-01 10:00:00.000000"
    rows: dict[str, list[dict[str, Any]]] = {
        "agents": [
            {"id": 1, "name": "ada", "key": "ada", "model": "m", "created_at": at}
            | {"queue_start": 0, "summary": "", "settings": "{}"}
        ],
        "blocks": [
            {"agent_id": 1, "position": 0, "label": "user", "text": "Ada.", "token_limit": 100}
            | {"description": "", "changed_at": at}
        ],
        "messages": [
            {"id": number, "agent_id": 1, "turn": 1, "kind": kind, "state": "done", "content": content}
            | {"created_at": at, "tokens": 6, "model": "m"}
            for number, kind, content in ((1, "user", "I moved to Lisbon."), (2, "speech", "Noted."))
        ],
        "documents": [{"id": 1, "source": "/docs/guide.md", "sha256": "0" * 64, "created_at": at}],
        "passages": [
            {"id": 1, "agent_id": 1, "ordinal": 0, "content": "A note on otters.", "location": "", "created_at": at},
            {"id": 2, "document_id": 1, "ordinal": 0, "content": "The ferry leaves at nine.", "location": "Boats"}
            | {"created_at": at},
        ],
        "evictions": [
            {"agent_id": 1, "first_id": 1, "last_id": 2, "messages": 2, "tokens": 12, "summary": ""}
            | {"source": "model", "reason": "pressure", "created_at": at}
        ],
    }
    for table, values in rows.items():
        for row in values:
            names = ", ".join(row)
            connection.execute(text(f"INSERT INTO {table} ({names}) VALUES (:{', :'.join(row)})"), row)


def test_a_newer_schema_is_refused_with_a_sentence(home: Path) -> None:
    open_database(home).close()
    with sqlite3.connect(home / FILE) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(StorageError, match=r"newer memos .schema 9999.*upgrade memos"):
        open_database(home)


def test_another_programs_database_is_refused_and_left_alone(home: Path) -> None:
    home.mkdir()
    with sqlite3.connect(home / FILE) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    connection.close()
    with pytest.raises(StorageError, match="another program's database"):
        open_database(home)
    with sqlite3.connect(home / FILE) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master").fetchall()
    connection.close()
    assert tables == [("theirs",)]


def test_a_file_that_is_no_database_is_refused(home: Path) -> None:
    home.mkdir()
    (home / FILE).write_bytes(b"not a database at all, but long enough to have a header" * 50)
    with pytest.raises(StorageError, match="is not a memos database"):
        open_database(home)


def test_a_damaged_database_is_told_in_a_sentence(home: Path) -> None:
    with open_database(home) as database, database.agent("sam") as agent:
        for turn in range(200):
            agent.recall.append(Kind.USER, f"word{turn} " * 50, turn=turn)
    content = bytearray((home / FILE).read_bytes())
    content[4096 * 3 :] = b"\xff" * (len(content) - 4096 * 3)
    (home / FILE).write_bytes(bytes(content))
    with pytest.raises(StorageError, match="damaged"), open_database(home) as database:
        database.agent("sam").recall.since(0)


def test_a_migration_that_was_killed_leaves_nothing_behind(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*args: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("alembic.operations.Operations.create_index", killed)
        with pytest.raises(KeyboardInterrupt):
            open_database(home)
    open_database(home).close()


def test_a_file_in_the_folders_place_is_told(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    with pytest.raises(StorageError, match="is a file"):
        open_database(tmp_path / "home")


@pytest.mark.parametrize("url", ["nonsense", "nosuchdb://x/y"])
def test_a_url_that_means_nothing_is_told(home: Path, url: str) -> None:
    with pytest.raises(StorageError, match="database URL"):
        open_database(home, url=url)


def test_a_database_that_stays_locked_is_told(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("memos.storage.sql.PRAGMAS", ("PRAGMA busy_timeout = 50",))
    with open_database(home) as database, database.agent("sam") as agent:
        other = sqlite3.connect(home / FILE, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageError, match="in use by another program"):
            agent.recall.append(Kind.USER, "hello", turn=1)
        other.execute("ROLLBACK")
        other.close()
        assert agent.recall.count() == 0


def test_a_full_disk_is_told_and_nothing_is_half_written(home: Path) -> None:
    with open_database(home) as database, database.agent("sam") as agent:
        agent.recall.append(Kind.USER, "before", turn=1)
        with database._sql.engine.connect() as connection:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        database._sql.engine.dispose()
        _limit_pages(database, int(pages or 0))
        with pytest.raises(StorageError, match="disk is full"):
            agent.recall.append(Kind.USER, "x" * 1_000_000, turn=2)
        assert [message.content for message in agent.recall.since(0)] == ["before"]


def _limit_pages(database: Database, pages: int) -> None:
    from sqlalchemy import event

    @event.listens_for(database._sql.engine, "connect")
    def limit(connection: Any, record: Any) -> None:
        connection.execute(f"PRAGMA max_page_count = {pages}")


def test_files_are_private(home: Path) -> None:
    with open_database(home) as database, database.agent("sam") as agent:
        agent.recall.append(Kind.USER, "secret", turn=1)
        modes = {path: path.stat().st_mode & 0o777 for path in [home, *home.rglob("*")]}
        assert len(modes) >= 5
        for path, mode in modes.items():
            assert mode == (0o700 if path.is_dir() else 0o600), path


def test_pragmas(agent: AgentStorage, database: Database) -> None:
    with database._sql.engine.connect() as connection:
        values = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        ]
    assert values == ["wal", 1, 1, 10_000]
