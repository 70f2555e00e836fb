"""The decode loop on SmolLM2-135M: what is resident, what is forced, what stays text."""

from __future__ import annotations

import dataclasses
import json
import re
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from gguf import GGUFReader, GGUFValueType, GGUFWriter
from gguf.scripts.gguf_new_metadata import MetadataDetails, copy_with_new_metadata
from numpy.typing import NDArray

from memos.admission import NOT_THEIR_VOICE
from memos.errors import InputError, ModelError, WindowError
from memos.generation import (
    CallGrammar,
    Echo,
    FunctionSpec,
    Generated,
    Grammar,
    Opening,
    Piece,
    Reading,
    Sampling,
    Snapshot,
    TextGrammar,
    shared_prefix,
)
from memos.inference.engine import LlamaModel, fingerprint
from memos.inference.llama import SIDE_ROOM, LlamaOptions, usable_cores
from memos.inference.lookup import Lookup
from memos.messages import Call
from memos.speech import SpeechReader
from memos.tools import SYSTEM_CALLS

pytestmark = pytest.mark.smollm

SPEC = {tool.name: FunctionSpec(tool.name, tool.schema) for tool in SYSTEM_CALLS}
ANY = CallGrammar(tuple(SPEC.values()))
SEARCH = CallGrammar((SPEC["conversation_search"],))
# Attention in one pass rounds as tokens happen to be batched; without it, two ways to the same cache are the same.
OPTIONS = LlamaOptions(window=1024, batch=64, flash_attention=False)
GREEDY = Sampling()
# Of a probability whose prompt was read in other batches: sums are rounded otherwise, and most on processors without
# AVX-512 (.012 was seen there).
ROUNDED = 0.03


@pytest.fixture(scope="module")
def model(smollm: Path) -> Iterator[LlamaModel]:
    opened = LlamaModel(smollm, name="smollm", fingerprint="f", options=OPTIONS)
    yield opened
    opened.close()


def run(
    model: LlamaModel,
    prompt: tuple[int, ...],
    grammar: Grammar = ANY,
    *,
    limit: int = 120,
    stop_after: int = 10**9,
    sampling: Sampling = GREEDY,
    echoes: tuple[Echo, ...] = (),
    fork: bool = False,
) -> tuple[Generated, list[str]]:
    pieces: list[str] = []
    last: Generated | None = None
    stream = model.generate(
        prompt,
        grammar,
        limit=limit,
        sampling=sampling,
        cancelled=lambda: len(pieces) >= stop_after,
        echoes=echoes,
        fork=fork,
    )
    for item in stream:
        if isinstance(item, Piece):
            pieces.append(item.text)
        elif isinstance(item, Generated):
            last = item
    assert last is not None
    return last, pieces


def with_metadata(source: Path, target: Path, values: dict[str, str]) -> None:
    """A copy of a GGUF file with other strings in its header."""
    reader = GGUFReader(source)
    writer = GGUFWriter(target, arch="llama")
    details = {key: MetadataDetails(GGUFValueType.STRING, value) for key, value in values.items()}
    copy_with_new_metadata(reader, writer, details, [])


def ask(model: LlamaModel, text: str) -> tuple[int, ...]:
    scaffold = model.scaffold
    return (
        scaffold.open
        + model.tokenize("You call functions.")
        + scaffold.system_to_user
        + model.tokenize(text)
        + scaffold.user_to_model
    )


def test_every_call_is_valid_and_forced_tokens_are_decoded_together(model: LlamaModel) -> None:
    for text in ("hello", "search for cats", "what is 上海?"):
        end, pieces = run(model, ask(model, text))
        if end.finish == "stop":
            call = json.loads(end.text)
            assert call["function"] in SPEC and list(call) == ["function", "arguments"]
            assert end.decodes < len(end.tokens)
        assert "".join(pieces) == end.text


def test_a_shared_prefix_is_not_read_twice(model: LlamaModel) -> None:
    prompt = ask(model, "tell me about rivers " * 20)
    end, _ = run(model, prompt, limit=40)
    assert run(model, prompt, limit=40)[0].evaluated == 1
    longer = (
        prompt + end.tokens + model.scaffold.model_to_user + model.tokenize("and lakes") + model.scaffold.user_to_model
    )
    again, _ = run(model, longer, limit=40)
    assert again.reused >= len(prompt) + len(end.tokens) - 8  # the last tokens are evaluated with what follows
    assert again.evaluated + again.reused == len(longer)


