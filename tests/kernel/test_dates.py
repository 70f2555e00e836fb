"""Times in words, resolved against when they were said."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from memos.dates import Period, dated, periods

NOW = datetime(2023, 8, 15, 10, tzinfo=UTC)  # a Tuesday


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("last May", "2023-05-01", "2023-06-01"),
        ("in May 2022", "2022-05-01", "2022-06-01"),
        ("on 7 May 2023", "2023-05-07", "2023-05-08"),
        ("What did we eat on October 24, 2022?", "2022-10-24", "2022-10-25"),
        ("December 4", "2022-12-04", "2022-12-05"),
        ("yesterday", "2023-08-14", "2023-08-15"),
        ("three days ago", "2023-08-12", "2023-08-13"),
        ("last week", "2023-08-07", "2023-08-14"),
        ("next month", "2023-09-01", "2023-10-01"),
        ("last year", "2022-01-01", "2023-01-01"),
        ("in 2021", "2021-01-01", "2022-01-01"),
        ("last summer", "2023-06-01", "2023-09-01"),
        ("last Friday", "2023-08-11", "2023-08-12"),
        ("last Tues", "2023-08-08", "2023-08-09"),
        ("this weekend", "2023-08-19", "2023-08-21"),
        ("late July", "2023-07-21", "2023-08-01"),
        ("2023-05-07", "2023-05-07", "2023-05-08"),
        ("2023年5月7日", "2023-05-07", "2023-05-08"),
    ],
)
def test_a_time_in_words(text: str, start: str, end: str) -> None:
    (found,) = periods(text, NOW)
    assert (f"{found.start:%Y-%m-%d}", f"{found.end:%Y-%m-%d}") == (start, end)
    assert found.said.strip() in text
    # In the middle of a long text, behind a letter that is two in lower case, and in capitals.
    assert periods(f"İ {'and so forth ' * 40}{text.upper()}{' and so forth' * 40}", NOW) == [
        Period(found.start, found.end, found.said.upper())
    ]


def test_before_and_after_have_no_other_end() -> None:
    (before,) = periods("before June 2023", NOW)
    assert before.start.year == 1 and before.end == datetime(2023, 6, 1, tzinfo=UTC)
    (after,) = periods("after June 2023", NOW)
    assert after.end.year == 9999 and after.start == datetime(2023, 7, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["I may go; march on", "it will fall", "12345 tokens", "no time at all", "we sat in the sun"]
)
def test_what_is_no_time_is_none(text: str) -> None:
    assert periods(text, NOW) == []


def test_a_date_that_does_not_exist_is_read_as_its_month() -> None:
    assert [period.said for period in periods("on 31 February 2023", NOW)] == ["February 2023"]


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ("I saw it last Friday!", "I saw it last Friday (17 June 2022)!"),
        ("Last weekend, and yesterday.", "Last weekend (weekend of 18 June 2022), and yesterday (23 June 2022)."),
        ("It was last year.", "It was last year (2021)."),
        ("Last week it rained.", "Last week (week of 13 June 2022) it rained."),
        ("We met two weeks ago.", "We met two weeks ago (around 10 June 2022)."),
        ("Three months ago I moved.", "Three months ago (March 2022) I moved."),
        ("On 5 May 2021, in 2016, today.", "On 5 May 2021, in 2016, today."),
        ("Since last May I run.", "Since last May I run."),
        ("You may march.", "You may march."),
    ],
)
def test_relative_times_say_when_that_was(said: str, read: str) -> None:
    assert dated(said, datetime(2022, 6, 24, 15, tzinfo=UTC)) == read
