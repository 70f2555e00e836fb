"""Closing while another thread is at work: what it does comes to its end before anything is freed under it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from memos import Agent, InputError, events, tool
from memos.agents import Sessions
from memos.agents.research import Research, open_research
from memos.agents.turns import Turns
from memos.events import Event
from memos.generation import Generated, Piece, Reading
from memos.messages import Call
from memos.storage import Database
from memos.testing import ScriptedModel, say

PATIENCE = 30.0  # seconds after which a test that waits has failed
NOTES = "/docs/notes.md"
HELD_AT = ("two", "kept", "that,")  # in what is said, answered, and summed up


class Held(ScriptedModel):
    """Stops at a word until it may go on, and notes whether anything is asked of it when it is freed."""

    def __init__(self, script: list[Call] | None = None, **options: Any) -> None:
        super().__init__([say("one two three")] if script is None else script, **options)
        self.waits, self.go_on = threading.Event(), threading.Event()
        self.freed, self.misused = False, False

    def generate(self, *arguments: Any, **options: Any) -> Iterator[Reading | Piece | Generated]:
        for item in super().generate(*arguments, **options):
            if isinstance(item, Piece) and item.text.strip() in HELD_AT:
                self.waits.set()
                assert self.go_on.wait(PATIENCE)
            self.misused = self.misused or self.freed
            yield item

    def tokenize(self, text: str) -> tuple[int, ...]:
        self.misused = self.misused or getattr(self, "freed", False)
        return super().tokenize(text)

    def close(self) -> None:
        self.freed = True


@pytest.fixture
def beside() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(3) as threads:
        yield threads


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> Callable[[ScriptedModel], None]:
    """Lets a model be loaded wherever one is, so that whoever opens it owns it."""

    def load(model: ScriptedModel) -> None:
        for module in ("agent", "sessions", "research"):
            monkeypatch.setattr(f"memos.agents.{module}.load_model", lambda *_: model)

    return load


def opened(**options: Any) -> Agent:
    return Agent.open("ada", embedding="none", **{"prefetch": False, "note_facts": False, **options})


def closed_meanwhile(model: Held, beside: ThreadPoolExecutor, *closes: Callable[[], None]) -> None:
    """Close in other threads what waits in the model, and let that go on when it is cancelled."""
    cancelled = threading.Event()
    usual = Turns.close

    def close(turns: Turns, free: Callable[[], None]) -> None:
        cancel = turns._cancel

        def noted() -> None:
            cancel()
            cancelled.set()

        turns._cancel = noted
        usual(turns, free)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Turns, "close", close)
        closing = [beside.submit(one) for one in closes]
        assert cancelled.wait(PATIENCE)
        for one in closing:
            with pytest.raises(TimeoutError):
                one.result(0.1)
        assert not model.freed, "it is freed under whoever uses it"
        model.go_on.set()
        for one in closing:
            one.result(PATIENCE)


# ------------------------------------------------------------------------------------------------ turns


@pytest.mark.parametrize("owner", ["agent", "sessions"])
def test_a_turn_in_another_thread_is_cancelled_and_over_before_the_model_is_freed(
    owner: str, loads: Callable[[ScriptedModel], None], beside: ThreadPoolExecutor
) -> None:
    model = Held()
    loads(model)
    sessions = Sessions(embedding="none", prefetch=False, note_facts=False)
    agent = opened() if owner == "agent" else sessions.open("ada")
    asks = beside.submit(agent.ask, "Hi.")
    assert model.waits.wait(PATIENCE)
    closed_meanwhile(model, beside, agent.close if owner == "agent" else sessions.close)
    reply = asks.result(PATIENCE)
    end = reply.events[-1]
    assert isinstance(end, events.TurnFinished) and end.reason == "cancelled" and reply.text == "one two "
    assert model.freed and not model.misused
    agent.close()
    sessions.close()
    for again in (lambda: agent.ask("And now?"), lambda: agent.edit_block("user", "Name is Ada")):
        with pytest.raises(InputError, match="Agent ada is closed"):
            again()
    with opened(model=ScriptedModel()) as agent:
        assert [one.content for one in agent.recall.since(0) if one.kind == "speech"] == ["one two "]


def test_a_turn_that_rests_between_two_events_is_run_on(beside: ThreadPoolExecutor) -> None:
    agent = opened(model=ScriptedModel([say("one two three")]))
    stream = agent.stream("Hi.")
    while not isinstance(next(stream), events.SpeechDelta):
        pass
    beside.submit(agent.close).result(PATIENCE)
    assert [event.reason for event in stream if isinstance(event, events.TurnFinished)] == ["cancelled"]
    assert list(stream) == []


def test_a_turn_that_fails_while_it_is_closed_tells_whoever_follows_it() -> None:
    class Failing(ScriptedModel):
        def resident(self, sequence: int = 0) -> tuple[int, ...]:
            if failing:
                raise RuntimeError("a fault")
            return super().resident(sequence)

    failing = False
    agent = opened(model=Failing([say("one two three")]), ahead=False)
    stream = agent.stream("Hi.")
    while not isinstance(next(stream), events.SpeechDelta):
        pass
    failing = True
    with pytest.raises(RuntimeError):  # the end of closing asks it, too
        agent.close()
    with pytest.raises(RuntimeError):
        list(stream)
    opened(model=ScriptedModel()).close()


def test_a_turn_that_was_asked_for_and_has_not_begun_does_not_begin() -> None:
    agent = opened(model=ScriptedModel())
    stream = agent.stream("Hi.")
    agent.close()
    with pytest.raises(InputError, match="Agent ada is closed"):
        next(stream)


def test_an_edit_in_another_thread_is_over_before_the_model_is_freed(
    loads: Callable[[ScriptedModel], None], beside: ThreadPoolExecutor
) -> None:
    model = Held([])
    loads(model)
    agent = opened()
    model.go_on.set()
    for number in range(3):
        agent.ask(f"message {number}")
    model.go_on.clear()
    model.waits.clear()
    evicts = beside.submit(agent.evict)
    assert model.waits.wait(PATIENCE)
    closed_meanwhile(model, beside, agent.close)
    told = evicts.result(PATIENCE)
    assert any(isinstance(event, events.Notice) and "stopped" in event.text for event in told)
    assert not any(isinstance(event, events.Evicted) for event in told) and not model.misused


def test_whoever_closes_at_the_same_time_waits_as_well(
    loads: Callable[[ScriptedModel], None], beside: ThreadPoolExecutor
) -> None:
    model = Held()
    loads(model)
    agent = opened()
    asks = beside.submit(agent.ask, "Hi.")
    assert model.waits.wait(PATIENCE)
    closed_meanwhile(model, beside, agent.close, agent.close)
    assert asks.result(PATIENCE).text and not model.misused


@pytest.mark.parametrize("owner", ["agent", "sessions"])
def test_a_turn_cannot_close_what_it_runs_on(owner: str, loads: Callable[[ScriptedModel], None]) -> None:
    refused: list[str] = []

    @tool
    def leave() -> str:
        """leave."""
        try:
            (agent if owner == "agent" else sessions).close()
        except InputError as error:
            refused.append(str(error))
        return "Here still."

    model = Held([Call("leave", {}), say("So I stay.")])
    model.go_on.set()
    loads(model)
    sessions = Sessions(tools=[leave], embedding="none", prefetch=False, note_facts=False)
    agent = opened(tools=[leave]) if owner == "agent" else sessions.open("ada")
    assert agent.ask("Leave.").text == "So I stay." and agent.ask("And now?").text
    assert refused == ["Agent ada cannot be closed from within its own message: close it afterwards."]
    sessions.close()
    agent.close()
    assert model.freed and not model.misused


def test_what_a_generator_is_told_goes_through() -> None:
    def turn() -> Iterator[Event]:
        try:
            yield events.Notice("one")
        except ValueError:
            yield events.Notice("two")

    stream = Turns("It", "thing", lambda: None).followed(turn())  # type: ignore[arg-type]
    assert next(stream) == events.Notice("one") and stream.throw(ValueError) == events.Notice("two")
    stream.close()
    assert list(stream) == []


# ---------------------------------------------------------------------------------------- sharing a model


def test_an_agent_that_opens_takes_nothing_from_one_in_the_middle_of_a_turn() -> None:
    """To open may begin a larger window, for which the model's context is made anew."""
    with Agent.open("eve", model=ScriptedModel(window=4096), embedding="none", prefetch=False) as eve:
        for _ in range(12):
            eve.ask("word " * 200)
    model = ScriptedModel(window=2048, larger=[4096])
    with opened(model=model) as ada:
        talking = ada.stream("hello")
        next(talking)
        with pytest.raises(InputError, match="Agent ada is busy"):
            Agent.open("eve", model=model, embedding="none", prefetch=False)
        assert model.window == 2048
        list(talking)
        with Agent.open("eve", model=model, embedding="none", prefetch=False):
            assert model.window == 4096