QUOTED = "The lighthouse at Skomer was painted green in 1911 by Anna Holt, and the keeper logged nine herons. "


def test_what_is_quoted_is_verified_in_batches_and_wrong_drafts_leave_no_trace(model: LlamaModel) -> None:
    """The same tokens come with and without drafts; afterwards the cache has what was chosen, and nothing else."""
    prompt, plain = ask(model, QUOTED * 4), model.lookup
    ends = {}
    for most in (0, 3):
        model.lookup = partial(Lookup, most=most)
        ends[most], _ = run(model, prompt, TextGrammar(opening="The lighthouse at"), limit=60)
        resident = model.resident()
        assert resident[: len(prompt)] == prompt and len(resident) <= len(prompt) + len(ends[most].tokens)
        assert ends[most].tokens[: len(resident) - len(prompt)] == resident[len(prompt) :]
    model.lookup = plain
    assert ends[3].tokens == ends[0].tokens
    assert ends[0].drafted == 0 < ends[3].accepted < ends[3].drafted
    assert ends[3].decodes < ends[0].decodes
    follow = prompt + ends[3].tokens + model.scaffold.model_to_user + model.tokenize("and?")
    warm = logits_after(model, follow).copy()
    model.restore(Snapshot("", (), b""))
    assert divergence(logits_after(model, follow), warm) < 0.01  # rounding: the cells were read in other batches


def test_reuse_does_not_change_what_is_generated(model: LlamaModel, smollm: Path) -> None:
    first, second = ask(model, "a long story about a fox " * 10), ask(model, "a long story about a dog")
    run(model, first, limit=30)
    warm, _ = run(model, second, limit=30)
    fresh = LlamaModel(smollm, name="fresh", fingerprint="f", options=LlamaOptions(window=1024, batch=64))
    cold, _ = run(fresh, second, limit=30)
    fresh.close()
    assert warm.tokens == cold.tokens and warm.evaluated < cold.evaluated


def test_a_probe_leaves_the_resident_context_alone(model: LlamaModel) -> None:
    prompt = ask(model, "remember this " * 10)
    run(model, prompt, limit=20)
    resident = model.resident()
    yes, no = model.choose(ask(model, "Is water wet? Answer Yes or No."), ("Yes", "No"))
    assert yes + no == pytest.approx(1) and 0 < yes < 1
    assert model.resident() == resident
    assert run(model, prompt, limit=20)[0].evaluated == 1
    again = model.choose(ask(model, "Is water wet? Answer Yes or No."), ("Yes", "No"))
    assert again == pytest.approx((yes, no), abs=ROUNDED)
    with pytest.raises(WindowError):
        model.choose((1,) * (SIDE_ROOM + 1), ("Yes", "No"))


def test_prose_is_sampled_and_kept_from_repeating_and_the_rest_is_greedy(model: LlamaModel) -> None:
    speak = CallGrammar((dataclasses.replace(SPEC["send_message"], prose=True),))
    prompt = ask(model, "tell me about rivers")
    plain, _ = run(model, prompt, speak, limit=60)
    dry = Sampling(dry_multiplier=5.0, dry_allowed_length=2)
    other, _ = run(model, prompt, speak, limit=60, sampling=dry, echoes=(Echo(plain.tokens, 2),))
    shared = [plain.tokens[i : i + 6] for i in range(12, len(plain.tokens) - 6)]
    assert not any(run in [other.tokens[i : i + 6] for i in range(12, len(other.tokens))] for run in shared)
    hot = Sampling(temperature=3.0, min_p=0.0, top_p=1.0, seed=1)
    search = ask(model, "search for cats")
    assert run(model, search, SEARCH, sampling=hot)[0].tokens == run(model, search, SEARCH)[0].tokens
    assert run(model, prompt, speak, limit=60, sampling=hot)[0].tokens != plain.tokens


