"""Documents read apart: what of them is laid before the model, and what comes into view of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from memos import events, prompts
from memos.document_reader import CANDIDATES, DocumentReader, likeliest
from memos.naming import mentions, names
from memos.reading import Reader
from memos.storage import AgentStorage, Database
from memos.testing import ScriptedModel
from tests.kernel.conftest import Bench

MOVES = ["Ada went to the attic. It was raining all day.", "Bob slept. Ada moved to the cellar. Nobody saw it."]
WHERE = "Where is Ada?"
MANY = 250  # more than a search looks at


def answers(*, ask: float, told: float, whole: float | None = None) -> dict[str, Any]:
    """A model that is this sure that memory is asked for, and that what it reads tells the answer; or whole passages,
    those that have "number 3" a little surer."""

    def yes(prompt: str) -> tuple[float, ...]:
        if prompts.QUOTER in prompt:
            sure = told if whole is None or "At last: " in prompt else whole + 0.1 * ("number 3" in prompt)
            return sure, 1 - sure
        return (ask, 0.0, 0.0, 0.0) if prompts.REQUEST_PROBE in prompt else (0.0, 1.0)

    return {"yes": yes}


def store(stored: AgentStorage, source: str, *texts: str) -> None:
    stored.archival.store_document(source, f"hash of {texts}", [(text, "") for text in texts])


def reads(bench: Bench) -> list[str]:
    """What was read apart so far."""
    texts = [bench.model.text(prompt) for prompt, _ in bench.model.prompts]
    return [text for text in texts if prompts.QUOTER in text]


def test_sentences_that_have_the_name_are_read_in_their_order(bench: Bench, of: Any) -> None:
    store(bench.stored, "/book/10.txt", MOVES[1])
    store(bench.stored, "/book/2.txt", MOVES[0])
    bench.open(
        model={"readings": ["In the cellar."], **answers(ask=0.9, told=0.7, whole=0.6)}, window=2048, note_facts=False
    )
    happened = bench.say(WHERE)
    (apart,) = reads(bench)
    assert (
        "Before: Ada went to the attic.\nAt last: Ada moved to the cellar." in apart
        and "Where these differ, the last" in apart
    )
    assert "raining" not in apart and "Bob" not in apart and "Functions:" not in apart
    view = bench.view().partition("[memory of earlier talks]")[2]
    assert f"They say: In the cellar.\n{WHERE}" in view
    assert of(happened, events.Speech)[0].text.startswith("In the cellar."), "word for word"
    assert view.count("quoted from /book/10.txt") == 1 and "Ada moved to the cellar." in view and "attic" not in view
    assert prompts.QUOTATION in view, "what documents say is a quotation, whoever read it"
    assert len(of(happened, events.PagedIn)) == 1
    (judged,) = of(happened, events.Judged)
    assert (judged.question, judged.probability, judged.sources) == (WHERE, 0.7, ("archival:2", "archival:1"))


@pytest.mark.parametrize(("whole", "read"), [(0.6, "At last: Ada moved to the cellar."), (0.8, "raining")])
def test_where_more_is_asked_than_a_name_whole_passages_may_tell_it_more_surely(
    bench: Bench, of: Any, whole: float, read: str
) -> None:
    store(bench.stored, "/book/10.txt", MOVES[1])
    store(bench.stored, "/book/2.txt", MOVES[0])
    model = {"readings": ["In the cellar."], **answers(ask=0.9, told=0.7, whole=whole)}
    bench.open(model=model, window=2048, note_facts=False)
    happened = bench.say("Where did Ada move?")
    assert [one.probability for one in of(happened, events.Judged)] == [0.7, whole]
    assert len(reads(bench)) == (2 if whole > 0.7 else 1), "a view that is less sure is not read"
    assert read in reads(bench)[-1]


@pytest.mark.parametrize(
    ("sure", "judged", "read"),
    [
        (0.6, [0.6, 0.6, 0.7], [7, 3]),  # the third view is the surest; the second not surer than the first
        (0.75, [0.75, 0.75, 0.85], [7, 3]),
        (0.9, [0.9], [7]),  # surely told: no other is looked at
        (0.45, [0.45, 0.45, 0.55], [3]),
        (0.35, [0.35, 0.35, 0.45], []),  # told nowhere
    ],
)
def test_of_what_passages_tell_the_surest_is_read(
    bench: Bench, of: Any, sure: float, judged: list[float], read: list[int]
) -> None:
    filler = "It is a bus that goes there and back again, all day long and half of the night, too. " * 9
    for number in (3, 5, 7):
        store(bench.stored, f"/{number}.txt", f"The bus to the lake and the zoo is number {number}. {filler}")
    says = [f"Number {number}." for number in read]
    bench.open(model={"readings": says, **answers(ask=0.9, told=0.0, whole=sure)}, window=2048, note_facts=False)
    happened = bench.say("Which bus goes to the lake and the zoo?")
    assert [one.probability for one in of(happened, events.Judged)] == judged
    assert [f"number {number}" in text for number, text in zip(read, reads(bench), strict=True)] == [True] * len(read)
    assert not says or of(happened, events.Speech)[0].text == says[-1]


def test_a_name_behind_an_initial_may_begin_a_sentence(bench: Bench) -> None:
    store(bench.stored, "/book/1.txt", "They were on their way to Z. Ada went to the attic. Nobody saw it.")
    bench.open(model={"readings": ["In the attic."], **answers(ask=0.9, told=0.7)}, window=2048, note_facts=False)
    bench.say(WHERE)
    (apart,) = reads(bench)
    assert "At last: Ada went to the attic." in apart


def test_what_passages_are_about_is_read_in_whole_passages(bench: Bench) -> None:
    text = "Ada lived in the attic. Ada was a painter. It was turquoise."
    store(bench.stored, "/ada.txt", text)
    bench.open(model={"readings": ["Turquoise."], **answers(ask=0.9, told=0.9)}, window=2048, note_facts=False)
    bench.say("Which colour had the attic of Ada?")
    (apart,) = reads(bench)
    assert f"ada.txt: {text}" in apart and "At last: " not in apart


@pytest.mark.parametrize(
    ("model", "asked"),
    [
        (answers(ask=0.9, told=0.4), WHERE),  # the model finds it told nowhere
        (answers(ask=0.1, told=0.9), WHERE),  # nothing is asked of memory
        (answers(ask=0.9, told=0.9), "Where is Zoe?"),  # no document names her
    ],
)
def test_where_documents_do_not_tell_it_nothing_of_them_comes_into_view(
    bench: Bench, of: Any, model: dict[str, Any], asked: str
) -> None:
    store(bench.stored, "/book/1.txt", *MOVES)
    bench.open(model={"readings": ["In the attic."] * 2, **model}, window=2048, note_facts=False)
    assert not of(bench.say(asked), events.PagedIn) and not reads(bench)


def test_a_reading_that_no_passage_bears_is_not_shown(bench: Bench, of: Any) -> None:
    store(bench.stored, "/book/1.txt", *MOVES)
    bench.open(model={"readings": ["Paris."] * 3, **answers(ask=0.9, told=0.9)}, window=2048, note_facts=False)
    assert not of(bench.say(WHERE), events.PagedIn)
    named, whole = reads(bench)
    assert "raining" not in named and "1.txt: Ada went to the attic. It was raining all day." in whole


def test_a_question_that_names_nothing_is_read_from_whole_passages(bench: Bench, of: Any) -> None:
    store(bench.stored, "/book/1.txt", *MOVES)
    bench.open(model={"readings": ["All day."], **answers(ask=0.9, told=0.9)}, window=2048, note_facts=False)
    bench.say("How long was it raining?")
    (apart,) = reads(bench)
    assert "1.txt: Ada went to the attic. It was raining all day." in apart
    assert "It was raining all day." in bench.view().partition("[memory of earlier talks]")[2]


def test_what_a_note_tells_is_not_looked_for_in_documents(bench: Bench, of: Any) -> None:
    store(bench.stored, "/book/1.txt", *MOVES)
    bench.stored.archival.insert("Ada is in Oslo.", location="recall:1")

    def yes(prompt: str) -> tuple[float, ...]:
        return (0.9, 0.0, 0.0, 0.0) if prompts.REQUEST_PROBE in prompt else (0.9, 0.1)

    bench.open(model={"yes": yes}, window=2048, note_facts=False)
    bench.say(WHERE)
    assert "user: Ada is in Oslo." in bench.view() and not reads(bench)


@pytest.mark.parametrize(("probability", "read"), [(0.6, False), (0.45, True)])
def test_where_a_note_nearly_tells_it_documents_do_not(bench: Bench, probability: float, read: bool) -> None:
    """A note that stands out, but not so far that it answers a message which may not ask for it."""
    store(bench.stored, "/book/1.txt", *MOVES)
    bench.stored.archival.insert("My sister Ada has moved to a house by the sea.", location="recall:1")

    def yes(prompt: str) -> tuple[float, ...]:
        if prompts.QUOTER in prompt:
            return 0.9, 0.1
        return (0.4, 0.0, 0.0, 0.0) if prompts.REQUEST_PROBE in prompt else (probability, 1 - probability)

    bench.open(model={"yes": yes, "readings": ["In the cellar."]}, window=2048, note_facts=False)
    bench.say(WHERE)
    assert bool(reads(bench)) is read


def test_notes_are_found_among_many_passages_of_documents(bench: Bench) -> None:
    store(bench.stored, "/tea.txt", *(f"The tea that I like is number {number}." for number in range(MANY)))
    bench.stored.archival.insert("I like green tea.", location="recall:1")
    found = bench.kernel.remembering._pager.candidates("Which tea do I like?", ())
    assert [one.text for one in found] == ["I like green tea."]


def test_what_is_to_be_corrected_is_found_among_many_passages_of_documents(bench: Bench) -> None:
    bench.stored.archival.insert("I like green tea.", location="recall:1")
    store(bench.stored, "/tea.txt", *(f"I like tea, and that is number {number}." for number in range(MANY)))
    amending = bench.kernel.remembering._keeping._amending
    found = amending._clauses("Correct that: I like black tea.", forgets=False)
    assert [one.text for one in found] == ["I like green tea."]


def test_documents_are_found_among_many_notes(bench: Bench) -> None:
    store(bench.stored, "/tea.txt", "The tea that everybody here likes is number 7.")
    for number in range(MANY):
        bench.stored.archival.insert(f"I like tea, {number} cups.", location="recall:1")
    archival, asked = bench.stored.archival, "Which tea do I like?"
    assert not any(one.source for one in archival.search(asked, limit=CANDIDATES).items)
    assert [one.source for one in likeliest(archival, asked)] == ["/tea.txt"]


def test_what_is_read_at_once_has_room(tmp_path: Path) -> None:
    with Database.open(tmp_path) as database, database.agent("ada") as stored:
        store(stored, "/a.txt", *(f"Ada saw {number} birds and then she wrote it down." for number in range(12)))
        model = ScriptedModel(readings=["Nothing"] * 4, yes=0.9)
        reader = DocumentReader(stored.archival, Reader(model, prompts.QUOTER), lambda text: len(text.split()))
        work = reader.read("How many birds saw Ada?", 40, lambda: False)
        with pytest.raises(StopIteration):
            while True:
                next(work)
        texts = [model.text(prompt) for prompt, _ in model.prompts]
        assert [text.count("birds and") for text in texts] == [3, 3, 3, 3]
        assert len({line for text in texts[1:] for line in text.split("Ada saw")[1:]}) == 9, "none is read again"


def test_names_are_words_with_a_capital_inside_a_sentence() -> None:
    assert names("Under which licence is Mistral released? Who made Rust's book?") == {"mistr", "rust"}
    assert names("what is it?") == names("What is it?") == frozenset()
    assert names("How long do I keep backups?") == frozenset()
    texts = ("So Mary took it. The RFC says it, and will.", "There Mary was. Will Marys win?")
    assert names("where is mary, and what says the rfc?", texts) == {"mary", "rfc"}
    assert names("Where is mary?", texts) == names("where is mary?") == frozenset()  # who writes one capital writes all
    assert mentions("/files/rfc1459.txt", names("Which port has RFC 1459?"))
    assert mentions("Vue 2 已于 2023 年停止维护", names("When did Vue and Nuxt end?"))
    assert not mentions("other", names("In the Rust book?"))