def test_an_agent_that_cannot_be_opened_lays_no_claim_to_the_model() -> None:
    model = ScriptedModel()
    with opened(model=model) as ada:
        with pytest.raises(InputError, match="different names"):
            Agent.open("eve", model=model, embedding="none", tools=[send_message])
        assert ada.ask("hello").text


@tool
def send_message(text: str) -> str:
    """something else."""
    return text


@pytest.mark.parametrize("first", ["ada", "eve"])
def test_of_two_who_ask_for_a_model_at_once_one_has_it(first: str, beside: ThreadPoolExecutor) -> None:
    """The second asks while the first takes it over."""
    asked, go_on = threading.Event(), threading.Event()
    has: list[str] = []

    def slow() -> None:
        asked.set()
        assert go_on.wait(PATIENCE)

    def released(name: str) -> Callable[[], None]:
        return lambda: has.remove(name)

    def claim(name: str, release: Callable[[], None]) -> None:
        model.claim(release)
        has.append(name)

    model = ScriptedModel()
    assert model.claim(slow)
    second = "eve" if first == "ada" else "ada"
    claims = [beside.submit(claim, first, released(first))]
    assert asked.wait(PATIENCE)
    asked.clear()
    claims.append(beside.submit(claim, second, released(second)))
    assert not asked.wait(0.2), "it is given away twice"
    go_on.set()
    for one in claims:
        one.result(PATIENCE)
    assert len(has) == 1


