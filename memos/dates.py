"""Times in words: "last May", "two weeks ago", "on 7 May 2023" become stretches of time.

Owns the grammar of such expressions, in English, ISO and Chinese digits. What they are relative to is given, so the
same words in a question and in a message of last year mean what they meant then. It does not know what is done with
a period. A library such as dateparser knows more languages, but takes 100 ms for a paragraph and finds dates in "may"
and "sat"; this runs over every message that is stored.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
)  # fmt: skip
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
SEASONS = {"spring": 3, "summer": 6, "autumn": 9, "fall": 9, "winter": 12}  # northern, meteorological
_COUNTED = "zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve"
NUMBERS = {word: number for number, word in enumerate(_COUNTED.split("|"))}
NUMBERS |= {"a": 1, "an": 1, "couple": 2, "few": 3, "several": 4}
FOREVER = (datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC))

_MONTH = (
    r"(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|"
    r"oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\b\.?"
)
_YEAR = r"(?P<year>(?:19|20)\d\d)"
_DAY = r"(?P<day>[0-3]?\d)(?:st|nd|rd|th)?"
_NUMBER = r"(?P<number>\d{1,3}|a couple of|a few|couple of|" + "|".join(NUMBERS) + r")"
_UNIT = r"(?P<unit>day|week|weekend|fortnight|month|year)"
# What stands before such words and bends their meaning.
_BEFORE = re.compile(
    r"(?:\b(?P<bound>before|until|till|after|since|by)\s+)?(?:\b(?:the|in|on|during)\s+)*"
    r"(?:\b(?P<part>early|mid|late|beginning\s+of|end\s+of)(?:\s+|-))?(?:\b(?:the|in|on)\s+)?$",
    re.IGNORECASE,
)
_GOES_WITH_MONTHS = re.compile(
    r"\b(?:in|during|of|last|this|next|before|until|till|after|since|by|from|early|mid|late)[\s-]+$", re.IGNORECASE
)
_DIGITS = re.compile(r"\b\d{4}\b|\d[-/年]\d")
_NEAR = 32  # characters before an expression that can bend its meaning
_REACH = 64  # characters on either side of a hint in which the whole expression stands


@dataclass(frozen=True, slots=True)
class Period:
    """A stretch of time, its end excluded; both in the zone of those who speak of it.

    Args:
        start: its first moment.
        end: the first moment after it.
        said: the words for it.
    """

    start: datetime
    end: datetime
    said: str = ""

    @property
    def days(self) -> float:
        """Its length in days."""
        return (self.end - self.start) / timedelta(days=1)


Reading = Callable[[re.Match[str], datetime], tuple[datetime, datetime]]
Rule = tuple[re.Pattern[str], Reading]


def periods(text: str, now: datetime) -> list[Period]:
    """The times that a text speaks of, in its order; what two rules could read counts once, by the longer reading.

    Args:
        text: any text.
        now: when it was said; what it is relative to. Days are those of its zone.
    """
    today = datetime(now.year, now.month, now.day)
    taken: list[tuple[int, int]] = []
    found: list[tuple[int, Period]] = []
    for match, rule in _read(_lowered(text)):  # rules read days of the calendar, which have no zone
        if any(match.start() < end and start < match.end() for start, end in taken):
            continue
        try:
            before = _BEFORE.search(text, max(0, match.start() - _NEAR), match.start())
            start, end = _bounded(before, *(day.replace(tzinfo=now.tzinfo) for day in rule(match, today)))
        except (ValueError, OverflowError):  # 31 February, the year 0
            continue
        first = before.start() if before and before["bound"] else match.start()
        taken.append((first, match.end()))
        found.append((first, Period(start, end, text[first : match.end()])))
    return [period for _, period in sorted(found, key=lambda one: one[0])]


def dated(text: str, now: datetime) -> str:
    """A text whose relative times say when that was: "last Friday (17 June 2022)".

    Read years later, or by one who does not look at the date of a message, "last Friday" is another day.

    Args:
        text: any text.
        now: when it was said, in the zone of who said it.
    """
    at = 0
    for period in periods(text, now):
        start = text.find(period.said, at)
        if start < 0:  # within what was read before
            continue
        at = start + len(period.said)
        if not _DIGITS.search(period.said) and not period.said.lower().startswith(("today", "tonight", "this morning")):
            meant = _written(period)
            text = f"{text[:at]} ({meant}){text[at:]}" if meant else text
            at += len(meant) + 3 if meant else 0
    return text


def _written(period: Period) -> str:
    """A period in words; empty where it has no end, or no beginning."""
    if FOREVER[0] == period.start or FOREVER[1] == period.end:
        return ""
    first, last, days = period.start, period.end - timedelta(days=1), round(period.days)
    month = f"{MONTHS[first.month - 1].capitalize()} {first.year}"
    if days == 1:
        return f"{first.day} {month}"
    if days == 2:
        return f"weekend of {first.day} {month}"
    if days == 7:
        return (
            f"week of {first.day} {month}" if first.weekday() == 0 else f"around {(first + timedelta(3)).day} {month}"
        )
    if first.day == 1 and last.month == first.month:
        return month
    return str(first.year) if days > 300 else f"{first.day} {month} to {last.day} {MONTHS[last.month - 1].capitalize()}"


def _bounded(before: re.Match[str] | None, start: datetime, end: datetime) -> tuple[datetime, datetime]:
    """The period, or a part of it, or all before or after it, where the words in front say so."""
    part = (before["part"] or "").lower().split()[:1] if before else []
    third = (end - start) / 3
    if part in (["early"], ["beginning"]):
        end = start + third
    elif part == ["mid"]:
        start, end = start + third, end - third
    elif part in (["late"], ["end"]):
        start = end - third
    bound = (before["bound"] or "").lower() if before else ""
    if bound in ("before", "until", "till", "by"):
        return FOREVER[0], start if bound == "before" else end
    if bound in ("after", "since"):
        return end if bound == "after" else start, FOREVER[1]
    return start, end


def _month_number(text: str) -> int:
    return next(n for n, name in enumerate(MONTHS, start=1) if name.startswith(text[:3]))


def _month(year: int, month: int, count: int = 1) -> tuple[datetime, datetime]:
    first, last = (year * 12 + month - 1), (year * 12 + month - 1 + count)
    return datetime(first // 12, first % 12 + 1, 1), datetime(last // 12, last % 12 + 1, 1)


def _day(moment: datetime, count: int = 1) -> tuple[datetime, datetime]:
    return moment, moment + timedelta(days=count)


def _nearest_year(match: re.Match[str], now: datetime, month: int, day: int) -> int:
    """The year of a date said without one: the latest that is past, or what "next" and "this" say."""
    if match.groupdict().get("year"):
        return int(match["year"])
    which = (match.groupdict().get("which") or "").strip()
    ahead = (month, day) > (now.month, now.day)
    if which == "next":
        return now.year if ahead else now.year + 1
    return now.year - 1 if ahead and which != "this" else now.year


def _full_date(match: re.Match[str], now: datetime) -> tuple[datetime, datetime]:
    month, day = _month_number(match["month"]), int(match["day"])
    return _day(datetime(_nearest_year(match, now, month, day), month, day))


def _digits(match: re.Match[str], now: datetime) -> tuple[datetime, datetime]:
    if not match["day"]:
        return _month(int(match["year"]), int(match["month"]))
    return _day(datetime(int(match["year"]), int(match["month"]), int(match["day"])))


def _named_month(match: re.Match[str], now: datetime) -> tuple[datetime, datetime]:
    month = _month_number(match["month"])
    which = (match["which"] or "").strip()
    year = _nearest_year(match, now, month, 1)
    if which == "last" and not match["year"] and (year, month) == (now.year, now.month):
        year -= 1
    return _month(year, month)


def _season(match: re.Match[str], now: datetime) -> tuple[datetime, datetime]:
    first = SEASONS[match["season"]]
    return _month(_nearest_year(match, now, first, 1), first, 3)


def _whole_year(match: re.Match[str], now: datetime) -> tuple[datetime, datetime]:
    return _month(int(match["year"]), 1, 12)


def _ago(match: re.Match[str], now: datetime) -> tuple[datetime, datetime]:
    number = match["number"].removeprefix("a ").removesuffix(" of")
    count = int(number) if number.isdigit() else NUMBERS.get(number, 1)
    unit = match["unit"]
    if unit == "year":
        return _month(now.year - count, now.month) if count == 1 else _month(now.year - count, 1, 12)
    if unit == "month":
        months = now.year * 12 + now.month - 1 - count
        return _month(months // 12, months % 12 + 1)
    days = count * {"day": 1, "week": 7, "weekend": 7, "fortnight": 14}[unit]
    slack = 0 if unit == "day" and number not in ("few", "couple", "several") else 3
    return now - timedelta(days=days + slack), now - timedelta(days=days - slack - 1)


def _relative(match: re.Match[str], now: datetime) -> tuple[datetime, datetime]:
    step = {"last": -1, "past": -1, "previous": -1, "this": 0, "next": 1, "coming": 1}[match["which"]]
    unit = match["unit"]
    monday = now - timedelta(days=now.weekday())
    if unit == "year":
        return _month(now.year + step, 1, 12)
    if unit == "month":
        months = now.year * 12 + now.month - 1 + step
        return _month(months // 12, months % 12 + 1)
    if unit in ("weekend", "fortnight"):
        if unit == "fortnight":
            return _day(now + timedelta(days=14 * min(step, 0)), 14)
        return _day(monday + timedelta(days=5 + 7 * step), 2)
    return (
        _day(now + timedelta(days=1 if unit == "day" else 0) * step, 1)
        if unit == "day"
        else _day(monday + timedelta(days=7 * step), 7)
    )


def _weekday(match: re.Match[str], now: datetime) -> tuple[datetime, datetime]:
    wanted = next(n for n, name in enumerate(DAYS) if name.startswith(match["weekday"][:3]))
    which = (match["which"] or "").strip()
    ahead = (wanted - now.weekday()) % 7
    if which in ("next", "this", "coming"):
        return _day(now + timedelta(days=ahead or 7))
    return _day(now - timedelta(days=(7 - ahead) % 7 or 7))


def _word(match: re.Match[str], now: datetime) -> tuple[datetime, datetime]:
    days, count = _WORDS[" ".join(match["word"].split())]
    return _day(now + timedelta(days=days), count)


_WORDS = {
    "the day before yesterday": (-2, 1),
    "yesterday": (-1, 1),
    "last night": (-1, 1),
    "today": (0, 1),
    "tonight": (0, 1),
    "this morning": (0, 1),
    "tomorrow": (1, 1),
    "the day after tomorrow": (2, 1),
    "the other day": (-6, 6),
}
_WHICH = r"(?:(?P<which>last|this|next|past|previous|coming)\s+)?"


def _rules() -> Iterator[Rule]:
    def rule(pattern: str, reading: Reading) -> Rule:
        return re.compile(pattern), reading

    yield rule(r"\b(?P<year>(?:19|20)\d\d)[-/年](?P<month>[01]?\d)(?:[-/月](?P<day>[0-3]?\d)日?|月)?(?!\d)", _digits)
    yield rule(rf"\b{_DAY}\s+(?:of\s+)?{_MONTH},?(?:\s+{_YEAR}\b)?", _full_date)
    yield rule(rf"\b{_MONTH}\s+{_DAY}\b,?(?:\s+{_YEAR}\b)?(?!\d)", _full_date)
    yield rule(rf"\b(?P<which>last\s+|this\s+|next\s+)?\b{_MONTH},?\s+(?:of\s+)?{_YEAR}\b", _named_month)
    yield rule(rf"\b(?P<which>last\s+|this\s+|next\s+)?{_MONTH}(?P<year>)", _bare_month)
    yield rule(rf"\b{_WHICH}(?P<season>spring|summer|autumn|fall|winter)(?:\s+(?:of\s+)?{_YEAR})?\b", _season_said)
    yield rule(rf"\b{_NUMBER}\s+{_UNIT}s?\s+(?:ago|back|earlier)\b", _ago)
    yield rule(r"\b(?P<word>" + "|".join(word.replace(" ", r"\s+") for word in _WORDS) + r")\b", _word)
    yield rule(rf"\b(?P<which>last|this|next|past|previous|coming)\s+{_UNIT}\b", _relative)
    yield rule(rf"\b(?:on\s+)?{_WHICH}(?P<weekday>{'|'.join(DAYS)})\b", _weekday)
    # Alone, "sat" and "sun" are no days.
    yield rule(r"\b(?P<which>last|this|next)\s+(?P<weekday>mon|tues?|wed|thu(?:rs?)?|fri|sat|sun)\b\.?", _weekday)
    yield rule(rf"\b{_YEAR}\b(?![-/\d])", _whole_year)


def _bare_month(match: re.Match[str], now: datetime) -> tuple[datetime, datetime]:
    """A month without day and year. "may" and "march" are verbs, too, and a short form may be anything."""
    surely = match["month"] in MONTHS and match["month"] not in ("may", "march")
    before = match.string[max(0, match.start() - _NEAR) : match.start()]
    if not (surely or match["which"] or _GOES_WITH_MONTHS.search(before)):
        raise ValueError("no month")
    return _named_month(match, now)


def _season_said(match: re.Match[str], now: datetime) -> tuple[datetime, datetime]:
    if match["season"] in ("fall", "spring") and not (match["which"] or match["year"]):
        raise ValueError("a verb")
    return _season(match, now)


_RULES = tuple(_rules())
# Every expression has one of these. Few letters begin one, and the look ahead passes over the others.
_HINT = re.compile(
    r"(?=[\ddnmwfytsajo])(?:"
    r"\d\d|(?:day|night|morning|week|weekend|fortnight|month|year)s?\b|tomorrow\b|(?:spring|summer|autumn|fall|winter)\b|"
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|"
    r"nov(?:ember)?|dec(?:ember)?|mon|tues?|wed|thu(?:rs?)?|fri|sat|sun)\b)"
)


def hints_at_time(word: str) -> bool:
    """Whether a word, in lower case, can be one of an expression of time: a text without such a word has no period."""
    return bool(_HINT.search(word))


def _read(text: str) -> Iterator[tuple[re.Match[str], Reading]]:
    """What any rule matches in a text in lower case, the rules in their order.

    They look around hints only: most of a long text has none.
    """
    stretches: list[tuple[int, int]] = []
    for hint in _HINT.finditer(text):
        start, end = max(0, hint.start() - _REACH), hint.end() + _REACH
        if stretches and start <= stretches[-1][1]:
            start = stretches.pop()[0]
        stretches.append((start, end))
    for pattern, reading in _RULES:
        for start, end in stretches:
            for match in pattern.finditer(text, start, end):
                yield match, reading


def _lowered(text: str) -> str:
    """The text in lower case, as long as it was. Patterns that need not fold case are three times as fast."""
    lower = text.lower()
    return lower if len(lower) == len(text) else "".join(one if len(one.lower()) > 1 else one.lower() for one in text)
