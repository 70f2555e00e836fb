"""Times in words, resolved against when they were said."""

from __future__ import annotations

import random
from datetime import UTC, datetime

import pytest

from memos.dates import Period, answered, dated, periods, undated

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
        ("last summer", "2022-06-01", "2022-09-01"),
        ("this summer", "2023-06-01", "2023-09-01"),
        ("the last two weeks", "2023-08-01", "2023-08-16"),
        ("past three months", "2023-05-15", "2023-08-16"),
        ("the last 7 days", "2023-08-08", "2023-08-16"),
        ("the past year", "2022-08-15", "2023-08-16"),
        ("the next two days", "2023-08-15", "2023-08-18"),
        ("in two weeks", "2023-08-26", "2023-09-02"),
        ("two weeks from now", "2023-08-26", "2023-09-02"),
        ("thirty days ago", "2023-07-16", "2023-07-17"),
        ("two weekends ago", "2023-08-05", "2023-08-07"),
        ("two weekends from now", "2023-08-26", "2023-08-28"),
        ("twenty-one days ago", "2023-07-25", "2023-07-26"),
        ("half a year ago", "2023-02-01", "2023-03-01"),
        ("a year and a half ago", "2022-02-01", "2022-03-01"),
        ("Tuesday of last week", "2023-08-08", "2023-08-09"),
        ("last week on Friday", "2023-08-11", "2023-08-12"),
        ("June 5–7, 2022", "2022-06-05", "2022-06-08"),
        ("28 June to 2 July 2022", "2022-06-28", "2022-07-03"),
        ("from May to July 2022", "2022-05-01", "2022-08-01"),
        ("from November to February 2022", "2021-11-01", "2022-03-01"),
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
    "text",
    [
        "I may go; march on",
        "it will fall",
        "12345 tokens",
        "no time at all",
        "we sat in the sun",
        "I march 5 km",
        "12 may be enough",
        "my last day at work was great",
        "to this day I love jazz",
        "and the next day we left",
        "the next two days we slept",
        "I lost 5 kg in two weeks",
        "Black Friday sales",
        "I swim every Monday",
        "we met on a Sunday",
    ],
)
def test_what_is_no_time_is_none(text: str) -> None:
    assert periods(text, NOW) == []


@pytest.mark.parametrize(
    ("now", "said", "starts"),
    [
        ("2026-06-17", "last summer", "2025-06"),
        ("2026-08-05", "last summer", "2025-06"),
        ("2026-10-01", "last summer", "2026-06"),
        ("2026-06-17", "this summer", "2026-06"),
        ("2026-01-15", "last winter", "2024-12"),
        ("2026-01-15", "this winter", "2025-12"),
        ("2026-01-15", "next winter", "2026-12"),
        ("2026-05-10", "last May", "2025-05"),
        ("2026-06-17", "last May", "2026-05"),
    ],
)
def test_the_last_season_is_over(now: str, said: str, starts: str) -> None:
    (found,) = periods(said, datetime.fromisoformat(now).replace(tzinfo=UTC))
    assert f"{found.start:%Y-%m}" == starts


@pytest.mark.parametrize(
    ("said", "starts"),
    [
        ("I will move in September.", "2023-09-01"),
        ("I moved in September.", "2022-09-01"),
        ("My exam is on Friday.", "2023-08-18"),
        ("The exam was on Friday.", "2023-08-11"),
        ("This weekend we went hiking.", "2023-08-12"),
        ("I saw the doctor this Monday.", "2023-08-14"),
    ],
)
def test_what_is_planned_is_ahead(said: str, starts: str) -> None:
    (found,) = periods(said, NOW)
    assert f"{found.start:%Y-%m-%d}" == starts


def test_until_a_day_of_a_plan_is_the_coming_one() -> None:
    assert periods("I am here until Friday.", NOW)[0].end == datetime(2023, 8, 19, tzinfo=UTC)
    assert periods("I stayed until Friday.", NOW)[0].end == datetime(2023, 8, 12, tzinfo=UTC)


def test_a_date_that_does_not_exist_is_read_as_its_month() -> None:
    assert [period.said for period in periods("on 31 February 2023", NOW)] == ["February 2023"]
    assert [period.said for period in periods("on 31 June we met", NOW)] == ["June"]


