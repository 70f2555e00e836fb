"""Taking back and forgetting, seen by a search that had loaded what was there before."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import event

from memos import prompts
from memos.messages import Call, Kind, Told
from memos.storage import AgentStorage, Database


def found(agent: AgentStorage, query: str) -> list[str]:
    return [message.content for message in agent.recall.search(query).items]


def test_what_is_taken_back_is_found_no_more(agent: AgentStorage) -> None:
    agent.recall.append(Kind.USER, "The herons stand on the canal.", turn=1)
    last = agent.recall.append(Kind.USER, "The herons have flown away.", turn=2)
    assert len(found(agent, "herons")) == 2
    agent.history.rewind(last.id)
    assert found(agent, "herons") == ["The herons stand on the canal."]
    agent.recall.append(Kind.USER, "Five herons came back.", turn=2)
    assert len(found(agent, "herons")) == 2


def test_what_is_forgotten_is_found_no_more_with_what_quotes_it(agent: AgentStorage) -> None:
    said = agent.recall.append(Kind.USER, "My locker is number seventeen.", turn=1)
    agent.recall.append(Kind.USER, "The locker room is cold.", turn=2)
    note = agent.archival.insert("The locker is number seventeen.", location=f"recall:{said.id}")
    assert len(found(agent, "locker")) == 2 and agent.archival.search("seventeen").items
    agent.history.forget_message(said.id)
    assert found(agent, "locker") == ["The locker room is cold."]
    assert not agent.archival.search("seventeen").items
    assert agent.archival.get(note.id) is None


@pytest.mark.parametrize("notes", ["I live in Linz.", "I live in Linz. I work in Linz.", "I live in L …"])
def test_what_the_kernel_had_said_of_a_note_is_forgotten_with_it(agent: AgentStorage, notes: str) -> None:
    note = agent.archival.insert("I live in Linz.")
    said = []
    for turn, says in enumerate((prompts.corrected(notes), prompts.corrected("I live in Linz-Land")), start=1):
        said.append(agent.recall.append(Kind.ALERT, prompts.tell(says), turn=turn).id)
        said.append(agent.recall.append(Kind.SPEECH, says, turn=turn).id)
    said.append(agent.recall.append(Kind.SPEECH, "Linz is on the Danube.", turn=1).id)
    assert agent.history.forget_note(note.id) == said[:2]


def test_messages_that_are_the_same_words_are_forgotten_together(agent: AgentStorage) -> None:
    """Also those that an answer anew took back, with the answer that nothing shows any more."""
    for answer in ("Rex is a good name.", "Woof.", "What a name."):
        asked = agent.recall.append(Kind.USER, "My dog is called Rex.", turn=1)
        agent.recall.append(Kind.SPEECH, answer, turn=1)
        if answer != "What a name.":
            agent.history.rewind(asked.id)
    other = agent.recall.append(Kind.USER, "My dog is called Rex. He is old.", turn=2)
    agent.recall.append(Kind.USER, "My dog  is\ncalled Rex.", turn=3)
    agent.history.forget_message(asked.id)
    stored = [message for number in range(1, 9) if (message := agent.recall.get(number))]
    assert [one.content for one in stored if one.content != "(forgotten)"] == ["What a name.", other.content]
    assert [one.content for one in agent.recall.since(0)][1] == "What a name."


def test_a_long_history_is_copied_and_taken_back(database: Database, agent: AgentStorage) -> None:
    """Longer than a statement may have variables: here fewer than SQLite's 32,766, since that many rows take long."""
    most = 12_000

    @event.listens_for(database._sql.engine, "connect")
    def limit(connection: Any, record: Any) -> None:
        connection.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, most)

    database._sql.engine.dispose()
    past = [Told(Kind.USER, "Hm.", datetime(2025, 1, 1, tzinfo=UTC))] * (most + 1)
    first, *_, last = agent.recall.import_past(past)
    with database._sql.write() as session:
        session.connection().exec_driver_sql(
            "INSERT INTO passages (agent_id, ordinal, content, terms, location, put_away_by, created_at) "
            "SELECT agent_id, 0, content, x'', 'recall:' || id, 0, created_at FROM messages"
        )
    call = Call("archival_memory_insert", {"content": "Hm."})
    made = agent.recall.append(Kind.CALL, call.text, turn=1)
    note = agent.archival.insert("Hm.")
    result = agent.recall.append(Kind.RESULT, f"stored as archival:{note.id}", turn=1)
    agent.recall.record_call(made.id, result.id, call, ok=True, seconds=0.0)
    away = agent.archival.insert("What I like.")
    agent.archival.put_away([away.id], by=last)
    database.fork_agent("sam", "eve")
    with database.agent("eve") as eve:
        assert eve.recall.count() == agent.recall.count() == most + 3
        assert [one.name for one in eve.recall.calls(1)] == [call.name]
    assert agent.history.rewind(first) == most + 3
    assert [one.text for one in agent.archival.notes()] == ["What I like."]
