"""Days are the user's: those of the machine's zone, wherever one is spoken of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from memos import prompts
from memos.dates import periods
from memos.messages import Kind, Message, Told
from memos.pager import Pager, message_line, passage_line
from memos.storage import AgentStorage, Database
from memos.zone import LOCAL, local

LOS_ANGELES, TOKYO = "America/Los_Angeles", "Asia/Tokyo"
FRIDAY_EVENING = datetime(2026, 5, 1, 20, tzinfo=ZoneInfo(LOS_ANGELES))  # Saturday in UTC
SATURDAY_MORNING = datetime(2026, 5, 2, 8, tzinfo=ZoneInfo(TOKYO))  # Friday in UTC


@pytest.fixture
def stored(tmp_path: Path) -> AgentStorage:
    return Database.open(tmp_path).agent("ada")


def told(stored: AgentStorage, content: str, said_at: datetime) -> Message:
    (number,) = stored.recall.import_past([Told(Kind.USER, content, said_at)])
    message = stored.recall.get(number)
    assert message is not None
    return message


@pytest.mark.parametrize("name", [LOS_ANGELES, TOKYO, "UTC", "Australia/Lord_Howe"])
def test_a_moment_on_the_clock_of_the_machine(zone: Callable[[str], None], name: str) -> None:
    zone(name)
    for half_hours in range(0, 2 * 24 * 400, 7):  # both changes of the clock
        moment = datetime(2025, 10, 1, tzinfo=UTC) + timedelta(minutes=30 * half_hours)
        here, there = local(moment), moment.astimezone(ZoneInfo(name))
        assert here.replace(tzinfo=None) == there.replace(tzinfo=None)
        assert here.timestamp() == moment.timestamp()


def test_days_that_are_counted_begin_at_midnight_when_the_clock_has_changed(zone: Callable[[str], None]) -> None:
    zone(LOS_ANGELES)
    (found,) = periods("five days ago", local(datetime(2026, 3, 10, 12, tzinfo=UTC)))  # summer time since 8 March
    assert found.start == datetime(2026, 3, 5, 8, tzinfo=UTC) and found.end == datetime(2026, 3, 6, 8, tzinfo=UTC)


def test_a_line_has_the_day_of_who_said_it(zone: Callable[[str], None], stored: AgentStorage) -> None:
    zone(LOS_ANGELES)
    message = told(stored, "I went to the dentist yesterday.", FRIDAY_EVENING)
    assert message_line(message).endswith("2026-05-01] user: I went to the dentist yesterday (30 April 2026).")
    assert prompts.said(message).startswith("[1 May 2026]")


def test_a_note_has_the_day_on_which_it_was_made(zone: Callable[[str], None], stored: AgentStorage) -> None:
    zone(TOKYO)
    note = replace(stored.archival.insert("Lisbon is sunny."), created_at=SATURDAY_MORNING.astimezone(UTC))
    assert passage_line(note) == f"[archival:{note.id} 2026-05-02] Lisbon is sunny."


def test_messages_are_found_by_the_users_day(zone: Callable[[str], None], stored: AgentStorage) -> None:
    zone(LOS_ANGELES)
    told(stored, "I went to the dentist.", FRIDAY_EVENING)
    pager = Pager(stored.recall, stored.archival, lambda text: len(text.split()))
    assert "dentist" in pager.recall_page_by_date("2026-05-01", "2026-05-01", 0, room=200)
    assert pager.recall_page_by_date("2026-05-02", "2026-05-02", 0, room=200).startswith("No messages")


def test_yesterday_in_a_question_is_the_day_before_that_of_who_asks(
    zone: Callable[[str], None], stored: AgentStorage
) -> None:
    zone(TOKYO)
    for day in (29, 30):
        told(stored, f"I ate number {day}.", datetime(2026, 4, day, 12, tzinfo=ZoneInfo(TOKYO)))
    told(stored, "I ate number 1.", datetime(2026, 5, 1, 12, tzinfo=ZoneInfo(TOKYO)))
    found = stored.recall.search("What did I eat yesterday?", asked_at=SATURDAY_MORNING.astimezone(UTC))
    # A row of that day has the whole of what its day is worth, and no other has.
    worth = {message.content: parts["date"] for message, parts in zip(found.items, found.parts, strict=True)}
    assert worth.pop("I ate number 1.") > max(worth.values())


def test_what_is_told_of_yesterday_is_found_by_that_day(zone: Callable[[str], None], stored: AgentStorage) -> None:
    zone(TOKYO)
    told(stored, "Yesterday I ate ramen.", SATURDAY_MORNING)
    told(stored, "The day before yesterday I ate soba.", SATURDAY_MORNING)
    found = stored.recall.search("What did I eat on 1 May 2026?", asked_at=SATURDAY_MORNING + timedelta(days=30))
    told_of = {message.content[:9]: parts["time told"] for message, parts in zip(found.items, found.parts, strict=True)}
    assert told_of["Yesterday"] > told_of["The day b"]


def test_the_zone_is_aware_far_from_now() -> None:
    assert datetime(1, 1, 2, tzinfo=LOCAL).utcoffset() is not None
    assert datetime(9999, 12, 30, tzinfo=LOCAL).utcoffset() is not None