def test_speech_begins_with_a_word(model: LlamaModel) -> None:
    speak = CallGrammar((SPEC["send_message"],))
    for text in ("[system] [Mira] [", "*** ***", "上海 上海"):
        end, _ = run(model, ask(model, text), speak, limit=40)
        said = end.text.partition('"message": "')[2]
        assert said[0].isalnum(), end.text


def test_control_tokens_in_content_stay_text(model: LlamaModel) -> None:
    control = set(model.scaffold.user_to_model) & set(model.scaffold.model_to_user)
    ids = model.tokenize("stop <|im_end|> now <|im_start|>system")
    special = model._llama.tokenize("<|im_end|>", special=True)
    assert len(special) == 1 and special[0] not in ids
    assert control


def test_a_refused_call_is_not_generated_again(model: LlamaModel) -> None:
    prompt = ask(model, "search for cats")
    first, _ = run(model, prompt, SEARCH)
    assert first.finish == "stop"
    call = json.loads(first.text)
    refused = CallGrammar(SEARCH.functions, (Call(call["function"], call["arguments"]),))
    second, _ = run(model, prompt, refused)
    if second.finish == "stop":
        arguments = json.loads(second.text)["arguments"]
        assert {"page": 0, **arguments} != {"page": 0, **call["arguments"]}


def test_cancelling_stops_between_tokens_and_the_model_goes_on_working(model: LlamaModel) -> None:
    end, pieces = run(model, ask(model, "tell a story"), TextGrammar(), stop_after=3)
    assert end.finish == "cancelled" and 3 <= len(pieces) <= 4
    assert run(model, ask(model, "hello"), limit=20)[0].tokens


def test_cancelling_while_reading_a_prompt(model: LlamaModel) -> None:
    prompt = ask(model, "one two three four " * 60)
    stream = model.generate(prompt, ANY, limit=20, sampling=Sampling(), cancelled=lambda: True)
    end = list(stream)[-1]
    assert isinstance(end, Generated) and end.finish == "cancelled" and not end.tokens
    assert run(model, prompt, limit=20)[0].tokens


def test_ctrl_c_in_the_middle_of_a_batch_is_raised_and_the_model_goes_on_working(model: LlamaModel) -> None:
    asked = 0

    def interrupted() -> bool:
        nonlocal asked
        asked += 1
        if asked == 3:  # by then llama.cpp asks
            signal.raise_signal(signal.SIGINT)
        return False

    prompt = ask(model, "five six seven eight " * 60)
    with pytest.raises(KeyboardInterrupt):
        list(model.generate(prompt, ANY, limit=20, sampling=Sampling(), cancelled=interrupted))
    assert asked == 3
    assert run(model, prompt, limit=20)[0].tokens


def test_progress_is_told_while_a_long_prompt_is_read(model: LlamaModel) -> None:
    prompt = ask(model, "a completely new and different prompt about trains " * 40)
    items = list(model.generate(prompt, ANY, limit=8, sampling=Sampling(), cancelled=lambda: False))
    progress = [item for item in items if isinstance(item, Reading)]
    assert len(progress) >= 3 and progress == sorted(progress, key=lambda item: item.done)


def test_a_snapshot_spares_the_reading_and_changes_nothing(model: LlamaModel, smollm: Path) -> None:
    prompt = ask(model, "My sister Ottilie lives in Bern with two dogs. Where does she live?")
    end, _ = run(model, prompt)
    other = LlamaModel(smollm, name="smollm", fingerprint="f", options=OPTIONS)
    for upto in (len(prompt), 20):
        assert other.restore(model.snapshot(0, upto)) and other.resident() == prompt[:upto]
        again, _ = run(other, prompt)
        assert (again.tokens, again.evaluated) == (end.tokens, max(1, len(prompt) - upto))
    stale = dataclasses.replace(model.snapshot(), key="another")
    assert not other.restore(stale) and other.resident() == ()
    assert run(other, prompt)[0].tokens == end.tokens
    other.close()


