"""Pasts of elsewhere: an agent that was exported, histories of other assistants."""

from __future__ import annotations

import json
import re
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from memos import Agent, InputError
from memos.agents import Sessions
from memos.agents.importing import read_past
from memos.cli.agents import command as agents_command
from memos.messages import Call, Kind, State, Told
from memos.printing import Status
from memos.settings import home
from memos.storage import Database
from memos.testing import ScriptedModel, say

LONG = "word " * 90


def opened(name: str, script: list[Call] | None = None) -> Agent:
    return Agent.open(name, model=ScriptedModel(script or [], window=2048), embedding="none", ahead=False)


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(agents_command, [str(argument) for argument in arguments])


def said(agent: Agent) -> list[tuple[str, str]]:
    spoken = (Kind.USER, Kind.SPEECH)
    return [(message.kind, message.content) for message in agent.recall.since(0) if message.kind in spoken]


def node(parent: str | None, role: str, *parts: Any, at: float | None = None, **more: Any) -> dict[str, Any]:
    content = {"content_type": more.pop("content_type", "text"), "parts": list(parts)}
    return {"parent": parent, "message": {"author": {"role": role}, "create_time": at, "content": content, **more}}


DAY = 1_700_000_000.0
TREE = {
    "title": "Goats",
    "create_time": DAY,
    "current_node": "f",
    "mapping": {
        "root": {"parent": None, "message": None},
        "a": node("root", "system", "You are a helpful assistant."),
        "b": node("a", "user", {"asset_pointer": "file-service://goat.png"}, "What do goats eat?", at=DAY + 1),
        "c": node("b", "assistant", "Tin cans.", at=DAY + 2),  # was asked for anew
        "d": node("b", "assistant", "search('goats')", content_type="code", recipient="browser", at=DAY + 3),
        "e": node("d", "tool", "Goats browse.", at=DAY + 4),
        "f": node("e", "assistant", "Leaves\ue200cite\ue202turn0search1\ue201, mostly 【3†wiki】.", at=None),
    },
}
EARLIER = {"create_time": DAY - 500, "mapping": {"x": node(None, "user", "Hello.", at=DAY - 400)}}
LINES = {
    "name": "Boats",
    "created_at": "2024-05-01T08:00:00Z",
    "chat_messages": [
        {"sender": "human", "text": "old", "content": [{"type": "text", "text": "My boat is called Sula."}]},
        {"sender": "assistant", "text": "A gannet!", "created_at": "2024-05-01T08:01:30.5Z"},
        {"sender": "assistant", "text": " "},
    ],
}


