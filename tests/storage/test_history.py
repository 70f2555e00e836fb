"""Taking back and forgetting, seen by a search that had loaded what was there before."""

from __future__ import annotations

from memos.messages import Kind
from memos.storage import AgentStorage


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
