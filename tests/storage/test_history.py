"""Taking back and forgetting, seen by a search that had loaded what was there before."""

from __future__ import annotations

import pytest

from memos import prompts
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