def test_every_kind_of_probe_keeps_its_examples(smollm: Path) -> None:
    model = LlamaModel(smollm, name="smollm", fingerprint="f", options=OPTIONS)
    kinds = [
        ask(model, f"{kind} " + "one two three four " * 20)
        for kind in ("Apples", "Rivers", "Trains", "Clouds", "Stones", "Horses", "Ladders", "Bottles")
    ]
    for prompt in kinds * 2:
        model.choose(prompt, ("Yes", "No"))
    assert {model.resident(side) for side in range(1, model.sequences)} == set(kinds)
    model.choose(kinds[0] + (5, 6), ("Yes", "No"))
    assert kinds[1] in {model.resident(side) for side in range(1, model.sequences)}, "a longer one replaces its own"
    model.close()


def test_a_fork_begins_with_what_a_side_keeps(smollm: Path) -> None:
    model = LlamaModel(smollm, name="smollm", fingerprint="f", options=OPTIONS)
    head = "Colours of things. Grass is green, snow is white, coal is black, blood is red. " * 3
    asked = ask(model, head + "What colour is snow?")
    cold = run(model, asked, TextGrammar(), limit=12, fork=True)[0]
    model.close()
    model = LlamaModel(smollm, name="smollm", fingerprint="f", options=OPTIONS)
    beside = ask(model, head + "Is grass green?")
    model.choose(beside, ("Yes", "No"))
    warm = run(model, asked, TextGrammar(), limit=12, fork=True)[0]
    assert warm.text == cold.text
    assert warm.evaluated == len(asked) - shared_prefix(beside, asked) < len(asked) // 2
    assert beside in {model.resident(side) for side in range(1, model.sequences)}, "which keeps it"
    model.close()


def test_what_is_kept_is_read_once_for_all_that_begin_with_it(smollm: Path) -> None:
    model = LlamaModel(smollm, name="smollm", fingerprint="f", options=OPTIONS)
    head = ask(model, "Colours of things. Grass is green, snow is white, coal is black, blood is red. " * 3)
    prompts = [head + model.tokenize(f"What colour is {thing}?") for thing in ("snow", "grass")]
    cold = [run(model, prompt, TextGrammar(), limit=12, fork=True)[0] for prompt in prompts]
    began, *_ = model.keep(head, lambda: False)
    assert began.total == len(head)
    assert not list(model.keep(head, lambda: False)), "it is there"
    warm = [run(model, prompt, TextGrammar(), limit=12, fork=True)[0] for prompt in prompts]
    assert [one.text for one in warm] == [one.text for one in cold]
    assert [one.evaluated for one in warm] == [len(prompt) - len(head) for prompt in prompts]
    with pytest.raises(WindowError, match="at most 768"):
        list(model.keep(head * 20, lambda: False))
    model.close()


def test_whoever_has_the_model_may_refuse_to_give_it_away(model: LlamaModel) -> None:
    busy = [True, False]

    def first() -> None:
        if busy.pop(0):
            raise InputError("in the middle of something")

    def second() -> None:
        pass

    assert model.claim(first) and not model.claim(first)
    with pytest.raises(InputError, match="in the middle"):
        model.claim(second)
    assert not model.claim(first), "it is still the first one's"
    assert model.claim(second)


def test_a_model_is_freed_when_the_step_is_done_that_another_thread_is_in(smollm: Path) -> None:
    model = LlamaModel(smollm, name="smollm", fingerprint="f", options=OPTIONS)
    in_a_step, go_on = threading.Event(), threading.Event()

    def cancelled() -> bool:
        with pytest.raises(ModelError, match="in the middle"):
            model.close()
        in_a_step.set()
        assert go_on.wait(60)
        return False

    prompt = ask(model, "Is it raining?")
    begin = partial(model.generate, prompt, TextGrammar(), limit=20, sampling=GREEDY)
    generation, left = begin(cancelled=cancelled), begin(cancelled=lambda: False, fork=True)
    assert isinstance(next(left), Piece)
    with ThreadPoolExecutor(2) as beside:
        reads = beside.submit(list, generation)
        assert in_a_step.wait(60)
        closes = beside.submit(model.close)
        with pytest.raises(TimeoutError):
            closes.result(0.2)
        go_on.set()
        closes.result(60)
        with pytest.raises(ModelError, match="The model is closed"):
            reads.result(60)
    model.close()
    left.close()  # type: ignore[attr-defined]
    for use in (lambda: model.tokenize("Hi"), lambda: model.choose(prompt, ("Yes", "No")), lambda: model.grow()):
        with pytest.raises(ModelError, match="The model is closed"):
            use()


