"""What is written down is read without its day, so it says which day its "last Friday" was."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from memos import events
from memos.messages import Call
from memos.testing import say
from memos.zone import local
from tests.kernel.conftest import Bench, probed, replies


def day(ago: int) -> str:
    """A day before today, as notes write it."""
    then = local(datetime.now(UTC)) - timedelta(days=ago)
    return f"{then.day} {then:%B %Y}"


def lines(bench: Bench) -> tuple[list[str], str]:
    """What is noted, and what block `user` says."""
    return [note.text for note in bench.stored.archival.search("", limit=9).items], bench.kernel.working["user"].text


@pytest.mark.parametrize(
    ("told", "ago"),
    [("I saw the dentist yesterday.", 1), ("I began my new job today.", 0), ("I swim on Fridays.", None)],
)
def test_a_fact_is_noted_with_its_day_in_archival_memory_and_in_the_block(
    bench: Bench, told: str, ago: int | None
) -> None:
    bench.open(model=probed(fact=1.0))
    bench.say(told)
    # The day is asked for here and not where tests are collected: midnight may be between the two.
    noted = told if ago is None else f"{told.rstrip('.')} ({day(ago)})."
    assert lines(bench) == ([noted], noted)


def test_what_was_noted_with_its_day_is_not_noted_again(bench: Bench) -> None:
    """First because the message asks for it, then as a fact that it tells."""

    def yes(prompt: str) -> tuple[float, ...]:
        keeps = "remember that" in prompt[-60:]
        return replies(prompt, ask=0.0, keep=keeps, answer=0.1, fact=0.9, told=0.1, change=0.0, forget=0.0)

    bench.open(model={"yes": yes})
    bench.say("I saw the dentist yesterday with Anna.\nPlease remember that.\nWhat is a molar?")
    noted = [note for note in lines(bench)[0] if "Anna" in note]
    assert noted == [f"I saw the dentist yesterday ({day(1)}) with Anna."]


def test_a_day_that_the_user_wrote_is_theirs(bench: Bench) -> None:
    said = "I met my wife last May (2022) in Rome."
    bench.open(
        [Call("core_memory_append", {"label": "user", "content": said}), say("Good.")], model=probed(keep=1.0, fact=1.0)
    )
    bench.say(said)
    assert not lines(bench)[0], "it is saved already"


def test_a_correction_has_its_own_day_and_what_it_leaves_the_one_it_had(bench: Bench, of: Any) -> None:
    bench.open(model=probed(fact=1.0))
    bench.say("I saw the dentist yesterday and left my hat there.")
    wants = probed(keep=1.0, change=0.9)
    bench.open(model={**wants, "readings": ["I saw the dentist three days ago and left my hat there"]})
    bench.say("No, I saw the dentist three days ago. Please correct that.")
    (anew,) = lines(bench)[0]
    assert anew == f"I saw the dentist three days ago ({day(3)}) and left my hat there."
    bench.open(model={**wants, "readings": ["I saw the dentist three days ago and left my coat there"]})
    bench.stored.archival.put_away([bench.stored.archival.search("", limit=1).items[0].id], by=1)
    text = anew.replace(day(3), day(9))  # told six days before
    bench.stored.archival.insert(text)
    list(bench.kernel.by_hand.edit_block("user", ""))
    happened = bench.say("It was my coat that I left there, please correct that.")
    assert [one.led_to for one in of(happened, events.Probed) if one.question == "change"] != [""]
    assert lines(bench)[0] == [text.replace("hat", "coat")]


def test_what_the_model_saves_has_its_day_too(bench: Bench) -> None:
    flight = Call("core_memory_append", {"label": "user", "content": "My flight is tomorrow."})
    rain = Call("archival_memory_insert", {"content": "It rained yesterday."})
    bench.open([flight, say("Noted."), rain, say("Noted.")], model=probed(keep=1.0))
    bench.say("Please remember that my flight is tomorrow.")
    bench.say("Please remember that it rained yesterday.")
    assert lines(bench) == ([f"It rained yesterday ({day(1)})."], f"My flight is tomorrow ({day(-1)}).")


def test_what_the_model_replaces_in_a_line_leaves_the_day_of_the_line(bench: Bench) -> None:
    old, new = f"I was ill yesterday ({day(5)}).", "I was very ill yesterday, and last year."
    list(bench.kernel.by_hand.edit_block("user", old))
    changes = Call("core_memory_replace", {"label": "user", "old_content": old, "new_content": new})
    bench.open([changes, say("Done.")], model=probed(keep=1.0), memory_threshold=0.0)
    bench.say("Please say that I was very ill.")
    year = local(datetime.now(UTC)).year - 1
    assert lines(bench)[1] == f"I was very ill yesterday ({day(5)}), and last year ({year})."


def test_a_line_of_a_block_that_tells_a_day_is_shown_next_to_the_question(bench: Bench, of: Any) -> None:
    list(bench.kernel.by_hand.edit_block("user", "My exam is tomorrow (3 May 2026).\nMy cat is grey."))
    bench.open(model=probed(ask=0.9, answer=0.9))
    happened = bench.say("When is my exam?")
    assert "[block user] My exam is tomorrow (3 May 2026)." in bench.view().rpartition("[memory of earlier talks]")[2]
    assert len(of(happened, events.PagedIn)) == 1
    assert not of(bench.say("Which colour is my cat?"), events.PagedIn), "it is in view"