# -------------------------------------------------------------------------------------------- documents

Work = Callable[[Research], object]
BOTH = pytest.mark.parametrize(
    "work",
    [
        lambda research: research.analyst.ask("How long are backups kept?"),
        lambda research: research.team.ask("How long are backups kept?", NOTES),
        lambda research: research.summaries.summarise(NOTES),
    ],
    ids=["question", "team", "summary"],
)


@pytest.fixture
def documents(own_home: Path) -> None:
    with Database.open(own_home) as database:
        texts = ["Backups are kept for 90 days in Oslo.", "The tapes are blue."]
        database.library().store_document(NOTES, "hash", [(text, "") for text in texts])


def reading() -> Held:
    return Held(answers=["Backups are kept for 90 days in Oslo. [1]"] * 9, yes=0.9)


@BOTH
@pytest.mark.usefixtures("documents")
def test_what_is_read_in_another_thread_is_over_before_the_model_is_freed(
    work: Work, loads: Callable[[ScriptedModel], None], beside: ThreadPoolExecutor
) -> None:
    model = reading()
    loads(model)
    held = ExitStack()
    research = held.enter_context(open_research())
    works = beside.submit(work, research)
    assert model.waits.wait(PATIENCE)
    closed_meanwhile(model, beside, held.close)
    with pytest.raises(InputError, match=r"closed|cancelled"):
        works.result(PATIENCE)
    assert model.freed and not model.misused
    with pytest.raises(InputError, match="What reads documents is closed"):
        research.analyst.ask("How long are backups kept?")


@BOTH
@pytest.mark.usefixtures("documents")
def test_an_agent_and_what_reads_documents_take_turns_on_one_model(work: Work, beside: ThreadPoolExecutor) -> None:
    model = reading()
    model.go_on.set()
    with opened(model=model) as ada, open_research(model=model) as research:
        ada.ask("apple " * 100)
        talking = ada.stream("hello")
        next(talking)
        with pytest.raises(InputError, match="Agent ada is busy with another message"):
            work(research)
        list(talking)
        model.go_on.clear()
        model.waits.clear()
        works = beside.submit(work, research)
        assert model.waits.wait(PATIENCE)
        busy = "What reads documents is busy with another question"
        with pytest.raises(InputError, match=busy):
            ada.ask("hello")
        with pytest.raises(InputError, match=busy):
            work(research)
        model.go_on.set()
        assert works.result(PATIENCE)
        happened = ada.ask("and now?").events
        assert any(isinstance(event, events.Resumed) for event in happened), "its context was saved"


@pytest.mark.usefixtures("documents")
def test_an_agent_that_was_closed_and_documents_that_were_do_not_keep_the_model() -> None:
    model = reading()
    model.go_on.set()
    with open_research(model=model) as research:
        assert research.analyst.ask("How long are backups kept?").found
    with opened(model=model) as ada:
        ada.ask("hello")
    with open_research(model=model) as research:
        assert research.analyst.ask("How long are backups kept?").found


@pytest.mark.usefixtures("documents")
def test_whoever_observes_a_question_cannot_close_what_answers_it() -> None:
    refused: list[str] = []

    def observe(_event: Event) -> None:
        with pytest.raises(InputError) as error:
            research.analyst.reader.close()
        refused.append(str(error.value))

    model = reading()
    model.go_on.set()
    with open_research(model=model, observe=observe) as research:
        assert research.analyst.ask("How long are backups kept?").found
    assert set(refused) == {"What reads documents cannot be closed from within its own question: close it afterwards."}