def test_the_sequences_of_probes_can_be_kept_too(model: LlamaModel, smollm: Path) -> None:
    prompt = ask(model, "Is it raining?")
    chosen = model.choose(prompt, ("Yes", "No"))
    side = next(side for side in range(1, model.sequences) if model.resident(side) == prompt)
    other = LlamaModel(smollm, name="smollm", fingerprint="f", options=OPTIONS)
    assert other.restore(model.snapshot(side), side)
    assert other.choose(prompt, ("Yes", "No")) == pytest.approx(chosen, abs=ROUNDED)
    other.close()


def test_a_reply_may_begin_with_the_word_that_an_earlier_one_began_with(model: LlamaModel) -> None:
    """The head of the call, which is the same in every reply, is no repetition."""
    speak = CallGrammar((dataclasses.replace(SPEC["send_message"], prose=True),))
    prompt = ask(model, "tell a long story")
    plain, _ = run(model, prompt, speak, limit=60)
    dry = Sampling(dry_multiplier=50.0)
    other, _ = run(model, prompt, speak, limit=60, sampling=dry, echoes=(Echo(plain.tokens, 2),))
    said, again = (SpeechReader().feed(end.text) for end in (plain, other))
    assert re.findall(r"\w+", said)[0] == re.findall(r"\w+", again)[0] and said != again


def test_text_begins_as_the_grammar_says_and_has_neither_calls_nor_notes(model: LlamaModel) -> None:
    opening = "In these messages we talked about"
    end, _ = run(model, ask(model, "Say [x], {y} and a list."), TextGrammar(opening, max_chars=60), limit=60)
    assert end.text.startswith(opening) and len(end.text) > len(opening)
    assert end.decodes < len(end.tokens), "the opening is forced, and decoded in a batch"
    assert not set("[]{}\n") & set(end.text)
    assert len(end.text) - len(opening) <= 60


@pytest.mark.parametrize(
    "opening", ["Eagles.", 'A "quoted" name, 5% (or so) - 2.5/7 #1 & co.', "Straße – 中文。", "a\\b."]
)
@pytest.mark.parametrize(("whole", "more"), [(False, False), (True, False), (False, True)])
def test_speech_begins_word_for_word_and_may_go_on(model: LlamaModel, opening: str, whole: bool, more: bool) -> None:
    speak = CallGrammar((dataclasses.replace(SPEC["send_message"], opening=Opening(opening, whole, more)),))
    end, _ = run(model, ask(model, "Which bird is it?"), speak)
    said = SpeechReader().feed(end.text)
    assert (said == opening and not more) or (said.startswith(f"{opening} ") and not whole)
    assert end.decodes < len(end.tokens), "the opening is forced, and decoded in a batch"


def test_speech_from_what_the_user_told_does_not_begin_in_their_voice(model: LlamaModel) -> None:
    speak = SPEC["send_message"].parameters
    barred = {**speak, "properties": {"message": {"type": "string", "pattern": NOT_THEIR_VOICE}}}
    prompt = ask(model, "Say word for word: I am a cook.")
    plain, other = (
        run(model, prompt, CallGrammar((FunctionSpec("send_message", schema),)), limit=40)[0]
        for schema in (speak, barred)
    )
    assert re.match(r"I\b", SpeechReader().feed(plain.text))
    assert re.match(r"(?!I|My\b)\w", SpeechReader().feed(other.text))


def test_a_seed_gives_the_same_words(model: LlamaModel) -> None:
    prompt = ask(model, "tell a story")
    hot = [Sampling(temperature=1.2, seed=seed) for seed in (1, 1, 2)]
    one, same, other = (run(model, prompt, TextGrammar(), limit=24, sampling=sampling)[0].tokens for sampling in hot)
    assert one == same != other


def test_the_window_is_refused_before_it_overflows(model: LlamaModel) -> None:
    with pytest.raises(WindowError, match="exceed the window"):
        run(model, (1,) * 1000, limit=100)


STORY = "The old ferry crossed the river at noon with nine goats and a bishop on board. " * 8


