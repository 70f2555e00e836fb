"""Page faults: what a search shows, and how the model reads on from it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from memos.errors import ToolError
from memos.messages import Kind, Told, pointed
from memos.pager import Pager
from memos.storage import AgentStorage, Database


@pytest.fixture
def stored(tmp_path: Path) -> AgentStorage:
    return Database.open(tmp_path).agent("ada")


def pager(stored: AgentStorage) -> Pager:
    return Pager(stored.recall, stored.archival, lambda text: len(text.split()))


def test_an_id_opens_what_was_said_around_it(stored: AgentStorage) -> None:
    said = [stored.recall.append(Kind.USER, f"sentence {n}", turn=n).id for n in range(9)]
    page = pager(stored).recall_page(f"recall:{said[4]}", 0, before_id=10**9, room=200)
    assert page.startswith(f"around recall:{said[4]}:")
    assert [f"sentence {n}" in page for n in range(9)] == [False, *[True] * 7, False]
    assert pager(stored).recall_page("recall:999", 0, before_id=10**9, room=200) == "There is no recall:999."


def test_what_was_taken_back_is_on_no_page(stored: AgentStorage) -> None:
    for turn, text in enumerate(("Do you have pets?", "Have you any hamsters?", "Two since Easter."), start=1):
        last = stored.recall.append(Kind.USER, text, turn=turn)
    stored.history.rewind(last.id - 1)
    answer = stored.recall.append(Kind.USER, "Two hamsters.", turn=2)
    assert [one.content for one in stored.recall.around(answer.id)] == ["Do you have pets?", "Two hamsters."]
    assert stored.recall.around(last.id) == []
    page = pager(stored).recall_page("hamsters", 0, before_id=10**9, room=200)
    assert "pets" in page and "any" not in page and "Easter" not in page


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("recall:7", ("recall", 7)),
        ("archival:12", ("archival", 12)),
        *((wrong, None) for wrong in ("7", "recall:", "recall:²", "recall:-7", "recall:7 ", "x:7", f"recall:{10**19}")),
    ],
)
def test_what_a_pointer_is(text: str, names: tuple[str, int] | None) -> None:
    assert pointed(text) == names


def test_an_id_opens_a_passage_with_its_neighbours(stored: AgentStorage) -> None:
    stored.archival.store_document("book.txt", "", [(f"passage {n}", f"page {n}") for n in range(5)])
    middle = stored.archival.read_document("book.txt").items[2].id
    page = pager(stored).archival_page(f"archival:{middle}", 0, room=200)
    assert [f"passage {n}" in page for n in range(5)] == [False, True, True, True, False]


def test_an_answer_is_shown_with_its_question(stored: AgentStorage) -> None:
    asked = stored.recall.append(Kind.SPEECH, "Do you have pets?", turn=1)
    stored.recall.append(Kind.USER, "Two hamsters since Easter.", turn=2)
    page = pager(stored).recall_page("hamsters", 0, before_id=10**9, room=200)
    assert "Two hamsters" in page and f"[recall:{asked.id}" in page and "Do you have pets?" in page
    assert "pets" not in pager(stored).recall_page("hamsters", 0, before_id=10**9, room=32), "cut to the room"


def test_last_week_is_by_the_clock_of_the_kernel(stored: AgentStorage) -> None:
    days = datetime(2024, 1, 10, 12, tzinfo=UTC), datetime(2024, 2, 28, 12, tzinfo=UTC)
    stored.recall.import_past(
        [Told(Kind.USER, f"I ate {what}.", day) for what, day in zip(("rice", "soup"), days, strict=True)]
    )
    for what, day in zip(("rice", "soup"), days, strict=True):

        def clock(now: datetime = day + timedelta(days=7)) -> datetime:
            return now

        asked = Pager(stored.recall, stored.archival, lambda text: len(text.split()), clock)
        assert asked.spoken("What did I eat last week?", before_id=10**9).items[0].content == f"I ate {what}."
        page = asked.recall_page("What did I eat last week?", 0, before_id=10**9, room=200)
        assert page.splitlines()[1].endswith(f"I ate {what}.")


def test_dates_may_reach_to_the_end_of_time(stored: AgentStorage) -> None:
    stored.recall.append(Kind.USER, "Two hamsters since Easter.", turn=1)
    for last in ("9999-12-30", "9999-12-31"):
        assert "Two hamsters" in pager(stored).recall_page_by_date("2024-01-01", last, 0, room=200)


def test_a_search_that_found_nothing_says_what_to_try(stored: AgentStorage) -> None:
    page = pager(stored).recall_page("zeppelin", 0, before_id=10**9, room=200)
    assert "other words" in page and "archival_memory_search" in page and "conversation_search_date" in page
    with pytest.raises(ToolError, match="YYYY-MM-DD"):
        pager(stored).recall_page_by_date("May", "June", 0, room=200)
