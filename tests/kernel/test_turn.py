"""The loop of one turn: who has control, what bounds it, and what becomes of failures."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from memos import events, prompts, tool
from memos.admission import NOT_THEIR_VOICE
from memos.errors import BlockError, InputError, WindowError
from memos.following import follow, identifiers
from memos.generation import CallGrammar
from memos.messages import Call, Eviction, Kind, State, Told
from memos.probes import asks
from memos.testing import say
from memos.working_context import WorkingContext
from tests.kernel.conftest import Bench, probed

SEARCH = Call("conversation_search", {"query": "dog"})
SAVE = Call("core_memory_append", {"label": "user", "content": "The dog is called Rex"})
ASKS = probed(ask=0.75)  # the message surely asks something of memory, and nothing is found that tells it


def test_only_speaking_ends_a_turn(bench: Bench, of: Any) -> None:
    bench.open(
        [SEARCH, Call("archival_memory_search", {"query": "dog"}), say("No idea.")], model=ASKS, note_facts=False
    )
    happened = bench.say("What is my dog called?")
    assert [call.name for call in of(happened, events.CallStarted)] == ["conversation_search", "archival_memory_search"]
    assert of(happened, events.TurnFinished)[0].text == "No idea."
    assert of(happened, events.TurnFinished)[0].steps == 3


def test_a_message_is_committed_before_anything_else_happens(bench: Bench) -> None:
    turn = bench.kernel.controller.turn("hello there")
    first = next(iter(turn))
    assert isinstance(first, events.MessageStored)
    stored = bench.stored.recall.get(first.message_id)
    assert stored is not None and stored.content == "hello there"


def test_words_are_committed_before_they_are_shown(bench: Bench) -> None:
    bench.open([say("one two three")])
    shown = ""
    for event in bench.kernel.controller.turn("hi"):
        if isinstance(event, events.SpeechDelta):
            shown += event.text
            stored = bench.stored.recall.get(event.message_id)
            assert stored is not None and stored.content == shown and stored.state is State.DRAFT
    assert shown == "one two three"


def test_steps_are_bounded_and_the_last_one_speaks(bench: Bench, of: Any) -> None:
    calls = [Call("conversation_search", {"query": f"dog {n}"}) for n in range(9)]
    bench.open(calls, model=ASKS, max_steps=3, note_facts=False)
    happened = bench.say("What is my dog called?")
    assert len(of(happened, events.CallStarted)) == 2
    assert of(happened, events.TurnFinished)[0].reason == "spoke"


def test_a_turn_ends_though_no_step_makes_a_call(bench: Bench, of: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.open([], max_steps=3, note_facts=False)
    monkeypatch.setattr(type(bench.model), "_next_text", lambda *_: "nothing")
    happened = bench.say("Hello.")
    assert len(of(happened, events.CallInvalid)) == 3
    assert of(happened, events.TurnFinished)[0].reason == "failed"


def test_an_identical_call_is_not_admitted_twice(bench: Bench, of: Any) -> None:
    bench.open([SEARCH, SEARCH, say("done")], model=ASKS, note_facts=False)
    happened = bench.say("What is my dog called?")
    assert len(of(happened, events.CallStarted)) == 1


@pytest.mark.parametrize(
    ("model", "call", "admitted"),
    [
        (probed(), SEARCH, False),
        (probed(ask=0.75), SEARCH, True),
        (probed(ask=0.5), SEARCH, False),
        (probed(ask=0.75), SAVE, False),
        (probed(keep=1.0), SAVE, True),
        (probed(keep=1.0), SEARCH, False),
        (probed(ask=1.0, answer=1.0), SEARCH, False),
    ],
)
def test_memory_functions_are_admitted_only_where_the_message_wants_them(
    bench: Bench, of: Any, model: dict[str, Any], call: Call, admitted: bool
) -> None:
    bench.say("My dog is called Rex.")
    list(bench.kernel.queue.evict("asked"))
    bench.open([call], model=model, note_facts=False)
    assert bool(of(bench.say("What is my dog called?"), events.CallStarted)) is admitted


@pytest.mark.parametrize(
    ("text", "model", "behind"),
    [
        ("I came home. Why is the sky blue? It is late.", probed(), prompts.reply("Why is the sky blue?")),
        ("Is it late? I came home. 天为什么是蓝的？", probed(), prompts.reply("Is it late? 天为什么是蓝的？")),
        ('I came home. "Is it late?" It is.', probed(), prompts.reply('"Is it late?"')),
        (f"Is it? It is late. {'Why ' * 40}? Is it?", probed(), prompts.reply("Is it?")),  # the newest that fit
        ("I baked bread today. It came out flat.", probed(), prompts.reply("")),
        ("I baked bread today and it came out flat.", probed(), ""),
        ("Why is the sky blue?", probed(), ""),
        ("I baked bread today. " * 13, probed(), ""),  # a text rather than talk
        ("It is May. What is good in May?", probed(ask=0.8), prompts.reply("What is good in May?")),  # perhaps general
        ("I forgot it. What is my dog called?", probed(ask=0.95), prompts.tell(prompts.UNMENTIONED)),
        ("I have a dog. Please note that it is called Rex.", probed(keep=1.0), ""),  # it is to save
    ],
)
def test_what_talk_of_several_sentences_asks_is_said_again(
    bench: Bench, text: str, model: dict[str, Any], behind: str
) -> None:
    bench.open(model=model, note_facts=False)
    bench.say(text)
    *_, message, last, _ = [None, *bench.stored.recall.since(0)]
    assert last is not None
    if behind:
        assert message is not None and message.kind is Kind.USER and last.kind is Kind.ALERT
    assert last.content == (behind or text)


def test_all_functions_are_admitted_when_the_model_is_left_to_itself(bench: Bench, of: Any) -> None:
    bench.open([SEARCH], prefetch=False, note_facts=False)
    assert of(bench.say("Why is the sky blue?"), events.CallStarted)


def test_a_save_says_how_much_is_left_and_what_to_tell(bench: Bench, of: Any) -> None:
    bench.open(
        [Call("core_memory_append", {"label": "user", "content": "Lives in Graz"})], prefetch=False, note_facts=False
    )
    (saved,) = of(bench.say("Please remember that I live in Graz."), events.CallFinished)
    assert saved.result == prompts.result(prompts.saved("user", bench.kernel.working.left("user")))


@tool
def explode(times: int) -> str:
    """Raise an error."""
    raise RuntimeError(f"boom {times}")


@tool(time_limit=0.05)
def hang() -> str:
    """Never return in time."""
    time.sleep(1)
    return "too late"


@tool
def flood() -> str:
    """Return far too much."""
    return "word " * 5000


@pytest.mark.parametrize(
    ("function", "arguments", "says"),
    [
        (explode, {"times": 3}, "boom 3"),
        (hang, {}, "given up after 0.05 seconds"),
        (flood, {}, "word word"),
        (explode, {"times": "many"}, "valid integer"),
    ],
)
def test_a_tool_that_fails_is_data_for_the_model(
    bench: Bench, of: Any, function: Any, arguments: dict[str, Any], says: str
) -> None:
    bench.open([Call(function.name, arguments), say("I see.")], tools=[function])
    happened = bench.say("go")
    finished = of(happened, events.CallFinished)[0]
    assert says in finished.result
    assert finished.ok == (function is flood)
    assert of(happened, events.TurnFinished)[0].text == "I see."
    assert bench.kernel.ledger().used <= 1024


def test_a_tool_that_exits_does_not_end_the_agent(bench: Bench, of: Any) -> None:
    @tool
    def leave() -> str:
        """Exit the process."""
        raise SystemExit(3)

    bench.open([Call("leave"), say("Still here.")], tools=[leave])
    assert of(bench.say("go"), events.TurnFinished)[0].text == "Still here."


def test_cancelling_keeps_what_was_said(bench: Bench, of: Any) -> None:
    bench.open([say("one two three four five"), say("next")])
    happened = []
    for event in bench.kernel.controller.turn("hi"):
        happened.append(event)
        if isinstance(event, events.SpeechDelta) and event.text.startswith("two"):
            bench.kernel.controller.cancel()
    assert of(happened, events.TurnFinished)[0].reason == "cancelled"
    said = of(happened, events.Speech)[0]
    assert said.cut and said.text.strip() == "one two"
    stored = bench.stored.recall.get(said.message_id)
    assert stored is not None and stored.state is State.CUT
    assert of(bench.say("and now?"), events.TurnFinished)[0].text == "next"


def test_a_turn_can_be_cancelled_before_it_begins(bench: Bench, of: Any) -> None:
    bench.open([say("one two three"), say("next")])
    bench.kernel.controller.cancel()
    turn = bench.kernel.controller.turn("hi")
    bench.kernel.controller.cancel()
    happened = list(turn)
    assert of(happened, events.TurnFinished)[0].reason == "cancelled" and not of(happened, events.Speech)
    assert "hi" in bench.view() and not bench.model.prompts
    assert of(bench.say("and now?"), events.TurnFinished)[0].text == "one two three", "only that turn"


@pytest.mark.parametrize("eviction", ["exact", "shift"])
def test_cancelling_while_room_is_made_pages_out_at_once(bench: Bench, of: Any, eviction: str) -> None:
    bench.open(note_facts=False, eviction=eviction)
    happened: list[events.Event] = []
    while not of(happened, events.Evicted):
        bench.model.prompts.clear()
        happened, cancelled = [], False
        for event in bench.kernel.controller.turn("word " * 60):
            happened.append(event)
            if isinstance(event, events.Progress) and event.task == "summing up":
                bench.kernel.controller.cancel()
                cancelled = True
    assert cancelled and of(happened, events.Evicted)[0].source == "deterministic"
    assert of(happened, events.TurnFinished)[0].reason == "cancelled"
    assert not [words for _, words in bench.model.prompts if words], "neither a summary nor a reply"
    turn = bench.stored.recall.last_turn()
    assert any(one.kind is Kind.USER and one.turn == turn for one in bench.kernel.queue.context.entries)
    assert of(bench.say("and now?"), events.TurnFinished)[0].reason == "spoke"


def test_a_listener_who_leaves_early_leaves_a_whole_conversation(bench: Bench) -> None:
    bench.open([say("one two three"), say("next")])
    turn = bench.kernel.controller.turn("hi")
    for event in turn:
        if isinstance(event, events.SpeechDelta) and event.text.startswith("two"):
            break
    turn.close()
    assert "one two" in bench.view()
    bench.say("and now?")
    bench.open()
    assert bench.started == []


@pytest.mark.parametrize(
    "last", [events.MessageStored, events.Progress, events.CallStarted, events.BlockEdited, events.Step, events.Evicted]
)
def test_wherever_a_listener_leaves_the_queue_is_what_is_stored(bench: Bench, last: type[events.Event]) -> None:
    bench.open(note_facts=False)
    for _ in range(4):
        bench.say("word " * 60)
    bench.open([SAVE, say("one two"), say("next")], model=probed(keep=1.0), note_facts=False)
    for _ in range(3):  # the third of them evicts
        turn = bench.kernel.controller.turn("The dog is called Rex. " + "word " * 60)
        for event in turn:
            if isinstance(event, last):
                break
        turn.close()
        in_view = bench.kernel.queue.context.entries
        assert [one.message_id for one in in_view] == [
            one.id for one in bench.stored.recall.since(bench.kernel.queue.first_id)
        ]
        kinds = [entry.kind for entry in in_view]
        assert kinds.count(Kind.CALL) == kinds.count(Kind.RESULT)
    tokens = bench.kernel.queue.context.tokens
    bench.open(note_facts=False)
    assert not [one for one in bench.started if "never answered" not in str(one)]
    assert bench.kernel.queue.context.tokens == tokens


def test_a_call_whose_listener_leaves_behind_it_has_its_real_result(bench: Bench) -> None:
    bench.open([SAVE, say("Fine.")], model=probed(keep=1.0), note_facts=False)
    turn = bench.kernel.controller.turn("The dog is called Rex.")
    next(event for event in turn if isinstance(event, events.BlockEdited))
    turn.close()
    assert "Rex" in bench.kernel.working["user"].text
    assert bench.stored.recall.since(0)[-1].content == prompts.result(
        prompts.saved("user", bench.kernel.working.left("user"))
    )


@pytest.mark.parametrize("text", ["", "   \n"])
def test_an_empty_message_is_refused_and_not_stored(bench: Bench, text: str) -> None:
    with pytest.raises(InputError, match="empty"):
        bench.say(text)
    assert bench.stored.recall.count() == 0


def test_a_message_longer_than_the_window_is_refused_with_both_numbers(bench: Bench) -> None:
    with pytest.raises(InputError, match=r"has 3,000 tokens; at most \d+ fit"):
        bench.say("word " * 3000)
    assert bench.stored.recall.count() == 0


def test_the_longest_message_that_is_admitted_is_answered(bench: Bench, of: Any) -> None:
    bench.open([say("word " * 900)] * 3)
    for _ in range(3):
        happened = bench.say("word " * bench.kernel.queue.longest_message)
        assert of(happened, events.TurnFinished)[0].reason == "spoke"
        assert of(happened, events.Speech)[0].cut, "a reply that does not end is cut, and fits"
        assert bench.kernel.ledger().used <= 1024


def test_a_window_that_cannot_hold_the_agent_is_refused(bench: Bench) -> None:
    with pytest.raises(WindowError, match="too small"):
        bench.open(window=512)


def test_facts_told_in_passing_are_kept_word_for_word(bench: Bench, of: Any) -> None:
    bench.open(model={"yes": lambda prompt: 0.9 if prompt.rstrip().split('"')[-2].startswith("My dog") else 0.1})
    happened = bench.say("It rained all day. My dog Rex loves that. Did you know?")
    kept = [event.sentence for event in of(happened, events.Probed) if event.led_to and event.question == "fact"]
    assert kept == ["My dog Rex loves that."]
    assert bench.kernel.working["user"].text == "My dog Rex loves that."
    note = bench.stored.archival.search("dog").items[0]
    assert note.text == "My dog Rex loves that."
    quoted = bench.stored.recall.get(int(note.location.removeprefix("recall:")))
    assert quoted is not None and note.text in quoted.content


def test_a_question_without_its_mark_is_no_fact(bench: Bench, of: Any) -> None:
    bench.open(model=probed(fact=0.9))
    for said in ("where do i live", "who wrote hamlet", "what's my landlord called"):
        assert not [one for one in of(bench.say(said), events.Probed) if one.question == "fact"]
    for said in ("when i was young we lived in Graz", "do the dishes", "Who it is is open."):
        assert [one.sentence for one in of(bench.say(said), events.Probed) if one.question == "fact"] == [said]


@pytest.mark.parametrize(
    "said",
    [
        "what is my landlord's number",
        "how are my cats called",
        "what time does my shift end",
        "which car do i drive",
        "do you know my job",
        "how old am i",
        "did my sister call",
        "and is it raining",
        "how many rooms does it have",
        "who is mr. huber",
        "what did i say at 7:30",
        "why don't i eat pork",
        "didn't i tell you where i live",
        "can you note that peter moved to bergen",
    ],
)
def test_questions_are_known_by_how_they_begin(said: str) -> None:
    assert asks(said) and not asks(f"{said}.")


@pytest.mark.parametrize(
    "said",
    [
        "when anna was born we lived in linz",
        "what i like most is tea",
        "where anna is from they speak german",
        "what happened is that i lost my job",
        "what's more, i moved to graz",
        "what anna did was wrong",
        "did yoga this morning",
        "was a nurse for ten years",
        "has a cat called momo",
        "so do i",
        "so is my sister",
        "should you need me, my number is 0664",
        "had i known, i would not have come",
        "do you know what, i bought a house",
        "have a good day",
        "what a lovely day",
        "can't wait",
        "how i met my wife is a long story",
        "will is my brother",
    ],
)
def test_statements_that_begin_like_questions_are_none(said: str) -> None:
    assert not asks(said)


def test_a_single_word_is_no_fact(bench: Bench, of: Any) -> None:
    bench.open(model=probed(fact=0.9))
    asked = [one.sentence for one in of(bench.say("True. 我喜欢绿茶。 Indeed! I like it."), events.Probed)]
    assert "我喜欢绿茶。" in asked and "I like it." in asked and not {"True.", "Indeed!"} & set(asked)


def test_long_facts_and_those_of_a_full_block_become_notes_alone(bench: Bench, of: Any) -> None:
    list(bench.kernel.by_hand.edit_block("user", "word " * 97))
    bench.open(model=probed(fact=1.0))
    told = "I work as a nurse on night shifts at the clinic. I like tea a lot."
    kept = [event.led_to for event in of(bench.say(told), events.Probed) if event.question == "fact"]
    assert [where.partition(":")[0] for where in kept] == ["archival", "block user and archival"]
    kept = [event.led_to for event in of(bench.say("I like jam."), events.Probed) if event.question == "fact"]
    assert kept == ["archival:3"]


@pytest.mark.parametrize(
    ("model", "shown"),
    [
        (probed(ask=1.0, answer=0.6, told=0.6), True),
        (probed(ask=1.0, answer=0.6, told=0.4), False),
        (probed(ask=0.5, answer=0.6, told=0.6), False),  # neither is sure
        (probed(ask=0.5, answer=0.6, told=0.8), True),
        (probed(ask=0.1, told=1.0), False),  # memory is not searched
    ],
)
def test_what_a_message_asks_for_is_paged_in(bench: Bench, of: Any, model: dict[str, Any], shown: bool) -> None:
    bench.say("My sister Ottilie lives in Tromsø.")
    list(bench.kernel.queue.evict("asked"))
    assert "Ottilie" not in bench.view()
    bench.open(model={"readings": ["Tromsø."], **model}, note_facts=False)
    asked = "Hello again. Where does my sister live?"
    happened = bench.say(asked)
    assert bool(of(happened, events.PagedIn)) is shown
    assert ("Ottilie lives in Tromsø" in bench.view()) is shown
    if shown:
        page = bench.stored.recall.get(of(happened, events.PagedIn)[0].message_id)
        assert page is not None and page.content.endswith(f"They say: Tromsø.\n{asked}")


ASKED = "Which tea do I like?"


def _told(bench: Bench, said: Sequence[tuple[Kind, str, str]]) -> None:
    """A past that was imported, out of view."""
    when = datetime(2022, 6, 24, tzinfo=UTC)
    bench.stored.recall.import_past([Told(kind, text, when, speaker) for kind, text, speaker in said])
    list(bench.kernel.queue.reload("rewind"))
    list(bench.kernel.queue.evict("asked"))


def _answering(*words: str) -> dict[str, Any]:
    """A model for which every note with one of these words answers, the one named first most surely."""

    def yes(prompt: str) -> tuple[float, ...]:
        if prompts.ANSWER_PROBE not in prompt:
            return 1.0, 0.0, 0.0, 0.0
        note = prompt.rpartition("Note: ")[2]
        sure = next((0.8 - 0.05 * place for place, word in enumerate(words) if word in note), 0.1)
        return sure, 1 - sure

    return {"yes": yes}


def test_a_sentence_that_tells_two_things_is_noted_and_answers_by_its_clauses(bench: Bench, of: Any) -> None:
    def yes(prompt: str) -> tuple[float, ...]:
        if prompts.REQUEST_PROBE in prompt:
            return (0.9, 0.0, 0.0, 0.1) if "When was I born?" in prompt else (0.0, 0.0, 0.0, 1.0)
        sure = "born on 5 May" in prompt and "Huber" not in prompt
        return (0.9, 0.1) if sure else (0.2, 0.8)

    told = "I was born on 5 May and my boss is Mr. Huber."
    bench.open([say("Nice to know."), say("On 5 May.")], model={"yes": yes})
    bench.say(told)
    assert _facts(bench) == [told], "word for word"
    list(bench.kernel.queue.evict("asked"))
    answered = [one for one in of(bench.say("When was I born?"), events.Probed) if one.question == "answer"]
    assert [(one.sentence, one.probability, one.led_to) for one in answered] == [(told, 0.9, "answer")]


def test_the_assistants_own_words_count_only_where_nobody_elses_tell_it(bench: Bench, of: Any) -> None:
    bench.open([say("Black tea travels best.")], prefetch=False, note_facts=False)
    bench.say("I like green tea most.")
    list(bench.kernel.queue.evict("asked"))
    bench.open(model={**_answering("Black", "green"), "readings": ["Green tea."]}, note_facts=False)
    bench.say(ASKED)
    assert "I like green tea" in bench.view() and "Black tea travels" not in bench.view()
    list(bench.kernel.queue.evict("asked"))
    bench.open(model=_answering("Black"), note_facts=False)
    page = of(bench.say(ASKED), events.PagedIn)[0]
    stored = bench.stored.recall.get(page.message_id)
    assert stored is not None and "assistant: Black tea travels" in stored.content


def test_where_talk_tells_it_what_is_likeliest_is_shown_whole(bench: Bench, of: Any) -> None:
    """A message may be of the user, or of another person in a past that was imported; its days are said in full."""
    said = [(Kind.USER, "I drank tea last Friday. It was green. It is the tea that I like. Then it rained.", "Ann")]
    said += [(Kind.SPEECH, "I like tea as well, but black.", "Bea"), (Kind.USER, "Which tea?", "Ann")]
    _told(bench, said)
    model = {"readings": ["Tea, green, not black."], **probed(ask=0.95, answer=0.7, told=0.8)}
    bench.open(model=model, window=2048, note_facts=False)
    page = of(bench.say(ASKED), events.PagedIn)[0]
    view = bench.view().partition("[memory of earlier talks]")[2]
    assert "Ann: I drank tea last Friday (17 June 2022). It was green." in view and "Then it rained." in view
    assert "Bea: I like tea as well, but black." in view and "Ann: Which tea?" not in view
    assert set(page.sources) == {"recall:1", "recall:2"}


ROOM = "How did Ann paint her room?"
PAINTED = [
    (Kind.USER, "For my room I took turquoise paint, since it is bright in there.", "Ann"),
    (Kind.SPEECH, "Lovely! I bought a brush, to paint my own room.", "Bea"),
    (Kind.USER, "See you soon!", "Ann"),  # this stays in view
    (Kind.SPEECH, "Until soon!", "Bea"),
]


def test_of_talk_only_what_bears_the_reading_comes_into_view(bench: Bench, of: Any) -> None:
    _told(bench, PAINTED)
    bench.open(
        model={"readings": ["Turquoise."], **probed(ask=0.9, answer=0.6, told=0.9)},
        window=2048,
        note_facts=False,
    )
    happened = bench.say(f"{ROOM} In a word.")
    view = bench.view().partition("[memory of earlier talks]")[2]
    assert f"They say: Turquoise.\n{ROOM} In a word." in view
    assert of(happened, events.Speech)[0].text.startswith("Turquoise."), "word for word"
    assert "Ann: For my room I took" in view and "bought a brush" not in view
    assert of(happened, events.PagedIn)[0].sources == ("recall:1",)
    assert [step.purpose for step in of(happened, events.Step)].count("reading") == 1
    apart = bench.model.text(bench.model.prompts[-2][0])
    assert "bought a brush" in apart and "Functions:" not in apart, "it was read with nothing around it"
    assert "] Ann: For my room" in apart and "recall:" not in apart and "[24 June 2022] Ann" in apart


@pytest.mark.parametrize(
    ("asked", "told", "theirs"),
    [
        ("What is my dog called?", 0.9, True),
        ("Which dog did I buy?", 0.9, True),
        ("Which dog is called Rex?", 0.9, False),
        ("What is my dog called?", 0.1, False),  # nothing tells it
    ],
)
def test_what_the_user_told_is_not_said_in_their_voice(bench: Bench, asked: str, told: float, theirs: bool) -> None:
    bench.stored.archival.insert("My dog is called Rex.", location="recall:1")
    bench.open(model=probed(ask=0.85, answer=told), note_facts=False)
    bench.say(asked)
    grammar = bench.model.grammars[-1]
    assert isinstance(grammar, CallGrammar)
    said = next(one for one in grammar.functions if one.name == "send_message").parameters["properties"]["message"]
    assert (said["pattern"] == NOT_THEIR_VOICE) is theirs


@pytest.mark.parametrize("text", ["You are.", "Your dog", "Mary", "Lisbon.", "Éric", "雷克斯", "2 dogs"])
def test_any_other_word_may_begin(text: str) -> None:
    assert re.match(NOT_THEIR_VOICE, text)


@pytest.mark.parametrize("text", ["I am.", "I'm 40.", "My dog", "Ilive", "[Rex]", " I am"])
def test_none_of_their_words_may_begin(text: str) -> None:
    assert not re.match(NOT_THEIR_VOICE, text)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (ROOM, "Turquoise."),
        (f"It rains. {ROOM} Answer in a word.", "Turquoise."),
        (f"{ROOM} Is it raining?", "Turquoise. And it rains."),  # the rest is the model's to answer
    ],
)
def test_an_answer_that_was_read_ends_there_unless_more_is_asked(bench: Bench, of: Any, asked: str, said: str) -> None:
    _told(bench, [(Kind.USER, "For my room I took turquoise paint.", "Ann"), *PAINTED[2:]])
    rewritten = ["Is it raining?"] if "Is it" in asked else []
    model = {"readings": [*rewritten, "Turquoise."], **probed(told=0.9)}
    bench.open([say("And it rains.")], model=model, window=2048, note_facts=False)
    assert of(bench.say(asked), events.Speech)[0].text == said


def test_what_another_says_of_themselves_is_not_taken_for_an_answer(bench: Bench, of: Any) -> None:
    _told(bench, PAINTED)
    model = {"readings": ["Ann's brush."], **probed(ask=0.9, answer=0.6, told=0.7)}
    bench.open(model=model, window=2048, note_facts=False)
    happened = bench.say(ROOM)
    view = bench.view().partition("[memory of earlier talks]")[2]
    instead = "Ann did not mention it, only Bea did: Bea's brush."
    assert f'Tell the person: "{instead}"' in view and "I bought a brush" in view
    assert ROOM not in view, "where the question stands last, it is answered"
    assert of(happened, events.Speech)[0].text.startswith(instead)


def test_what_is_not_surely_told_is_said_to_be_unmentioned(bench: Bench, of: Any) -> None:
    _told(bench, [(Kind.USER, "For my room I took turquoise paint.", "Ann"), *PAINTED[2:]])
    bench.open(model={"readings": ["Turquoise."], **probed(ask=0.9, told=0.6)}, window=2048, note_facts=False)
    happened = bench.say(ROOM)
    instead = "I find no mention of it. The closest is: Turquoise."
    assert f'Tell the person: "{instead}"' in bench.view() and "I took turquoise paint" in bench.view()
    assert of(happened, events.Speech)[0].text.startswith(instead)


def test_a_general_question_that_talk_does_not_tell_is_left_to_the_model(bench: Bench, of: Any) -> None:
    """It sounds as if it asked for what was told, and does not certainly do so."""
    _told(bench, [(Kind.USER, "My room has a large window.", ""), (Kind.SPEECH, "A bright room, then.", "")])
    asked = "I have a free day. Which colours suit such a room? I like plain ones."
    model = {"readings": ["A large window."], **probed(ask=0.8, answer=0.5, told=0.55)}
    bench.open([say("Warm ones.")], model=model, window=2048, note_facts=False)
    happened = bench.say(asked)
    assert of(happened, events.Judged), "the messages were read"
    assert not of(happened, events.PagedIn)
    assert of(happened, events.Speech)[0].text == "Warm ones."
    assert prompts.reply("Which colours suit such a room?") in bench.view()


@pytest.mark.parametrize("told", [0.6, 0.4])
def test_what_talk_does_not_surely_tell_is_looked_for_in_documents(bench: Bench, of: Any, told: float) -> None:
    _told(bench, [(Kind.USER, "For my room I took turquoise paint.", "Ann"), *PAINTED[2:]])
    bench.stored.archival.store_document("/rooms.txt", "hash", [("Ann painted her room in crimson.", "")])

    def yes(prompt: str) -> tuple[float, ...]:
        tells = told if prompts.QUOTER in prompt else 0.6 if prompts.EXCERPTOR in prompt else 0.1
        return (0.9, 0.0, 0.0, 0.0) if prompts.REQUEST_PROBE in prompt else (tells, 1 - tells)

    bench.open(model={"readings": ["Turquoise.", "In crimson."], "yes": yes}, window=2048, note_facts=False)
    (said,) = of(bench.say(ROOM), events.Speech)
    of_documents = told > 0.5
    assert said.text.startswith("In crimson." if of_documents else "I find no mention of it.")
    assert ("quoted from /rooms.txt" in bench.view()) is of_documents


def test_of_a_long_message_what_was_read_is_shown(bench: Bench, of: Any) -> None:
    long = "It rained and the bus was late. " * 20 + "For my room I took turquoise paint."
    _told(bench, [(Kind.USER, long, "Ann"), *PAINTED[2:]])
    bench.open(model={"readings": ["Turquoise."], **probed(ask=0.9)}, window=2048, note_facts=False)
    bench.say(ROOM)
    view = bench.view().partition("[memory of earlier talks]")[2]
    assert "I took turquoise paint" in view and "the bus was late. It rained" not in view


def test_talk_that_is_wholly_in_view_is_not_read_apart(bench: Bench, of: Any) -> None:
    when = datetime(2022, 6, 24, tzinfo=UTC)
    bench.stored.recall.import_past([Told(kind, text, when, speaker) for kind, text, speaker in PAINTED])
    bench.open(model={"readings": ["Turquoise."], **probed(ask=0.8, told=0.1)}, window=2048, note_facts=False)
    happened = bench.say(ROOM)
    assert "I took turquoise paint" in bench.view() and not of(happened, events.Judged)
    assert of(happened, events.Speech)[0].text == "All right."


def test_of_somebody_else_the_assistants_own_words_are_read_where_there_are_no_others(bench: Bench, of: Any) -> None:
    _told(bench, PAINTED[2:])
    bench.open([say("Ann wanted turquoise for her room.")], prefetch=False, note_facts=False)
    bench.say("What do you think?")
    list(bench.kernel.queue.evict("asked"))
    bench.open(model={"readings": ["Turquoise."], **probed(ask=0.9)}, window=2048, note_facts=False)
    assert of(bench.say(ROOM), events.Speech)[0].text.startswith("Turquoise.")


def test_of_somebody_who_speaks_no_message_is_asked_about_alone(bench: Bench, of: Any) -> None:
    """What is told of them is read in any case."""
    _told(bench, PAINTED)
    bench.open(model={"readings": ["Turquoise."], **probed(ask=0.9, answer=0.9)}, window=2048, note_facts=False)
    assert not [one for one in of(bench.say(ROOM), events.Probed) if one.question == "answer"]


def test_where_talk_says_nothing_the_answer_begins_as_the_model_likes(bench: Bench, of: Any) -> None:
    _told(bench, PAINTED)
    bench.open(model={"readings": [""], **probed(ask=0.9, answer=0.6)}, window=2048, note_facts=False)
    happened = bench.say(ROOM)
    assert of(happened, events.PagedIn) and of(happened, events.Speech)[0].text == "All right."


@pytest.mark.parametrize(
    ("asked", "ask", "shown"),
    [
        (ROOM, 0.4, True),
        (ROOM, 0.1, True),
        ("How was the room painted?", 0.1, False),
        ("Ann painted her room.", 0.1, False),
    ],
)
def test_a_question_about_somebody_who_speaks_in_memory_asks_for_it(
    bench: Bench, of: Any, asked: str, ask: float, shown: bool
) -> None:
    _told(bench, PAINTED)
    bench.open(model={"readings": ["Turquoise."], **probed(ask=ask, answer=0.3)}, window=2048, note_facts=False)
    assert bool(of(bench.say(asked), events.PagedIn)) is shown


def test_what_does_not_stand_out_stays_away(bench: Bench, of: Any) -> None:
    for note in ("I like green tea.", "I like the smell of tea."):
        bench.stored.archival.insert(note, location="recall:1")
    bench.open(model=_answering("green", *"-----", "smell"), note_facts=False)
    probed_notes = [event for event in of(bench.say(ASKED), events.Probed) if event.question == "answer"]
    assert [event.led_to for event in probed_notes] == ["answer", ""]
    assert "user: I like green tea." in bench.view() and "smell" not in bench.view()


def test_where_not_all_fit_search_has_a_say_and_the_surest_comes_first(bench: Bench, of: Any) -> None:
    rest = "and so on " * 12
    notes = [f"Tea, I like tea, Green tea {rest}", f"The tea I like is black {rest}", f"White tea {rest}"]
    for note in (*notes, *(f"Tea is {word} {rest * 2}" for word in ("hot", "wet", "old"))):
        bench.stored.archival.insert(note, location="recall:1")
    bench.open(model=_answering("black", "White", "Green"), note_facts=False)
    answers = [event for event in of(bench.say(ASKED), events.Probed) if event.question == "answer"]
    assert [event.led_to for event in answers] == ["answer"] * 3 + [""] * 3
    view = bench.view().partition("[memory of earlier talks]")[2]
    assert 0 < view.find("is black") < view.find("Green") and "White" not in view


def test_two_that_tell_it_are_shown_though_they_are_long(bench: Bench, of: Any) -> None:
    """What is asked may be told by two, and then the surest alone may be the wrong one."""
    rest = "and so on " * 10
    others = (f"Tea is {word} {rest}" for word in ("hot", "wet", "old"))
    for note in (f"Black tea, {rest}", *others, f"Green tea, {rest}"):
        bench.stored.archival.insert(note, location="recall:1")
    bench.open(model=_answering("Black", "Green"), note_facts=False)
    (page,) = of(bench.say(ASKED), events.PagedIn)
    assert page.sources == ("archival:1", "archival:5")
    assert page.tokens > bench.kernel.policy.page


def test_where_one_fits_it_is_the_surest_whatever_search_says(bench: Bench, of: Any) -> None:
    rest = "and so on " * 22
    others = [f"Tea, I like tea, {word} tea I like {rest}" for word in ("hot", "wet", "old", "far", "Green")]
    for note in (f"Black tea, {rest}", *others):
        bench.stored.archival.insert(note, location="recall:1")
    bench.open(model=_answering("Black", "Green"), note_facts=False)
    answers = [event for event in of(bench.say(ASKED), events.Probed) if event.question == "answer"]
    assert [event.led_to for event in answers] == ["answer", *[""] * 4, "answer"], "search prefers the green one by far"
    view = bench.view().partition("[memory of earlier talks]")[2]
    assert "Black tea" in view and "Green" not in view


def test_the_surest_line_stands_first_and_the_next_surest_last(bench: Bench, of: Any) -> None:
    notes = ("I like green tea.", "My tea is black.", "White tea is for guests.")
    for note in (*notes, *(f"Tea is {word}." for word in ("hot", "wet", "old", "far"))):
        bench.stored.archival.insert(note, location="recall:1")
    bench.open(model=_answering("black", "White", "green"), window=2048, note_facts=False)
    bench.say(ASKED)
    view = bench.view().partition("[memory of earlier talks]")[2]
    assert 0 < view.find("is black") < view.find("green") < view.find("White tea"), view


def test_a_line_that_does_not_fit_is_left_out_whole(bench: Bench, of: Any) -> None:
    for note in ("I like green tea.", f"My tea is black {'and so on ' * 40}", *(f"Tea is {n}." for n in "hwof")):
        bench.stored.archival.insert(note, location="recall:1")
    bench.open(model=_answering("black", "green"), note_facts=False)
    bench.say(ASKED)
    view = bench.view().partition("[memory of earlier talks]")[2]
    assert "I like green tea." in view and "My tea is black" not in view


def test_what_the_turn_before_brought_into_view_is_not_shown_again(bench: Bench, of: Any) -> None:
    bench.stored.archival.insert("I like green tea.", location="recall:1")
    bench.open(model=_answering("green"), window=2048, note_facts=False)
    pages = []
    for text in (ASKED, ASKED, ASKED, "So?", ASKED):
        happened = bench.say(text)
        shown = [bench.stored.recall.get(one.message_id) for one in of(happened, events.PagedIn)]
        pages += [page.content for page in shown if page is not None]
        if text is not ASKED:
            pages.append("")
    seen = ["I like green tea." in page for page in pages]
    assert seen == [True, False, True, False, True], "what says where it stands shows nothing"
    assert "[archival:1] (shown above)" in pages[1] and pages[1].endswith(f": {ASKED}")


ORDERS = (
    "Order ZX-204417 was paid by invoice 88-20931-B.",
    "Invoice 88-20931-B went to ines@harbour.example.",
    "The box for ines@harbour.example stands in bay nine.",
    "Invoice 88-20999-C is still open.",
    "Mail to ines@harbour.exampl bounced.",
)


def test_what_a_message_names_is_followed_from_note_to_note(bench: Bench, of: Any) -> None:
    for note in ORDERS[::-1]:
        bench.stored.archival.insert(note)
    bench.open(window=4096, model=probed(ask=0.0), note_facts=False)
    happened = bench.say("Where is the box of order ZX-204417?")
    assert not [one for one in of(happened, events.Probed) if one.question == "answer"], "no model is asked"
    view = bench.view().partition("[memory of earlier talks]")[2]
    places = [view.find(note) for note in ORDERS]
    assert 0 < places[0] < places[1] < places[2] and places[3:] == [-1, -1], "in the order of the way, nothing else"
    page = of(happened, events.PagedIn)[0]
    assert page.sources == ("archival:5", "archival:4", "archival:3")
    end = "\n[system] They lead from ZX-204417 to 88-20931-B, and the last is ines@harbour.example."
    assert f"Where is the box of order ZX-204417?{end}" in view, "behind the question"


def test_a_way_that_forks_is_shown_without_saying_where_it_ends(bench: Bench) -> None:
    bench.stored.archival.insert("Order ZX-204417 was paid by invoices 88-20931-B and 88-20932-C.")
    bench.open(window=4096, model=probed(ask=0.0), note_facts=False)
    bench.say("Where is order ZX-204417?")
    assert "paid by invoices" in bench.view() and "They lead from" not in bench.view()


def test_a_way_has_an_end_where_it_is_seen_whole(bench: Bench) -> None:
    for number in range(10):
        bench.stored.archival.insert(f"Key K{number:09} leads to K{number + 1:09}")
    for number in range(5):
        bench.stored.archival.insert(f"Lock L{number:09} opens with L{number + 1:09}")
    long, middle = follow("K000000000", bench.stored.archival), follow("L000000002", bench.stored.archival)
    whole = follow("Which lock is L000000000?", bench.stored.archival)
    assert len(long.passages) == 8 and long.names == (), "it goes on beyond what is shown"
    assert len(middle.passages) == 5 and middle.names == (), "it came from somewhere, too"
    assert whole.names == tuple(f"L{number:09}" for number in range(6))


def test_what_many_notes_name_is_no_identifier(bench: Bench, of: Any) -> None:
    for number in range(6):
        bench.stored.archival.insert(f"Report {number} was written under contract AB-1234567.")
    bench.open(window=4096, model=probed(ask=0.0), note_facts=False)
    assert not of(bench.say("What about contract AB-1234567?"), events.PagedIn)
    assert identifiers("Since 2026-11-22, see AB-1234567 and ab@c.org, about 1200000 of antidisestablishment") == [
        "AB-1234567",
        "ab@c.org",
    ]


def test_a_way_that_does_not_fit_is_shown_as_far_as_it_does(bench: Bench, of: Any) -> None:
    links = [f"Key K{number:09} leads to K{number + 1:09} {'and on ' * 40}".strip() for number in range(7)]
    for note in links:
        bench.stored.archival.insert(note)
    search = Call("archival_memory_search", {"query": "K000000006", "page": 0})
    bench.open([search, say("Done.")], window=1024, model=probed(ask=1.0), note_facts=False)
    happened = bench.say("Follow K000000000 to its end.")
    page = of(happened, events.PagedIn)[0]
    assert 0 < len(page.sources) < 7
    assert links[0] in bench.view()
    calls = [one.name for one in of(happened, events.CallStarted)]
    assert calls[0] == "archival_memory_search", "what is not in view yet may be searched for"


def test_a_line_of_a_block_that_is_also_a_note_is_asked_about_once(bench: Bench, of: Any) -> None:
    bench.open(model=probed(fact=1.0))
    bench.say("I like green tea.")
    assert "green tea" in bench.kernel.working["user"].text
    bench.open(model=_answering("green"), note_facts=False)
    asked = [event.sentence for event in of(bench.say(ASKED), events.Probed) if event.question == "answer"]
    assert asked == ["I like green tea."]


def test_remembering_can_be_cancelled_between_two_probes(bench: Bench, of: Any) -> None:
    for note in ("I like green tea.", "I like black tea."):
        bench.stored.archival.insert(note, location="recall:1")
    bench.open(model=_answering("green", "black"), note_facts=False)
    happened = []
    for event in bench.kernel.controller.turn(ASKED):
        happened.append(event)
        if isinstance(event, events.Progress) and event.total > 1:
            bench.kernel.controller.cancel()
    assert not of(happened, events.PagedIn) and not of(happened, events.Speech)
    assert of(happened, events.TurnFinished)[0].reason == "cancelled"
    assert bench.say("And now?"), "the next turn goes on"


def test_keeping_facts_ends_its_progress_when_it_is_cancelled(bench: Bench, of: Any) -> None:
    bench.open(model=probed(fact=1.0))
    happened = []
    for event in bench.kernel.controller.turn("I like tea. I like jam. I like plums."):
        happened.append(event)
        if isinstance(event, events.Probed) and event.led_to:
            bench.kernel.controller.cancel()
    assert len([event for event in of(happened, events.Probed) if event.led_to]) == 1
    told = [event for event in of(happened, events.Progress) if event.task == "noting facts"]
    assert (told[-1].done, told[-1].total) == (1, 1)


def _facts(bench: Bench) -> list[str]:
    return [note.text for note in reversed(bench.stored.archival.search("", limit=9).items)]


@pytest.mark.parametrize("end", [events.MessageStored, events.SpeechDelta, events.Speech, events.Probed])
@pytest.mark.parametrize("way", ["cancel", "leave", "kill"])
@pytest.mark.parametrize("when", ["between", "later"])
def test_what_is_told_in_a_turn_that_does_not_end_is_kept_later(
    bench: Bench, of: Any, end: type[events.Event], way: str, when: str
) -> None:
    bench.open([say("Nice to know."), say("Fine.")], model=probed(fact=1.0))

    def noted(event: events.Event) -> bool:
        return isinstance(event, end) and (not isinstance(event, events.Probed) or bool(event.led_to))

    if way == "kill":
        bench.say_until("I like tea. I like jam.", noted)
        bench.open([say("Fine.")], model=probed(fact=1.0))
    else:
        turn = bench.kernel.controller.turn("I like tea. I like jam.")
        for event in turn:
            if noted(event):
                bench.kernel.controller.cancel()
                if way == "leave":
                    break
        turn.close()
    assert _facts(bench) == (["I like tea."] if end is events.Probed else [])
    if when == "between":
        assert list(bench.kernel.controller.ahead(lambda: True)) == []
        happened = list(bench.kernel.controller.ahead(lambda: False))
        assert of(happened, events.BlockEdited)
    else:
        bench.say("I like plums.")
    assert _facts(bench)[:2] == ["I like tea.", "I like jam."]
    assert bench.kernel.working["user"].text.startswith("I like tea.\nI like jam.")
    assert not list(bench.kernel.controller.ahead(lambda: False)), "once"


def test_nothing_is_kept_of_what_was_taken_back_or_saved_before_the_turn_was_left(bench: Bench, of: Any) -> None:
    bench.open([SAVE, say("Fine."), say("Nice.")], model=probed(keep=1.0, fact=1.0))
    for said in ("The dog is called Rex.", "I like plums."):
        turn = bench.kernel.controller.turn(said)
        next(event for event in turn if isinstance(event, events.Speech))
        turn.close()
    bench.stored.history.rewind(bench.stored.recall.since(0)[-2].id)
    list(bench.kernel.by_hand.rewound())
    assert of(bench.kernel.controller.ahead(lambda: False), events.Probed)
    assert _facts(bench) == []


@pytest.mark.parametrize(
    ("said", "call", "noted"),
    [
        ("Please remember that my dog is called Rex.", SAVE, True),  # other words
        ("Please remember that the dog is called Rex.", SAVE, False),
        ("The dog is called Rex!", SAVE, False),
        ("The dog is called Rex.", say("The dog is called Rex."), True),  # to say it saves nothing
    ],
)
def test_what_the_model_has_saved_is_not_noted_again(bench: Bench, of: Any, said: str, call: Call, noted: bool) -> None:
    bench.open([call, say("Fine.")], model=probed(keep=1.0, fact=1.0))
    bench.say(said)
    assert bool(bench.stored.archival.search("dog").items) is noted


def test_what_the_model_failed_to_save_is_noted(bench: Bench, of: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise BlockError("Block user is full.")

    bench.open([SAVE, say("Fine.")], model=probed(keep=1.0, fact=1.0))
    monkeypatch.setattr(WorkingContext, "append", full)
    (failed,) = of(bench.say("The dog is called Rex!"), events.CallFinished)
    assert not failed.ok and bench.stored.archival.search("dog").items


def test_an_edit_by_hand_is_told_at_once_without_moving_the_prefix(bench: Bench) -> None:
    bench.say("hi")
    before = bench.kernel.queue.context.tokens
    happened = list(bench.kernel.by_hand.edit_block("user", "Name is Ada"))
    assert isinstance(happened[0], events.BlockEdited) and happened[0].by == "user"
    after = bench.kernel.queue.context.tokens
    assert after[: len(before)] == before
    assert "Name is Ada" in bench.model.text(after[len(before) :])


def test_an_edit_by_hand_is_told_though_the_program_ends_while_room_is_made(bench: Bench, of: Any) -> None:
    bench.open(note_facts=False)
    bench.say("hi")
    list(bench.kernel.queue.evict("asked"))  # lays the head out
    for _ in range(40):
        if bench.kernel.queue.context.free < 100:
            break
        bench.say("hi")
    edit = bench.kernel.by_hand.edit_block("user", "Name is Ada " + "and " * 95)
    bench.killed.append(edit)
    assert any(isinstance(event, events.Progress) for event in edit)
    bench.open(note_facts=False)
    assert "Name is Ada" in bench.kernel.working["user"].text and "Name is Ada" in bench.view()


def test_a_summary_of_a_larger_window_is_cut_to_its_room(bench: Bench) -> None:
    summary = f"{'First this. ' * 200}Then that. [recall:1-9]"
    left = Eviction(1, 9, 9, 900, summary, "model", "flush")
    bench.stored.state.record_eviction(left, queue_start=1, blocks=bench.kernel.working.blocks)
    bench.open()
    assert "First this. Then that. [recall:1-9]" in bench.view()
    assert bench.kernel.ledger().used <= bench.kernel.ledger().usable
    assert bench.say("Hello.") and bench.stored.state.summary() == summary
    before = bench.kernel.queue.context.tokens
    bench.open()
    assert bench.kernel.queue.context.tokens == before


def test_a_block_over_its_limit_changes_nothing(bench: Bench) -> None:
    with pytest.raises(BlockError, match="holds at most 102 tokens, and this text would make it 300"):
        list(bench.kernel.by_hand.edit_block("user", "word " * 300))
    assert bench.kernel.working["user"].text == ""


def test_alerts_tell_the_time_once_a_day(bench: Bench) -> None:
    bench.say("hi")
    bench.say("hi again")
    stored = bench.stored.recall.since(0)
    assert [message.kind for message in stored].count(Kind.ALERT) == 1
    assert stored[0].kind is Kind.ALERT and f"{datetime.now(UTC):%Y}" in stored[0].content


def test_speech_is_told_what_not_to_repeat(bench: Bench) -> None:
    bench.open([say("First reply."), SEARCH, say("Second reply.")], model=ASKS, note_facts=False)
    bench.say("hello")
    bench.say("What is my dog called?")
    *_, last = bench.model.echoes
    texts = {bench.model.text(echo.tokens): echo.allowed for echo in last}
    result = next(allowed for text, allowed in texts.items() if text.startswith("[result]"))
    assert texts["What is my dog called?"] < texts[say("First reply.").text] < result
    assert "hello" not in texts, "an earlier message of the user may be quoted"
