"""What a user does to memory by hand: going back, copies, pages, pins, forgetting, undo, export."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import pytest
from click.testing import CliRunner

from memos import Agent, BlockError, InputError, events, prompts
from memos.agents import Sessions
from memos.agents.opening import opened as shown
from memos.cli.agents import command as agents_command
from memos.messages import Call, Kind, Message, State, Told
from memos.testing import ScriptedModel, say

LONG = "word " * 90


def opened(script: list[Call] | None = None, **options: Any) -> Agent:
    model = options.pop("model", None) or ScriptedModel(script or [], window=options.pop("window", 2048))
    return Agent.open("ada", model=model, embedding="none", ahead=False, **options)


def asked(agent: Agent) -> list[Message]:
    return [message for message in agent.recall.since(0) if message.kind is Kind.USER]


def contents(agent: Agent) -> list[str]:
    return [message.content for message in agent.recall.since(0) if message.kind in (Kind.USER, Kind.SPEECH)]


def view(agent: Agent) -> str:
    model = agent.kernel.controller._model
    assert isinstance(model, ScriptedModel)
    return model.text(agent.kernel.queue.context.tokens)


def assert_forgotten(agent: Agent, *words: str) -> None:
    """Neither the prompt nor anything that is stored has one of these words."""
    model = agent.kernel.controller._model
    assert isinstance(model, ScriptedModel)
    with closing(sqlite3.connect(agent._database.home / "memos.sqlite")) as database:
        stored = "\n".join(database.iterdump())
    for word in words:
        assert word not in model.text(agent.kernel.queue.context.tokens)
        assert word not in stored


class TestGoingBack:
    def test_a_rewind_takes_back_words_notes_and_edits_of_the_model(self) -> None:
        script = [
            say("Hello."),
            Call("core_memory_append", {"label": "user", "content": "Has a dog"}),
            Call("archival_memory_insert", {"content": "The dog is called Rex."}),
            say("Noted."),
        ]
        with opened(script, memory_threshold=0.0) as agent:
            agent.ask("Hi.")
            before = agent.kernel.queue.context.tokens
            agent.ask("My dog is called Rex.")
            assert agent.blocks["user"].text == "Has a dog" and agent.archival.count() == 1
            moved = agent.history.rewind(asked(agent)[-1].id)
            assert events.PrefixMoved("rewind", len(before)) in moved
            assert agent.kernel.queue.context.tokens == before
            assert agent.blocks["user"].text == "" and agent.archival.count() == 0
            assert contents(agent) == ["Hi.", "Hello."] and not agent.recall.search("Rex").items
        with opened() as again:
            assert again.kernel.queue.context.tokens == before

    def test_what_was_taken_back_stays_in_the_database(self) -> None:
        with opened([say("Hello.")]) as agent:
            agent.ask("Hi.")
            number = asked(agent)[0].id
            agent.history.rewind(number)
            kept = agent.recall.get(number)
            assert kept is not None and kept.content == "Hi." and kept.state is State.REWOUND
            with pytest.raises(InputError, match="go back"):
                agent.history.rewind(number)
            for show in (agent.memory.page_in, agent.memory.pin):
                with pytest.raises(InputError, match="There is no recall:"):
                    show(f"recall:{number}")
        with pytest.raises(InputError, match="There is no recall:"):
            shown(f"recall:{number}", "ada")

    def test_a_rewind_behind_an_eviction_brings_the_older_summary_and_messages_back(self) -> None:
        with opened(window=1024) as agent:
            for number in range(3):
                agent.ask(f"{number} {LONG}")
            before, summary = agent.kernel.queue.context.tokens, agent.kernel.queue.context.fixed.summary
            while len(agent.evictions()) < 2:
                agent.ask(f"more {LONG}")
            cut = next(message for message in asked(agent) if message.content.startswith("more"))
            agent.history.rewind(cut.id)
            assert agent.kernel.queue.context.tokens == before
            assert agent.kernel.queue.context.fixed.summary == summary
            assert all(eviction.last_id < cut.id for eviction in agent.evictions())
            assert agent.ask("And now?").text

    def test_an_edit_by_hand_outlives_a_rewind_and_is_in_the_prompt(self) -> None:
        with opened([say("Hello."), say("Again.")]) as agent:
            agent.ask("Hi.")
            agent.ask("My dog is called Rex.")
            agent.blocks["user"] = "Name is Ada"
            agent.history.rewind(asked(agent)[-1].id)
            assert agent.blocks["user"].text == "Name is Ada"
            model = agent.kernel.controller._model
            assert isinstance(model, ScriptedModel) and "Name is Ada" in model.text(agent.kernel.queue.context.tokens)

    @pytest.mark.parametrize("by", ["assistant", "user"])
    def test_a_block_that_was_written_back_since_is_laid_out_as_it_is_after_a_rewind(self, by: str) -> None:
        script = [Call("core_memory_append", {"label": "user", "content": "Has a dog"}), say("Noted.")]
        with opened(script, memory_threshold=0.0, snapshots=0) as agent:
            agent.ask("My dog is called Rex.")
            if by == "user":
                agent.blocks["user"] = "Name is Ada"
        with opened(snapshots=0) as agent:
            assert agent.blocks["user"].text in view(agent)
            agent.history.rewind(asked(agent)[0].id)
            assert agent.blocks["user"].text == ("Name is Ada" if by == "user" else "")
            assert ("Name is Ada" in view(agent)) is (by == "user") and "dog" not in view(agent)
            tokens = agent.kernel.queue.context.tokens
        with opened(snapshots=0) as agent:
            assert agent.kernel.queue.context.tokens == tokens

    def test_what_the_queue_tells_of_a_block_does_not_move_the_prefix(self) -> None:
        with opened([say("Hello."), say("Again.")]) as agent:
            agent.ask("Hi.")
            agent.blocks["user"] = "Name is Ada"
            before = agent.kernel.queue.context.tokens
            agent.ask("My dog is called Rex.")
            moved = agent.history.rewind(asked(agent)[-1].id)
            assert events.PrefixMoved("rewind", len(before)) in moved
            assert agent.kernel.queue.context.tokens == before

    def test_nor_does_it_where_another_block_was_edited_by_hand_since(self) -> None:
        with opened([say("Hello."), say("Again.")]) as agent:
            agent.ask("Hi.")
            agent.blocks["user"] = "Name is Ada"
            before = agent.kernel.queue.context.tokens
            agent.ask("My dog is called Rex.")
            agent.blocks["assistant"] = "Talks like a pirate."
            agent.blocks.undo("assistant")
            moved = agent.history.rewind(asked(agent)[-1].id)
            assert [event for event in moved if isinstance(event, events.PrefixMoved)] == [
                events.PrefixMoved("rewind", len(before))
            ]
            assert agent.kernel.queue.context.tokens == before

    def test_a_copy_from_before_an_eviction_tells_nothing_of_what_was_edited_then(self) -> None:
        out = {"label": "user", "old_content": "Has a dog", "new_content": "Has no pet"}
        script = [say("Hello."), Call("core_memory_replace", out), say("No.")]
        with opened(script, memory_threshold=0.0, snapshots=0) as agent:
            agent.blocks["user"] = "Has no pet"
            agent.blocks["user"] = "Has a dog"
            agent.ask("Hi.")
            agent.evict()  # and the edits leave
            agent.ask("The dog has died.")
            assert agent.blocks["user"].text == "Has no pet"
        with opened(snapshots=0) as agent:
            agent.history.rewind(asked(agent)[-1].id)
            assert agent.blocks["user"].text == "Has a dog" and "Has a dog" in view(agent)

    def test_an_imported_talk_of_an_older_date_takes_nothing_back_that_was_before_it(self) -> None:
        with opened([say("Hello.")] * 3) as agent:
            agent.ask("Hi.")
            agent.blocks["user"] = "Name is Ada"
            agent.evict()
            agent.ask("And now?")
            evicted = agent.evictions()
            told = [Told(Kind.USER, "I like tea.", datetime(2020, 1, 1, tzinfo=UTC))]
            (number,) = agent._storage.recall.import_past(told)
            agent.ask("My dog is called Rex.")
            agent.history.rewind(number)
            assert agent.blocks["user"].text == "Name is Ada" and agent.evictions() == evicted
            (number,) = agent._storage.recall.import_past(told)
            agent.history.rewind(number)
            assert agent.blocks["user"].text == "Name is Ada" and agent.evictions() == evicted

    def test_what_was_noted_late_of_a_message_that_stays_stays_in_its_block(self) -> None:
        model = ScriptedModel(yes=lambda prompt: 0.9 if prompts.FACT_PROBE in prompt else 0.0)
        with opened(model=model) as agent:
            turn = agent.stream("I have a dog.")
            next(event for event in turn if isinstance(event, events.Speech))
            turn.close()  # before facts are looked for
            agent.ask("I live in Graz.")
            assert agent.blocks["user"].text == "I have a dog.\nI live in Graz."
            agent.history.rewind(asked(agent)[-1].id)
            assert agent.blocks["user"].text == "I have a dog."
            assert [note.text for note in agent._storage.archival.notes()] == ["I have a dog."]

    def test_an_earlier_message_is_said_in_other_words(self) -> None:
        with opened([say("one"), say("two"), say("three")]) as agent:
            agent.ask("first")
            agent.ask("second")
            happened = list(agent.stream("first, better", instead_of=asked(agent)[0].id))
            assert contents(agent) == ["first, better", "three"]
            (step,) = [event for event in happened if isinstance(event, events.Step)]
            assert step.reused >= len(agent.kernel.queue.context.fixed.instructions)

    def test_a_new_wording_that_cannot_be_used_takes_nothing_back(self) -> None:
        with opened([say("one")]) as agent:
            agent.ask("first")
            for text in ("", "word " * 5000):
                with pytest.raises(InputError):
                    list(agent.stream(text, instead_of=asked(agent)[0].id))
            assert contents(agent) == ["first", "one"]

    def test_an_answer_is_generated_anew_with_another_seed_each_time(self) -> None:
        seen: list[tuple[float, int]] = []

        class Listening(ScriptedModel):
            def generate(self, *given: Any, **options: Any) -> Any:
                seen.append((options["sampling"].temperature, options["sampling"].seed))
                return super().generate(*given, **options)

        with opened(model=Listening([say("one"), say("two"), say("three")])) as agent:
            with pytest.raises(InputError, match="no answer"):
                list(agent.regenerate())
            agent.ask("first")
            list(agent.regenerate())
            list(agent.regenerate())
            assert contents(agent) == ["first", "three"]
        assert seen[0] == (0.0, 0) and seen[1][0] > 0 and seen[1] != seen[2]


class TestMemory:
    def test_a_page_that_is_asked_for_is_in_view(self) -> None:
        with opened() as agent:
            note = agent.archival.insert("The locker is number 17.")
            before = agent.kernel.queue.context.tokens
            (event,) = agent.memory.page_in(f"archival:{note.id}")
            assert isinstance(event, events.PagedIn) and event.sources == (f"archival:{note.id}",)
            assert agent.kernel.queue.context.tokens[: len(before)] == before
            assert agent.map().segments[-1].name == "page"
            for wrong in ("recall:99", "archival:x", "nothing", "recall:²", f"recall:{10**20}"):
                with pytest.raises(InputError):
                    agent.memory.page_in(wrong)

    def test_a_pin_stays_in_view_through_evictions_and_restarts(self) -> None:
        with opened(window=2048) as agent:
            note = agent.archival.insert("The locker is number 17.")
            agent.memory.pin(f"archival:{note.id}")
            while not agent.evictions():
                agent.ask(LONG)
            assert any(segment.name == "block pinned" for segment in agent.map().segments)
        with opened(window=2048) as again:
            assert list(again.memory.pins) == [f"archival:{note.id}"]
            assert "number 17" in again.blocks["pinned"].text
            again.memory.unpin(f"archival:{note.id}")
            assert not again.memory.pins
            with pytest.raises(InputError, match="not pinned"):
                again.memory.unpin("recall:1")

    def test_a_pin_that_is_too_long_changes_nothing(self) -> None:
        with opened() as agent:
            note = agent.archival.insert("word " * 300)
            with pytest.raises(BlockError, match="holds at most"):
                agent.memory.pin(f"archival:{note.id}")
            assert list(agent.blocks) == ["user", "assistant"]

    def test_what_is_forgotten_is_nowhere(self) -> None:
        secret = "My dog is called Rex."
        with opened([say("What a name.")]) as agent:
            agent.ask(secret)
            number = asked(agent)[0].id
            note = agent.archival.insert(secret, location=f"recall:{number}")
            agent.blocks["user"] = f"Name is Ada\n{secret}"
            agent.memory.page_in(f"archival:{note.id}")
            agent.memory.pin(f"recall:{number}")
            happened = agent.memory.forget(f"recall:{number}")
            assert any(isinstance(event, events.PrefixMoved) and event.reason == "forget" for event in happened)
            assert agent.blocks["user"].text == "Name is Ada" and agent.memory.pins == ()
            assert agent.recall.search("Rex").items == () and agent.archival.get(note.id) is None
            stored = [m.content for m in agent.recall.since(0) if m.kind in (Kind.USER, Kind.PAGE)]
            assert stored == ["(forgotten)", "(forgotten)"]
            assert_forgotten(agent, secret)

    def test_what_is_forgotten_is_not_asked_anew(self) -> None:
        with opened([say("What a name."), say("I see.")]) as agent:
            agent.ask("I am Ada.")
            agent.ask("My dog is called Rex.")
            agent.memory.forget(f"recall:{asked(agent)[-1].id}")
            assert agent.history.asked() == ["I am Ada."] and agent.history.last_asked() is None
            with pytest.raises(InputError, match="forgotten"):
                agent.regenerate()

    def test_the_notes_of_a_message_are_forgotten_with_the_lines_that_repeat_them(self) -> None:
        model = ScriptedModel([say("Nice.")], yes=lambda prompt: 0.9 if prompts.FACT_PROBE in prompt else 0.0)
        with opened(model=model) as agent:
            agent.ask("I have a dog. I live in Graz.")
            assert agent.blocks["user"].text == "I have a dog.\nI live in Graz." and agent.archival.count() == 2
            agent.blocks["user"] = "Name is Ada\n" + agent.blocks["user"].text
            agent.memory.forget(f"recall:{asked(agent)[0].id}")
            assert agent.blocks["user"].text == "Name is Ada" and agent.archival.count() == 0
            assert_forgotten(agent, "dog", "Graz")
        with opened(model=model) as again:
            assert_forgotten(again, "dog", "Graz")

    def test_a_pinned_note_is_forgotten_with_its_pin(self) -> None:
        with opened() as agent:
            agent.ask("Hi.")
            note = agent.archival.insert("The locker is number 17.")
            other = agent.archival.insert("Backups run at night.")
            agent.memory.pin(f"archival:{note.id}")
            agent.memory.pin(f"archival:{other.id}")
            agent.memory.forget(f"archival:{note.id}")
            assert agent.memory.pins == (f"archival:{other.id}",)
            assert_forgotten(agent, "locker")
            model = agent.kernel.controller._model
            assert isinstance(model, ScriptedModel)
            assert "Backups" in model.text(agent.kernel.queue.context.tokens)

    def test_alerts_and_copies_in_the_head_forget_what_a_block_said(self) -> None:
        with opened([say("One."), say("Two.")]) as agent:
            agent.ask("My secret word is xylophone.")
            agent.ask("Hello again.")
            first = asked(agent)[0]
            agent.memory.pin(f"recall:{first.id}")
            agent.blocks["user"] = f"Name is Ada\n{first.content}\n" + "word " * 90
            agent.evict()  # writes the blocks back
            agent.ask("And again.")
            agent.blocks["user"] = f"Name is Ada\n{first.content}"
            agent.memory.forget(f"recall:{first.id}")
            assert agent.blocks["user"].text == "Name is Ada"
            assert_forgotten(agent, "xylophone")
            while agent.blocks["user"].text:
                agent.blocks.undo("user")
                assert "xylophone" not in agent.blocks["user"].text

    def test_the_head_forgets_what_its_block_has_lost_already(self) -> None:
        with opened([say("One."), say("Two.")]) as agent:
            agent.ask("My secret word is xylophone.")
            first = asked(agent)[0]
            agent.blocks["user"] = f"Name is Ada\n{first.content}"
            agent.evict()  # writes the blocks back
            agent.ask("Hello again.")
            agent.blocks["user"] = "Name is Ada"
            assert "xylophone" in view(agent)
            agent.memory.forget(f"recall:{first.id}")
            assert_forgotten(agent, "xylophone")

    def test_what_the_model_saved_is_forgotten_in_its_call_and_in_the_result(self) -> None:
        script = [
            Call("archival_memory_insert", {"content": "The locker is number 17."}),
            Call("core_memory_append", {"label": "user", "content": "The locker is number 17."}),
            say("Noted."),
        ]
        with opened(script, memory_threshold=0.0, note_facts=False) as agent:
            agent.ask("Keep that.")
            agent.memory.forget(f"archival:{agent.archival.search('locker').items[0].id}")
            assert_forgotten(agent, "locker")
            calls = [json.loads(m.content) for m in agent.recall.since(0) if m.kind is Kind.CALL]
            assert [call["arguments"]["content"] for call in calls] == ["(forgotten)"] * 2
            assert agent.ask("And now?").text

    def test_forgetting_brings_nothing_back_that_was_taken_back(self) -> None:
        with opened([say("One."), say("Two.")]) as agent:
            agent.ask("Hi.")
            note = agent.archival.insert("The locker is number 17.")
            agent.ask("Where is it?")
            agent.memory.page_in(f"archival:{note.id}")
            agent.history.rewind(asked(agent)[-1].id)
            before = agent.recall.count()
            agent.memory.forget(f"archival:{note.id}")
            assert agent.recall.count() == before

    def test_what_the_kernel_said_with_it_is_forgotten_with_it(self) -> None:
        with opened([say("What a name.")]) as agent:
            agent.ask("I got a dog. Is Rex a good name?")
            *_, again = [m.content for m in agent.recall.since(0) if m.kind is Kind.ALERT]
            assert again == prompts.reply("Is Rex a good name?")
            agent.memory.forget(f"recall:{asked(agent)[0].id}")
            assert_forgotten(agent, "Rex")

    def test_undo_goes_back_change_by_change(self) -> None:
        with opened() as agent:
            for text in ("one", "two", "three"):
                agent.blocks["user"] = text
            for former in ("two", "one", ""):
                agent.blocks.undo("user")
                assert agent.blocks["user"].text == former
            with pytest.raises(BlockError, match="never changed"):
                agent.blocks.undo("user")
            agent.blocks["user"] = "four"
            agent.blocks.undo("user")
            assert agent.blocks["user"].text == ""
            assert agent.blocks.changes("user")[0].by == "user"

    def test_undo_goes_on_behind_what_was_forgotten(self) -> None:
        with opened() as agent:
            note = agent.archival.insert("Has a dog")
            for text in ("Is called Ada", "Is called Ada\nHas a dog"):
                agent.blocks["user"] = text
            agent.memory.forget(f"archival:{note.id}")
            assert agent.blocks["user"].text == "Is called Ada"
            agent.blocks.undo("user")
            assert agent.blocks["user"].text == ""
            with pytest.raises(BlockError, match="never changed"):
                agent.blocks.undo("user")

    def test_the_map_is_to_the_token(self) -> None:
        with opened(window=1024) as agent:
            for number in range(2):
                agent.ask(f"{number} {LONG}")
            drawn = agent.map()
            assert drawn.used == agent.context().used == len(agent.kernel.queue.context.tokens)
            assert next(segment.start for segment in drawn.segments) == 0
            for one, two in zip(drawn.segments, drawn.segments[1:], strict=False):
                assert one.start + one.tokens == two.start
            leaving = [segment.message_id for segment in drawn.segments if segment.leaves]
            (evicted,) = [event for event in agent.evict() if isinstance(event, events.Evicted)]
            assert leaving[0] == evicted.first_id and leaving[-1] <= evicted.last_id


class TestSessions:
    def test_a_fork_is_an_agent_of_its_own(self) -> None:
        sessions = Sessions(model=ScriptedModel(window=1024), embedding="none", ahead=False)
        agent = sessions.open("ada")
        for number in range(6):
            agent.ask(f"{number} {LONG}")
        agent.archival.insert("A note.", location=f"recall:{asked(agent)[0].id}")
        fourth = asked(agent)[4].id
        agent._storage.state.record_unnoted([asked(agent)[1].id, fourth])
        original, tokens = contents(agent), agent.kernel.queue.context.tokens
        sessions.fork("ada", "eve", before_id=fourth)
        with pytest.raises(InputError, match="already"):
            sessions.fork("ada", "eve")
        eve = sessions.open("eve")
        assert contents(eve) == original[:8]
        start = eve.kernel.queue.first_id
        assert eve.recall.since(start)[0].id == start
        assert eve._storage.state.unnoted() == [asked(eve)[1].id]
        note = eve.archival.search("note").items[0]
        assert note.location == f"recall:{asked(eve)[0].id}"
        eve.ask("Only for Eve.")
        assert contents(sessions.open("ada")) == original
        assert sessions.agent is not None and sessions.agent.kernel.queue.context.tokens == tokens
        sessions.close()

    def test_the_pins_of_a_fork_are_its_own(self) -> None:
        sessions = Sessions(model=ScriptedModel(), embedding="none", ahead=False)
        agent = sessions.open("ada")
        agent.ask("Keep this in view.")
        number = asked(agent)[0].id
        agent.memory.pin(f"recall:{number}")
        agent.evict()  # writes the blocks back
        agent.blocks["user"] = f"See recall:{number}"
        sessions.fork("ada", "eve")
        eve = sessions.open("eve")
        own = asked(eve)[0].id
        assert eve.memory.pins == (f"recall:{own}",) and eve.blocks["user"].text == f"See recall:{own}"
        model = eve.kernel.controller._model
        assert isinstance(model, ScriptedModel) and own != number
        seen = model.text(eve.kernel.queue.context.tokens) + "".join(m.content for m in eve.recall.since(0))
        assert f"recall:{own}" in seen and f"recall:{number}" not in seen
        eve.memory.unpin(f"recall:{own}")
        eve.blocks.undo("pinned")
        assert eve.memory.pins == (f"recall:{own}",)
        sessions.close()

    def test_names_lists_and_documents(self) -> None:
        sessions = Sessions(model=ScriptedModel([say("Hello <b>Ada</b>.")]), embedding="none")
        sessions.open("ada").ask("Hi.")
        sessions.open("eve")
        sessions.rename("ada", "lovelace")
        assert [one.name for one in sessions.agents()] == ["lovelace", "eve"]
        text = sessions.export("lovelace")
        assert text.startswith("# lovelace") and "Hi." in text and "Hello <b>Ada</b>." in text
        whole = json.loads(sessions.export("lovelace", "json"))
        assert [row["content"] for row in whole["messages"] if row["kind"] == "user"] == ["Hi."]
        with pytest.raises(InputError, match="no form"):
            sessions.export("eve", "pdf")
        sessions.delete("eve")
        assert sessions.agent is None and [one.name for one in sessions.agents()] == ["lovelace"]
        assert any(choice.name == "smollm2-135m" for choice in sessions.models())
        sessions.close()

    def test_who_spoke_in_an_imported_talk_is_exported(self) -> None:
        sessions, when = Sessions(model=ScriptedModel([]), embedding="none"), datetime(2024, 1, 1, tzinfo=UTC)
        agent = sessions.open("ada")
        past = (Told(Kind.USER, "Hello.", when, "Melanie"), Told(Kind.SPEECH, "Hi Mel.", when, "Caroline"))
        agent._storage.recall.import_past([*past, Told(Kind.USER, "And I?", when)])
        headings = [line.partition(" ·")[0] for line in agent.history.export().splitlines() if line.startswith("## ")]
        assert headings == ["## Melanie", "## Caroline", "## You"]
        rows = json.loads(agent.history.export("json"))["messages"]
        assert [row["speaker"] for row in rows] == ["Melanie", "Caroline", ""]
        sessions.close()

    def test_between_turns_an_observer_hears_at_once(self) -> None:
        heard: list[events.Event] = []
        agent = Agent.open("ada", model=ScriptedModel(window=1024), embedding="none", observe=heard.append)
        with agent:
            for number in range(12):
                agent.ask(f"{number} {LONG}")
                agent._idle.end()
                agent._ahead(lambda: False)
            assert any(isinstance(event, events.Evicted) and event.reason == "ahead" for event in heard)


def test_the_command_line_copies_and_exports() -> None:
    with opened([say("Hello.")]) as agent:
        agent.ask("Hi.")
        agent.archival.insert("The dog is\ncalled Rex.", location="recall:1")
        assert [note.location for note in agent.memory.notes] == ["recall:1"]
    runner = CliRunner()
    assert runner.invoke(agents_command, ["fork", "ada", "eve"]).exit_code == 0
    text = runner.invoke(agents_command, ["export", "eve"]).output
    assert "Hello." in text and text.endswith("\n\n## Notes\n\n- The dog is called Rex.\n")
    whole = json.loads(runner.invoke(agents_command, ["export", "eve", "--json"]).output)
    assert whole["agent"] == "eve" and whole["messages"]
    assert [note["content"] for note in whole["notes"]] == ["The dog is\ncalled Rex."]