def test_any_words_are_read() -> None:
    words = """
    on in the last next this past May may 31 5 0 29 February June 5th - to Friday Sunday week weekend weeks ago two few
    a half year years and winter 2023 1999 of until . , by will went is early month day days 999 from now
    """
    choice = random.Random(0)
    for _ in range(1500):
        text = " ".join(choice.choices(words.split(), k=12))
        assert all(period.start < period.end for period in periods(text, NOW)) and dated(text, NOW)


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
        ("I met her two weeks ago on a Sunday.", "I met her two weeks ago (around 10 June 2022) on a Sunday."),
        ("I quit half a year ago.", "I quit half a year ago (December 2021)."),
        ("I wrote it a few years ago.", "I wrote it a few years ago (around 2019)."),
        ("It snowed last winter.", "It snowed last winter (1 December 2021 to 28 February 2022)."),
        ("We met in May.", "We met in May (May 2022)."),
        ("It was June 5–7, 2021.", "It was June 5–7, 2021."),
        ("We were there on June 5-6.", "We were there on June 5-6 (5 June 2022 to 6 June)."),
        ("It ran from May to July 2021.", "It ran from May to July 2021."),
        ("I worked in May and July 2021.", "I worked in May (May 2021) and July 2021."),
        ("I was ill the last two weeks.", "I was ill the last two weeks (10 June 2022 to 24 June)."),
        ("I was ill the past few weeks.", "I was ill the past few weeks."),
        ("It was on Saturday, March 12th.", "It was on Saturday, March 12th (12 March 2022)."),
    ],
)
def test_relative_times_say_when_that_was(said: str, read: str) -> None:
    assert dated(said, datetime(2022, 6, 24, 15, tzinfo=UTC)) == read


@pytest.mark.parametrize(
    ("says", "told"),
    [
        ("Last Friday (17 June 2022)", "Friday, 17 June 2022"),
        ("on last Friday, June 17, 2022.", "Friday, June 17, 2022."),
        ("Last week (week of 13 June 2022).", "Week of 13 June 2022."),
        ("Last year (2021)", "2021"),
        ("Yesterday (23 June 2022)", "23 June 2022"),
        ("A few years ago (around 2019)", "Around 2019"),
        ("17 June 2022", "17 June 2022"),
        ("Last Friday", "Last Friday"),
        ("Before last Friday (17 June 2022)", "Before last Friday (17 June 2022)"),
        ("Early last week (week of 13 June 2022)", "Early last week (week of 13 June 2022)"),
        ("She went last Friday (17 June 2022)", "She went last Friday (17 June 2022)"),
        ("Last Friday (17 June 2022) and Sunday", "Last Friday (17 June 2022) and Sunday"),
        ("Last Friday (it rained)", "Last Friday (it rained)"),
        ("Purple", "Purple"),
    ],
)
def test_a_time_that_is_an_answer_is_told_without_what_was_relative(says: str, told: str) -> None:
    assert answered(says, datetime(2022, 6, 24, 15, tzinfo=UTC)) == told


@pytest.mark.parametrize(
    ("said", "read"),
    [
        (
            "I began today, and we met last Friday.",
            "I began today (24 June 2022), and we met last Friday (17 June 2022).",
        ),
        ("We were there on June 5-6.", "We were there on June 5-6 (5 June 2022 to 6 June)."),
        (
            "It rained yesterday, all of yesterday.",
            "It rained yesterday (23 June 2022), all of yesterday (23 June 2022).",
        ),
        ("It snowed last winter.", "It snowed last winter (1 December 2021 to 28 February 2022)."),
        ("My exam is on Friday (at 8).", "My exam is on Friday (at 8)."),
    ],
)
def test_what_stands_alone_is_dated_once_and_can_be_undated(said: str, read: str) -> None:
    then, later = datetime(2022, 6, 24, 15, tzinfo=UTC), datetime(2024, 1, 1, tzinfo=UTC)
    assert dated(said, then, alone=True) == read == dated(read, later, alone=True)
    plain, known = undated(read, later)
    assert plain == said and dated(said, later, alone=True, known=known) == read


def test_a_middle_has_the_month_of_the_middle() -> None:
    said = dated("I got it two weeks ago.", datetime(2026, 6, 17, tzinfo=UTC))
    assert said == "I got it two weeks ago (around 3 June 2026)."


@pytest.mark.parametrize(
    "said",
    [
        "My exam is on Friday.",
        "I fly to Rome on December 25.",
        "I will move in September.",
        "My birthday is May 5.",
        "We planned a trip for September.",
        "I usually swim on Monday.",
        "I love summer camp.",
        "Can't wait to see you on Friday!",
    ],
)
def test_what_is_not_told_of_gets_no_date(said: str) -> None:
    assert dated(said, NOW) == said