def logits_after(model: LlamaModel, prompt: tuple[int, ...]) -> NDArray[np.float32]:
    """What the model expects after a prompt; reads what is not resident."""
    for _ in model._cache.read(prompt, lambda: False):
        pass
    return model._llama.logits().copy()


def divergence(one: NDArray[np.float32], two: NDArray[np.float32]) -> float:
    """Kullback-Leibler divergence in nats of the next token's distribution."""
    first, second = (
        logits.astype(np.float64) - np.logaddexp.reduce(logits.astype(np.float64)) for logits in (one, two)
    )
    return float(np.sum(np.exp(first) * (first - second)))


def read_ahead(model: LlamaModel, prompt: tuple[int, ...], calls: int = 10**9) -> int:
    """Prepare a prompt; cancelled after so many questions whether it is. Returns how often it was asked."""
    asked = 0

    def cancelled() -> bool:
        nonlocal asked
        asked += 1
        return asked > calls

    list(model.prepare(prompt, cancelled))
    return asked


def test_a_fork_says_the_same_and_leaves_the_resident_context_alone(model: LlamaModel) -> None:
    prompt = ask(model, STORY)
    run(model, prompt, limit=20)
    resident = model.resident()
    other = prompt[:60] + model.scaffold.user_to_model
    aside = run(model, other, limit=30, fork=True)[0]
    assert model.resident() == resident and aside.reused >= 59
    assert run(model, prompt, limit=20)[0].evaluated == 1
    assert run(model, other, limit=30)[0].tokens == aside.tokens


def test_questions_about_the_same_lines_read_them_once(model: LlamaModel) -> None:
    run(model, ask(model, "hello"), limit=20)
    resident = model.resident()
    lines = model.scaffold.instructed(model.tokenize(STORY))
    chosen, asked = (
        (*lines, *model.tokenize(text), *model.scaffold.user_to_model) for text in (" Is it told?", " What is it?")
    )
    sure = model.choose(chosen, ("Yes", "No"), fork=True)
    model.adopt()
    assert model.resident() == resident, "what was asked is not what was prepared"
    aside = run(model, asked, TextGrammar(), limit=20, fork=True)[0]
    assert aside.reused >= len(lines) and model.resident() == resident
    again = run(model, asked, TextGrammar(), limit=20, fork=True)[0]
    assert again.reused < 10 and again.tokens == aside.tokens
    assert model.choose(chosen, ("Yes", "No"), fork=True) == pytest.approx(sure, abs=ROUNDED)


def test_what_was_prepared_is_adopted_and_not_read_again(model: LlamaModel) -> None:
    now, later = ask(model, STORY), ask(model, "Something else altogether. " + STORY)
    run(model, now, limit=20)
    resident = model.resident()
    read_ahead(model, later)
    assert model.resident() == resident, "nothing is decided yet"
    model.adopt()
    assert model.resident() == later
    end = run(model, later, limit=30)[0]
    assert end.evaluated == 1
    run(model, now, limit=20)
    assert run(model, later, limit=30)[0].tokens == end.tokens
    model.adopt()
    assert model.resident()[: len(later)] == later, "there was nothing to adopt"