class TestAnAgentThatWasExported:
    def test_says_knows_and_sees_what_it_did(self, tmp_path: Path) -> None:
        with opened("ada", [say("Hello."), say("Noted.")]) as agent:
            agent.ask(f"Hi. {LONG}")
            agent.evict()
            agent.ask("My dog is called Rex.")
            rex = agent.recall.since(0)[-2].id
            agent.archival.insert("The dog is called Rex.", location=f"recall:{rex}")
            agent.blocks["user"] = f"See recall:{rex} and archival:999."
            before, summary = said(agent), agent._storage.state.summary()
            agent._storage.recall.append(Kind.SPEECH, "And th", turn=2, state=State.CUT)
            forgotten = agent._storage.recall.import_past([Told(Kind.USER, "A secret.", datetime.now(UTC))])
            agent.memory.forget(f"recall:{forgotten[0]}")
        file = tmp_path / "ada.json"
        file.write_text(invoke("export", "ada", "--json").output)
        assert invoke("delete", "ada", "--yes").exit_code == 0
        done = invoke("import", "eve", file)
        assert done.exit_code == 0 and "eve remembers what was said (5 messages, and 1 noted)." in done.stdout
        with opened("eve") as eve:
            assert said(eve) == [*before, (Kind.SPEECH, "And th")]
            new = [message.id for message in eve.recall.since(0) if message.content == "My dog is called Rex."]
            assert new != [rex] and eve.blocks["user"].text == f"See recall:{new[0]} and archival:0."
            assert [note.location for note in eve.memory.notes] == [f"recall:{new[0]}"]
            assert eve.recall.since(0)[-1].state is State.CUT
            first, last = eve.recall.since(0)[:2]
            assert eve._storage.state.summary() == re.sub(r"recall:\d+-\d+", f"recall:{first.id}-{last.id}", summary)
            model = eve.kernel.controller._model
            assert isinstance(model, ScriptedModel)
            view = model.text(eve.kernel.queue.context.tokens)
            assert "My dog is called Rex." in view and LONG not in view
            assert eve.recall.search("dog").items[0].content == "My dog is called Rex."

    def test_all_of_it_or_nothing(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        with opened("ada", [say("Hello.")]) as agent:
            agent.ask("Hi.")
        file = tmp_path / "ada.json"
        file.write_text(invoke("export", "ada", "--json").output)
        assert "There is an agent Ada already." in str(invoke("import", "Ada", file).exception)
        with monkeypatch.context() as patch, Database.open(home()) as database:
            patch.setattr("memos.storage.importing._leave", lambda *_: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                database.import_agent("eve", read_past(file))
            assert [one.name for one in database.agents()] == ["ada"]
        sessions = Sessions(model=ScriptedModel([]), embedding="none")
        assert len(sessions.import_agent("eve", file).told) == 2
        sessions.close()


class TestAnotherAssistant:
    def test_the_branch_that_was_read_last_in_the_order_of_days(self, tmp_path: Path) -> None:
        file = tmp_path / "conversations.json"
        file.write_text(json.dumps([TREE, EARLIER]))
        told = read_past(file).told
        assert [(one.kind, one.content) for one in told] == [
            (Kind.USER, "Hello."),
            (Kind.USER, "What do goats eat?"),
            (Kind.SPEECH, "Leaves, mostly ."),
        ]
        assert [one.said_at.timestamp() - DAY for one in told] == [-400, 1, 1]

    def test_an_archive_of_several_parts(self, tmp_path: Path) -> None:
        file = tmp_path / "export.zip"
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("user.json", "{}")
            archive.writestr("conversations-001.json", json.dumps([LINES]))
            archive.writestr("conversations-000.json", json.dumps([TREE]))
        told = read_past(file).told
        assert [one.content for one in told[-2:]] == ["My boat is called Sula.", "A gannet!"]
        assert told[-2].said_at == datetime(2024, 5, 1, 8, tzinfo=UTC) and len(told) == 4

    def test_is_remembered_and_not_in_view(self, tmp_path: Path) -> None:
        file = tmp_path / "conversations.json"
        file.write_text(json.dumps([LINES]))
        assert json.loads(invoke("import", "ada", file, "--json").output) == {"agent": "ada", "messages": 2, "notes": 0}
        with opened("ada") as agent:
            assert agent.recall.search("boat").items[0].created_at == datetime(2024, 5, 1, 8, tzinfo=UTC)
            model = agent.kernel.controller._model
            assert isinstance(model, ScriptedModel) and agent.blocks["user"].text == ""
            assert "Sula" not in model.text(agent.kernel.queue.context.tokens)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", "not JSON"),
        ("[1]", "neither an agent"),
        ('{"messages": []}', "neither an agent"),
        ("[]", "Nobody says anything"),
        (json.dumps([{"mapping": {"a": {"parent": "b"}, "b": {"parent": "a"}}, "current_node": "a"}]), "Nobody says"),
        (json.dumps({"agent": "a", "messages": [], "blocks": [{"label": "No!", "text": "", "limit": 1}]}), "neither"),
    ],
)
def test_what_is_no_past_is_one_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    file = tmp_path / "conversations.json"
    file.write_text(text)
    with pytest.raises(InputError, match=sentence):
        read_past(file)


def test_archives_that_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    empty, file = tmp_path / "empty.zip", tmp_path / "export.zip"
    for path, name in ((empty, "user.json"), (file, "conversations.json")):
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(name, json.dumps([LINES]))
    with pytest.raises(InputError, match=r"no conversations\.json"):
        read_past(empty)
    with monkeypatch.context() as patch:
        patch.setattr("memos.agents.importing.MOST_BYTES", 100)
        with pytest.raises(InputError, match="holds more than"):
            read_past(file)
    data = bytearray(file.read_bytes())
    data[60] ^= 255
    file.write_bytes(data)
    with pytest.raises(InputError, match="damaged or encrypted"):
        read_past(file)
    with pytest.raises(InputError, match="cannot be read: No such file"):
        read_past(tmp_path / "nowhere.json")
    with pytest.raises(InputError, match="cannot be read"):
        read_past(tmp_path)


def test_the_line_of_progress_goes_where_it_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def shown(status: Status, *, quiet: bool = False) -> None:
        status._on, status._shown = True, False

    monkeypatch.setattr(Status, "__init__", shown)
    failed = invoke("import", "ada", tmp_path / "nowhere.json")
    assert isinstance(failed.exception, InputError) and failed.stderr.endswith("\r\x1b[2K")


def test_times_that_are_none(tmp_path: Path) -> None:
    file = tmp_path / "conversations.json"
    tree = {"create_time": 1e300, "mapping": {"a": node(None, "user", "Hello.", at=-5.0)}}
    file.write_text(json.dumps([tree]))
    assert read_past(file).told[0].said_at == datetime(1970, 1, 1, tzinfo=UTC)
