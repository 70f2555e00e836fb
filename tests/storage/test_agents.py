"""Names, locks, and the list of agents."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from memos.errors import AgentBusy, InputError, StorageError
from memos.messages import Block, Eviction, Kind
from memos.storage import AgentStorage, Database, check_name

from .helpers import open_database


@pytest.mark.parametrize("name", ["sam", "S", "a.b-c_d", "0", "x" * 64, "v1.."])
def test_names_that_are_fine(name: str) -> None:
    assert check_name(name) == name.lower()


@pytest.mark.parametrize(
    "name",
    ["", "..", ".", "a/b", "../a", "a\\b", "-a", "_a", "x" * 65, "a b", "é", "a\n", "a\0", "上海", "~"],
)
def test_names_that_are_not(name: str, database: Database) -> None:
    with pytest.raises(InputError, match="name"):
        database.agent(name)


def test_an_agent_opens_once(database: Database) -> None:
    with database.agent("Sam"):
        for name in ("Sam", "sam"):
            with pytest.raises(AgentBusy, match=f"Agent {name} is open in this process already"):
                database.agent(name)
        with pytest.raises(AgentBusy):
            database.delete_agent("sam")
        with pytest.raises(AgentBusy):
            database.rename_agent("sam", "x")
    with database.agent("sam") as again:
        assert again.name == "Sam"


def test_an_agent_that_another_process_has_is_busy_until_it_dies(home: Path) -> None:
    open_database(home).close()
    script = (
        "import sys, time; from pathlib import Path; from memos.storage import Database\n"
        "agent = Database.open(Path(sys.argv[1])).agent('sam'); print('open', flush=True); time.sleep(60)"
    )
    other = subprocess.Popen([sys.executable, "-c", script, str(home)], stdout=subprocess.PIPE, text=True)
    try:
        assert other.stdout is not None
        assert other.stdout.readline() == "open\n"
        with open_database(home) as database:
            with pytest.raises(AgentBusy, match=f"open in process {other.pid};"):
                database.agent("sam")
            other.kill()
            other.wait()
            database.agent("sam").close()
    finally:
        other.kill()
        other.communicate()


def test_a_lock_is_opened_and_closed_in_different_threads(database: Database) -> None:
    agent = database.agent("sam")
    thread = threading.Thread(target=agent.close)
    thread.start()
    thread.join()
    database.agent("sam").close()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(StorageError):
        open_database(tmp_path / "home")


def test_agents_are_listed_renamed_and_deleted(indexed: Database) -> None:
    with indexed.agent("bob") as bob, indexed.agent("Alice") as alice:
        bob.recall.append(Kind.USER, "I like tea", turn=1)
        alice.recall.append(Kind.USER, "I like tea as well", turn=1)
        alice.archival.insert("tea is a drink")
        alice.archival.store_document("/tea", "0" * 64, [("about tea", "p. 1")])
        alice.state.save_block(Block("user", "likes tea", 100), by="test")
        alice.state.save_model("tiny")
    indexed.library().store_document("/shared", "0" * 64, [("tea for all", "")])
    indexed.index.index_pending()
    assert [(info.name, info.messages, info.model) for info in indexed.agents()] == [
        ("Alice", 1, "tiny"),
        ("bob", 1, ""),
    ]
    assert indexed.agents()[0].last_at is not None
    with pytest.raises(InputError, match="already"):
        indexed.rename_agent("bob", "ALICE")
    indexed.rename_agent("bob", "Bob")
    indexed.rename_agent("Bob", "robert")
    indexed.delete_agent("alice")
    with pytest.raises(InputError, match="no agent alice"):
        indexed.delete_agent("alice")
    with pytest.raises(InputError, match="no agent alice"):
        indexed.agent("alice", create=False)
    indexed.index.index_pending()
    assert (indexed.index._vectors.count("messages"), indexed.index._vectors.count("passages")) == (1, 1)
    with indexed.agent("robert") as robert, indexed.agent("alice") as anew:
        assert robert.recall.search("tea").total == 1
        assert robert.archival.search("tea").total == 1
        assert (anew.recall.count(), anew.archival.count(), anew.state.blocks()) == (0, 1, [])


def test_writing_for_an_agent_that_was_deleted_is_told(database: Database) -> None:
    agent = database.agent("sam")
    agent.close()
    database.delete_agent("sam")
    with pytest.raises(StorageError, match="was the agent deleted"):
        agent.recall.append(Kind.USER, "hello?", turn=1)
    with pytest.raises(StorageError, match="was it deleted"):
        agent.state.summary()


def test_blocks_keep_their_order_and_their_past(agent: AgentStorage) -> None:
    state = agent.state
    state.save_block(Block("user", "", 100, "who the user is"), by="memos")
    state.save_block(Block("assistant", "kind", 50), by="memos")
    state.save_block(Block("user", "Ann", 100, "who the user is"), by="model")
    state.save_block(Block("user", "Ann", 200, "who the user is"), by="model")
    state.save_block(Block("user", "Anna", 200, "who the user is"), by="user")
    assert state.blocks() == [
        Block("user", "Anna", 200, "who the user is"),
        Block("assistant", "kind", 50),
    ]
    changes = [(change.former, change.by) for change in agent.history.block_changes("user")]
    assert changes == [("", "model"), ("Ann", "user")]


def test_an_eviction_moves_start_and_summary_together(agent: AgentStorage) -> None:
    state = agent.state
    assert (state.summary(), state.queue_start(), state.evictions()) == ("", 0, [])
    eviction = Eviction(1, 7, 7, 900, "They met.", "model", "flush")
    assert state.written_back() == []
    state.save_block(Block("user", "Ann", 200, "who"), by="user")
    state.record_eviction(eviction, queue_start=8, blocks=state.blocks())
    state.save_block(Block("user", "Anna", 200, "who"), by="user")
    assert state.written_back() == [Block("user", "Ann", 200, "who")]
    state.record_write_back(state.blocks())
    assert state.written_back() == state.blocks()
    assert (state.summary(), state.queue_start(), state.evictions()) == ("They met.", 8, [eviction])