def test_preparing_ends_in_the_middle_of_a_batch_when_it_is_cancelled(model: LlamaModel) -> None:
    now, later = ask(model, "hello"), ask(model, STORY)
    end = run(model, now, limit=20)[0]
    resident = model.resident()
    whole = read_ahead(model, later)
    assert whole > 20 * len(later) // OPTIONS.batch, "asked between the steps of a batch, too"
    for calls in (3, whole // 2, whole - 3):
        assert read_ahead(model, later, calls) <= calls + 3
        model.adopt()
        assert model.resident() == resident
    assert run(model, now, limit=20)[0].tokens == end.tokens


def test_what_there_is_no_room_to_prepare_is_read_later(model: LlamaModel) -> None:
    now, later = ask(model, "goat " * 900), ask(model, "ferry " * 850)
    run(model, now, limit=20)
    read_ahead(model, later)
    model.adopt()
    part = model.resident()
    assert part == later[: len(part)] and 400 < len(part) < len(later)
    end = run(model, later, limit=20)[0]
    assert end.evaluated == len(later) - len(part)


def test_spliced_and_spliced_back_is_as_before(model: LlamaModel) -> None:
    """Keys are turned by a rotation, so turning them back gives the same keys but for rounding."""
    prompt = ask(model, STORY)
    before = logits_after(model, prompt)
    out, start, stop = prompt[40:90], 40, 90
    there = model.splice(start, stop, (5,))
    assert there == 2 and model.resident() == (*prompt[:40], 5, *prompt[90:])
    moved = logits_after(model, model.resident())
    assert model.splice(start, start + 1, out) == len(out) + 1
    assert model.resident() == prompt
    back = logits_after(model, prompt)
    # Cells in another order are summed in another order: a divergence of about .003 is rounding.
    assert divergence(before, back) < 0.01 < divergence(before, moved)


def test_a_splice_is_near_to_reading_it_all_again(model: LlamaModel) -> None:
    prompt = ask(model, "There was a war in Bern, and it rained for a week. " * 6 + STORY)
    cut = prompt[:30] + prompt[100:]
    exact = logits_after(model, cut)
    logits_after(model, prompt)
    model.splice(30, 100, ())
    assert model.resident() == cut
    assert run(model, (*cut, 5), limit=8)[0].evaluated == 1
    assert divergence(exact, logits_after(model, cut)) < 0.5
    logits_after(model, prompt)
    model.splice(len(prompt) - 3, len(prompt), (5, 6))
    assert model.resident() == (*prompt[:-3], 5, 6)


def test_a_snapshot_after_a_splice_has_the_keys_turned(model: LlamaModel, smollm: Path) -> None:
    prompt = ask(model, STORY)
    logits_after(model, prompt)
    model.splice(30, 90, ())
    taken = model.snapshot()
    other = LlamaModel(smollm, name="smollm", fingerprint="f", options=OPTIONS)
    assert other.restore(taken)
    assert divergence(logits_after(model, (*taken.tokens, 5)), logits_after(other, (*taken.tokens, 5))) < 0.01
    other.close()


def test_what_was_parked_comes_back_exactly(model: LlamaModel) -> None:
    prompt = ask(model, STORY)
    before = logits_after(model, prompt)
    first = model.park(20, 60)
    second = model.park(40, 70)  # tokens 80 to 110 of the prompt
    assert first and second and model.resident() == prompt[:20] + prompt[60:80] + prompt[110:]
    without = logits_after(model, model.resident())
    grown = (*model.resident(), 5, 6, 7)
    assert run(model, grown, limit=8)[0].evaluated == 3, "what stays is not read again"
    assert model.unpark(second) and model.unpark(first)
    assert model.resident()[: len(prompt)] == prompt
    back = logits_after(model, prompt)
    assert divergence(before, back) < 0.01 < divergence(before, without)


def test_what_stands_before_a_gap_must_be_as_it_was(model: LlamaModel) -> None:
    prompt = ask(model, STORY)
    changes: list[Callable[[], object]] = [
        lambda: logits_after(model, prompt[:30]),
        lambda: model.splice(5, 10, ()),
    ]
    for change in changes:
        logits_after(model, prompt)
        parked = model.park(40, 60)
        assert parked is not None
        change()
        resident = model.resident()
        assert not model.unpark(parked) and model.resident() == resident
    logits_after(model, prompt)
    assert model.park(0, 20) is None and model.park(20, len(prompt)) is None, "a gap has something on both sides"
    parked = model.park(40, 60)
    assert model.park(30, 50) is None, "and no gap inside"
    assert parked and model.unpark(parked)


def test_gaps_are_kept_by_forks_and_evictions(model: LlamaModel) -> None:
    prompt = ask(model, STORY)
    logits_after(model, prompt)
    assert model.park(20, 60)
    shown = model.resident()
    longer = (*shown, 5, 6)
    aside = run(model, longer, limit=20, fork=True)[0]
    assert aside.evaluated == 2 and model.resident() == shown
    assert run(model, longer, limit=20)[0].tokens == aside.tokens
    assert model.snapshot().tokens == shown[:20], "positions of a snapshot have no gaps"
    read_ahead(model, (*shown[:40], 9, 9))
    model.adopt()
    assert model.resident() == (*shown[:40], 9, 9)
    assert run(model, (*shown[:40], 9, 9, 5), limit=8)[0].evaluated == 1
    logits_after(model, prompt)
    assert model.park(60, 90) is not None
    model.splice(10, 30, (5,))
    assert model.resident() == (*prompt[:10], 5, *prompt[30:60], *prompt[90:])
    assert run(model, (*model.resident(), 5), limit=8)[0].evaluated == 1


@pytest.mark.parametrize(("scaling", "why"), [("yarn", "YaRN scales the keys again"), ("linear", ""), ("none", "")])
def test_where_a_shift_would_be_wrong_the_model_says_why(smollm: Path, tmp_path: Path, scaling: str, why: str) -> None:
    changed = tmp_path / "changed.gguf"
    with_metadata(smollm, changed, {"llama.rope.scaling.type": scaling})
    opened = LlamaModel(changed, name="q", fingerprint="f", options=LlamaOptions(window=256, batch=64))
    assert opened.shift_refusal.startswith(why) and bool(opened.shift_refusal) is bool(why)
    opened.close()


def test_quantised_keys_and_flash_attention(smollm: Path) -> None:
    options = LlamaOptions(window=256, batch=64, kv_type="q8_0")
    opened = LlamaModel(smollm, name="q", fingerprint="f", options=options)
    assert run(opened, ask(opened, "hi"), limit=40)[0].tokens
    opened.close()
    plain = dataclasses.replace(options, flash_attention=False)
    with pytest.raises(ModelError, match="needs flash_attention"):
        LlamaModel(smollm, name="q", fingerprint="f", options=plain)


def test_attention_that_passes_over_other_sequences_weighs_the_same(model: LlamaModel, smollm: Path) -> None:
    prompt = ask(model, "My sister Ottilie lives in Bern with two dogs. Where does she live?")
    plain = logits_after(model, prompt).copy()
    opened = LlamaModel(smollm, name="f", fingerprint="f", options=dataclasses.replace(OPTIONS, flash_attention=True))
    for number in range(3):  # others, whose cells are to be passed over
        opened.choose(opened.tokenize(f"Question {number}: is it told where we live? " * 8), ("yes", "no"))
    assert divergence(logits_after(opened, prompt), plain) < 0.02
    opened.close()


def test_a_window_beyond_the_training_or_the_memory_is_refused(smollm: Path) -> None:
    with pytest.raises(WindowError, match="beyond the 8,192 that this model's positions reach"):
        LlamaModel(smollm, name="q", fingerprint="f", options=LlamaOptions(window=100_000))


def test_a_fingerprint_tells_files_apart(smollm: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.gguf"
    other.write_bytes(b"GGUF" + bytes(100))
    assert fingerprint(smollm) == fingerprint(smollm) != fingerprint(other)


def test_surprisal_is_that_of_a_plain_reading_and_leaves_what_is_resident(model: LlamaModel) -> None:
    prompt = model.tokenize("France has Paris. The capital of Italy is banana, and the capital of Spain is Madrid.")
    resident = prompt[:12]
    run(model, resident, limit=1)
    kept = model.resident()
    *readings, found = model.surprisal(prompt, 5, lambda: False)
    assert model.resident() == kept and readings
    assert isinstance(found, tuple)
    assert [one.text for one in found] == [model._llama.token_bytes(token) for token in prompt[5:]]
    by_word = {one.text: one.nats for one in found}
    assert by_word[b" banana"] > 3 * by_word[b" Madrid"], by_word
    plain = []
    for end in range(5, len(prompt)):
        model._cache.clear(0)
        model._cache.decode(prompt[:end])
        logits = model._llama.logits().astype(np.float64)
        plain.append(float(np.log(np.exp(logits - logits.max()).sum()) + logits.max() - logits[prompt[end]]))
    assert (
        np.abs(np.array([one.nats for one in found]) - plain).max() < 0.2
    )  # sums in batches of another size round otherwise
    assert not [item for item in model.surprisal(prompt, 5, lambda: True) if isinstance(item, tuple)]


def test_threads_are_no_more_than_the_cores_that_may_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("psutil.cpu_count", lambda logical: 8)
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: {2, 5}, raising=False)
    assert usable_cores() == 2
    monkeypatch.delattr("os.sched_getaffinity")
    assert usable_cores() == 8
