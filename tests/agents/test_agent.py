"""The Python API: one agent, its memory, its lifetime; and its asynchronous twin."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from memos import Agent, AgentBusy, AsyncAgent, BlockError, InputError, events, tool
from memos.agents import Sessions
from memos.errors import MemosError, ModelError, ModelNotFound
from memos.generation import Generated, Piece, Reading
from memos.messages import Call
from memos.testing import ScriptedModel, say
from tests.in_step import InStep


def opened(script: list[Call] | None = None, **options: Any) -> Agent:
    model = options.pop("model", None) or ScriptedModel(script or [])
    return Agent.open("ada", model=model, embedding="none", **options)


def test_ask_stream_blocks_recall_and_archival() -> None:
    with opened([say("Hello Ada!"), say("Rex.")]) as agent:
        assert agent.ask("Hi, I'm Ada. My dog is called Rex.").text == "Hello Ada!"
        kinds = [type(event).__name__ for event in agent.stream("What is my dog called?")]
        assert kinds[0] == "MessageStored" and kinds[-1] == "TurnFinished"
        agent.blocks["user"] = "Name is Ada"
        assert agent.blocks["user"].text == "Name is Ada" and list(agent.blocks) == ["user", "assistant"]
        assert "Rex" in agent.recall.search("Rex").items[0].content
        note = agent.archival.insert("The locker is number 17.")
        assert agent.archival.search("locker").items[0].id == note.id
        assert agent.context().used > 0
    with opened() as again:
        assert again.blocks["user"].text == "Name is Ada" and again.recall.count() > 3


def test_a_tool_of_ones_own_is_called() -> None:
    @tool
    def weather(city: str) -> str:
        """tell the weather in a city."""
        return f"Rain in {city}."

    with opened([Call("weather", {"city": "Bern"}), say("It rains.")], tools=[weather]) as agent:
        reply = agent.ask("How is the weather in Bern?")
        results = [event.result for event in reply.events if isinstance(event, events.CallFinished)]
        assert results == ["[result] Rain in Bern."] and str(reply) == "It rains."


def test_the_model_that_an_agent_runs_on_is_known() -> None:
    with opened(model=ScriptedModel([], name="parrot")) as agent:
        assert agent.settings.model == agent.model_name == "parrot"
    sessions = Sessions(model=ScriptedModel([], name="magpie"), embedding="none")
    try:
        assert [one.model for one in sessions.agents()] == ["parrot"]
        assert sessions.open("ada").settings.model == "magpie"
        assert [one.model for one in sessions.agents()] == ["magpie"]
    finally:
        sessions.close()


def test_a_model_that_is_named_stays_loaded_between_agents(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[str] = []

    def load(settings: Any, _progress: Any = None) -> ScriptedModel:
        loaded.append(settings.model)
        return ScriptedModel(name=settings.model)

    for module in ("agent", "sessions"):
        monkeypatch.setattr(f"memos.agents.{module}.load_model", load)
    sessions = Sessions(model="parrot", embedding="none")
    try:
        assert sessions.open("ada").model_name == sessions.open("eve").model_name == "parrot"
        assert loaded == ["parrot"]
        with pytest.raises(ModelNotFound):
            sessions.change(model="magpie")
        with pytest.raises(InputError):
            sessions.open("a/b")
        assert sessions.agent and sessions.agent.name == "eve" and sessions.settings.model == "parrot", "all as it was"
        monkeypatch.setattr("memos.models.store.resolve", Path)
        sessions.change(model="magpie")
        assert sessions.open("ada").model_name == "magpie"
    finally:
        sessions.close()


def test_a_data_folder_may_be_in_the_home_folder_and_stays_where_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    opened(folder="~/data").close()
    assert [path.name for path in tmp_path.iterdir()] == ["data"]
    with opened(folder="data") as agent:
        (tmp_path / "elsewhere").mkdir()
        monkeypatch.chdir(tmp_path / "elsewhere")
        agent.ask("Hi.")
    assert not list((tmp_path / "elsewhere").iterdir())


def test_a_function_that_is_no_tool_is_refused() -> None:
    with pytest.raises(InputError, match="@tool"):
        opened(tools=[len])


def test_two_tools_of_one_name_are_refused() -> None:
    @tool(name="send_message")
    def other(text: str) -> str:
        """something else."""
        return text

    with pytest.raises(InputError, match="different names"):
        opened(tools=[other])
    opened().close()  # the refusal left nothing locked


def test_an_agent_is_open_once() -> None:
    with opened(), pytest.raises(AgentBusy, match="ada"):
        opened()
    opened().close()


def test_a_second_message_at_once_is_refused() -> None:
    with opened() as agent:
        turn = agent.stream("one")
        next(turn)
        with pytest.raises(InputError, match="busy"):
            agent.ask("two")
        with pytest.raises(InputError, match="busy"):
            agent.edit_block("user", "x")
        list(turn)
        assert agent.ask("three").text


def test_a_cancel_counts_from_when_a_message_is_said() -> None:
    with opened([say("one two"), say("three"), say("four")]) as agent:
        agent.cancel()  # nothing runs
        assert agent.ask("hi").text == "one two"
        for stream in (agent.stream("and again"), agent.regenerate()):
            agent.cancel()  # before the first event is asked for
            (end,) = [event for event in stream if isinstance(event, events.TurnFinished)]
            assert end.reason == "cancelled" and end.text == ""
        assert agent.ask("and now?").text == "three"


@pytest.mark.parametrize("name", ["a/b", "", "..", "-x", "x" * 65])
def test_a_name_that_cannot_be_is_refused(name: str) -> None:
    with pytest.raises(InputError):
        Agent.open(name, model=ScriptedModel(), embedding="none")


def test_an_unknown_setting_or_block_is_named() -> None:
    with pytest.raises(InputError, match="no setting 'temprature'"):
        opened(temprature=1)
    with opened() as agent:
        with pytest.raises(BlockError, match="no block 'usr'"):
            agent.blocks["usr"]
        assert "user" in agent.blocks and "usr" not in agent.blocks
        assert agent.blocks.get("usr") is None and agent.blocks.get("user") == agent.blocks["user"]


def test_evicting_by_hand_keeps_everything_in_recall() -> None:
    with opened() as agent:
        for number in range(4):
            agent.ask(f"message {number}")
        happened = agent.evict()
        assert any(isinstance(event, events.Evicted) for event in happened)
        assert len(agent.evictions()) == 1 and agent.recall.count() >= 8


@pytest.mark.parametrize("error", [ModelError("The GPU is gone."), RuntimeError("a fault")])
def test_a_model_that_fails_at_the_end_leaves_nothing_open(error: Exception) -> None:
    class Failing(ScriptedModel):
        def prepare(self, *_: Any) -> Any:
            failed.append(error)
            raise error

    failed: list[Exception] = []
    agent = opened(model=Failing([say("Hello.")]), ahead=False)
    agent.ask("Hi.")
    agent.blocks["user"] = "Name is Ada"  # which is to be read at the end
    with nullcontext() if isinstance(error, MemosError) else pytest.raises(RuntimeError):
        agent.close()
    assert failed
    with opened() as again:
        assert again.blocks["user"].text == "Name is Ada"


def test_an_agent_that_is_closed_says_so() -> None:
    agent = opened()
    agent.close()
    agent.close()
    with pytest.raises(InputError, match="ada is closed"):
        agent.ask("Hi.")
    with pytest.raises(InputError, match="ada is closed"):
        agent.blocks["user"] = "Name is Ada"

    async def ask() -> None:
        twin = await AsyncAgent.open("ada", model=ScriptedModel(), embedding="none")
        await twin.close()
        for request in (twin.ask("Hi."), anext(twin.stream("Hi.")), twin.context()):
            with pytest.raises(InputError, match="ada is closed"):
                await request

    asyncio.run(ask())


def test_a_turn_that_nobody_follows_is_over_before_the_model_is_freed() -> None:
    used_after: list[str] = []

    class Watched(ScriptedModel):
        def tokenize(self, text: str) -> tuple[int, ...]:
            if freed:
                used_after.append(text)
            return super().tokenize(text)

    freed = False
    agent = opened(model=Watched([say("one two three")]))
    stream = agent.stream("Hi.")
    while not isinstance(next(stream), events.SpeechDelta):
        pass
    agent.close()
    freed = True
    (end,) = [event for event in stream if isinstance(event, events.TurnFinished)]
    assert (end.text, end.reason) == ("one ", "cancelled") and not used_after
    with opened() as again:
        assert [one.content for one in again.recall.since(0) if one.kind == "speech"] == ["one "]


@pytest.mark.embedding
def test_a_folder_is_ingested_and_found(tmp_path: Path) -> None:
    from memos.errors import ModelNotFound
    from memos.models.store import resolve

    try:
        resolve("all-minilm-l6-v2")
    except ModelNotFound as error:
        pytest.skip(str(error))
    (tmp_path / "handbook.md").write_text("# Backups\n\nBackups run every night at 2:30 on the small server.\n")
    script = [Call("archival_memory_search", {"query": "when do backups run"}), say("At 2:30.")]
    with Agent.open("ada", model=ScriptedModel(script)) as agent:
        totals = agent.ingest(tmp_path)
        assert (totals.read, totals.failed, totals.passages) == (1, 0, 1)
        reply = agent.ask("When do the backups run?")
        (result,) = [event.result for event in reply.events if isinstance(event, events.CallFinished)]
        assert "2:30" in result and "handbook.md > Backups" in result and "showing 1 of 1" in result


class Slow(ScriptedModel):
    """A scripted model that takes its time."""

    def generate(self, *arguments: Any, **options: Any) -> Iterator[Reading | Piece | Generated]:
        for item in super().generate(*arguments, **options):
            time.sleep(0.02)
            yield item


def test_the_asynchronous_twin_does_not_block_the_loop() -> None:
    async def talk() -> str:
        model = InStep([say("word " * 20)])
        async with await AsyncAgent.open("ada", model=model, embedding="none") as agent:
            model.loop = asyncio.get_running_loop()
            reply = await agent.ask("hello")
            assert (await agent.search_recall("hello")).items
            assert (await agent.context()).used
            return reply.text

    assert asyncio.run(talk()) == "word " * 20


def test_leaving_an_asynchronous_stream_cancels_the_turn() -> None:
    async def talk() -> str:
        async with await AsyncAgent.open("ada", model=Slow([say("word " * 200)]), embedding="none") as agent:
            stream = agent.stream("hello")
            async for event in stream:
                if isinstance(event, events.SpeechDelta):
                    break
            await stream.aclose()
            (said,) = [m for m in agent.agent.recall.search("word").items if m.kind == "speech"]
            return said.content

    assert 0 < len(asyncio.run(talk()).split()) < 200


@pytest.mark.parametrize("way", ["ask", "stream"])
def test_cancelling_a_request_that_waits_leaves_the_one_that_runs_alone(way: str) -> None:
    async def talk() -> tuple[str, bool, list[str]]:
        script = [say("word " * 30), say("never said")]
        async with await AsyncAgent.open("ada", model=Slow(script), embedding="none") as agent:

            async def second() -> None:
                if way == "ask":
                    await agent.ask("second")
                async for _ in agent.stream("second"):
                    pass

            first = asyncio.create_task(agent.ask("first"))
            await asyncio.sleep(0.1)
            waiting = asyncio.create_task(second())
            await asyncio.sleep(0.1)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            early = not first.done()  # it does not wait for the other's end
            reply = await first
            stored = [m.content for m in agent.agent.recall.since(0) if m.kind == "user"]
            return reply.text, early, stored

    text, early, stored = asyncio.run(talk())
    assert len(text.split()) == 30 and early and stored == ["first"]


def test_cancelling_the_task_that_asks_cancels_its_turn() -> None:
    async def talk() -> list[str]:
        async with await AsyncAgent.open("ada", model=Slow([say("word " * 200)]), embedding="none") as agent:
            asking = asyncio.create_task(agent.ask("first"))
            while not (said := [m for m in agent.agent.recall.since(0) if m.kind == "speech"]):
                await asyncio.sleep(0.02)
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
            await agent.context()
            return [m.content for m in agent.agent.recall.since(said[0].id)]

    (said,) = asyncio.run(talk())
    assert 0 < len(said.split()) < 200


def test_closing_twice_in_an_event_loop_is_fine() -> None:
    async def run() -> None:
        async with await AsyncAgent.open("ada", model=ScriptedModel(), embedding="none") as agent:
            await agent.ask("Hi.")
            await agent.close()
            await agent.close()

    asyncio.run(run())


def test_a_close_that_is_not_waited_for_closes_all_the_same() -> None:
    async def run() -> None:
        agent = await AsyncAgent.open("ada", model=Slow([say("word " * 30)]), embedding="none")
        asking = asyncio.create_task(agent.ask("Hi."))
        await asyncio.sleep(0.1)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(agent.close(), 0.1)
        assert not asking.done()
        await agent.close()
        assert len((await asking).text.split()) == 30

    asyncio.run(run())
    opened().close()


def test_a_clock_without_a_zone_is_that_of_the_machine() -> None:
    with Agent.open("ada", model=ScriptedModel(), embedding="none", now=datetime.now) as agent:
        agent.ask("Hi.")
        assert agent.ask("And again.").text


def test_an_agent_that_is_opened_for_nobody_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = Agent.open

    def slow(*arguments: Any, **options: Any) -> Agent:
        opened = usual(*arguments, **options)
        time.sleep(0.2)
        return opened

    async def talk() -> None:
        monkeypatch.setattr(Agent, "open", slow)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(AsyncAgent.open("ada", model=ScriptedModel(), embedding="none"), 0.1)
        monkeypatch.setattr(Agent, "open", usual)
        await asyncio.sleep(1)
        async with await AsyncAgent.open("ada", model=ScriptedModel(), embedding="none"):
            pass

    asyncio.run(talk())
