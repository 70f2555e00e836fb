"""The grammar of times in words: which words name which days, in English, ISO and Chinese digits.

Owns the rules, each a pattern and what it means on a day. They read days of the calendar, which have no zone; which of
them is meant where that is not said ("on Friday") depends on the tense. It does not know what is done with days.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from functools import cached_property
from itertools import permutations
from typing import NamedTuple

from memos.tense import Tense, tense

MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
)  # fmt: skip
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
SEASONS = {"spring": 3, "summer": 6, "autumn": 9, "fall": 9, "winter": 12}  # northern, meteorological
_COUNTED = (
    "zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|"
    "eighteen|nineteen"
)
_TENS = "twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety"
_NUMBERS = {word: number for number, word in enumerate(_COUNTED.split("|"))}
_NUMBERS |= {word: number * 10 for number, word in enumerate(_TENS.split("|"), start=2)}
_VAGUE = {"couple": 2, "few": 3, "several": 4}
_UNIT_DAYS = {"day": 1, "week": 7, "weekend": 7, "fortnight": 14, "month": 30}

_MONTH = (
    r"(?:(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may(?!\s+(?:be|have|not|also|still|well)\b)|june?|"
    r"july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\b"
    r"(?:(?<=\b[^\W\d_]{3})(?<!may)\.|(?<=sept)\.)?)"
)
_YEAR = r"(?P<year>(?:19|20)\d\d)"
_DAY = r"(?P<day>[0-3]?\d)(?:st|nd|rd|th)?"
_LAST_MONTH, _LAST_DAY = _MONTH.replace("P<", "P<last_"), _DAY.replace("P<", "P<last_")
_NUMBER = (
    rf"(?P<number>\d{{1,3}}|(?:a\s+)?couple(?:\s+of)?|(?:a\s+)?few|several|(?:{_TENS})(?:[-\s](?:{_COUNTED}))?|"
    rf"{_COUNTED}|an?)"
)
_UNIT = r"(?P<unit>day|week|weekend|fortnight|month|year)"
_LONG_UNIT = r"(?P<unit>week|weekend|fortnight|month|year)"
_WHICH = r"(?:(?P<which>last|this|next|past|previous|coming)\s+)?"
_WHICH_MONTH = r"(?P<which>last\s+|this\s+|next\s+)?"
_WEEK = r"(?P<which>last|this|next|past|previous|coming)\s+week"
_WEEKDAY = rf"(?P<weekday>{'|'.join(WEEKDAYS)})\b"
_TO = r"(?:\s*[-–—]\s*|\s+(?:to|through|until|till)\s+)"
_NO_TIME = r"(?!\s*(?:[ap]\.?m\b|:\d|%|\d))"  # "June 5 - 7 pm" is one day

_GOES_WITH_MONTHS = re.compile(
    r"\b(?:in|during|of|last|this|next|before|until|till|after|since|by|from|early|mid|late)[\s-]+$"
)
_GOES_WITH_SEASONS = re.compile(r"\b(?:in|during|over)\s+(?:the\s+)?$")
# "Every Monday", "on a Friday" and "Black Friday" are no day that one could tell the date of.
_ANY = re.compile(
    r"\b(?:every|each|most|some|any|one|an?|first|second|third|fourth|1st|2nd|3rd|4th|other|black|good|ash|cyber|easter|"
    r"palm|holy|giving)\s+(?:other\s+|single\s+)?$"
)
_OF_A_MONTH = re.compile(rf"\s+(?:of|in)\s+(?:(?:the|each|every)\s+month\b|(?:early\s+|late\s+|mid-?\s*)?{_MONTH})")
# "Saturday, March 12th" and "two weeks ago on Sunday": another time beside it says which day it is.
_DATE_FOLLOWS = re.compile(rf"[\s,(]+(?:the\s+)?(?:{_MONTH}|\d)")
_DATE_STANDS = re.compile(r"(?:\b(?:ago|back|earlier)|\b(?:19|20)\d\d|\d(?:st|nd|rd|th))[\s,(]+$")
_YEAR_FOLLOWS = re.compile(rf"(?:,|\s+(?:and|or))\s+(?:{_MONTH}\s*)?(?:{_DAY})?,?\s+(?:of\s+)?{_YEAR}\b")
_OF_ANOTHER = re.compile(r"\s+(?:i|we|you|he|she|they|that|before)\b")  # "the last year we lived there"
_WHO_MARCHES = re.compile(r"\b(?:i|we|you|they|who|will|would|can|could|must|should|['’]ll)\s+$")
_NEAR = 32  # characters before an expression that can bend its meaning
_REACH = 64  # characters on either side of a hint in which the whole expression stands


class Known(Enum):
    """What words tell of the days that they name.

    `SURELY`: which they are; `ABOUT`: that they are about these; `GUESSED`: not which of them, or not how many.
    """

    SURELY = "surely"
    ABOUT = "about"
    GUESSED = "guessed"


class Days(NamedTuple):
    """Days of the calendar, each as its midnight.

    Args:
        start: the first.
        end: the first after them.
        known: what the words tell of them.
    """

    start: datetime
    end: datetime
    known: Known = Known.SURELY


@dataclass(frozen=True)
class Said:
    """Words for a time, where and when they were said.

    Args:
        match: of a rule's pattern, in a text in lower case.
        today: the day, as its midnight.
    """

    match: re.Match[str]
    today: datetime

    def __getitem__(self, group: str) -> str:
        """What a group of the pattern has; empty where there is no such group."""
        return (self.match.groupdict().get(group) or "").strip()

    @property
    def before(self) -> str:
        """What stands right before them."""
        return self.match.string[max(0, self.match.start() - _NEAR) : self.match.start()]

    @property
    def after(self) -> str:
        """What stands right behind them."""
        return self.match.string[self.match.end() : self.match.end() + _NEAR]

    @cached_property
    def tense(self) -> Tense:
        """How the time is spoken of."""
        return tense(self.match.string, self.match.start(), self.match.end())

    @property
    def count(self) -> int:
        """Its number."""
        words = re.split(r"[\s-]+", self["number"])
        if words[0].isdigit():
            return int(words[0])
        counted = [number for word in words if (number := (_NUMBERS | _VAGUE).get(word)) is not None]
        return sum(counted) if counted else 1

    @property
    def vague(self) -> bool:
        """Whether its number is none."""
        return any(word in self["number"] for word in _VAGUE)


Reading = Callable[[Said], Days]


# ---------------------------------------------------------------------------------------- the calendar


def _month(year: int, month: int, count: int = 1) -> Days:
    first, last = (year * 12 + month - 1), (year * 12 + month - 1 + count)
    return Days(datetime(first // 12, first % 12 + 1, 1), datetime(last // 12, last % 12 + 1, 1))


def _months_on(day: datetime, months: int) -> datetime:
    """The same day in another month, or its last one where that is shorter."""
    first, after = _month(day.year, day.month + months)[:2]
    return min(first + timedelta(days=day.day - 1), after - timedelta(days=1))


def _day(moment: datetime, count: int = 1) -> Days:
    return Days(moment, moment + timedelta(days=count))


def _month_number(text: str) -> int:
    return next(n for n, name in enumerate(MONTHS, start=1) if name.startswith(text[:3]))


def _turn(said: Said, at: Callable[[int], Days]) -> Days:
    """Of what comes every year or week the one that is meant.

    Args:
        said: says which, or tells of it, or plans it; where it does neither, the latest that has begun is guessed.
        at: the one so many years or weeks from now.
    """
    turns: list[Days] = []
    for step in range(-9, 10):  # 29 February is in one year of eight, at times
        try:
            turns.append(at(step))
        except (ValueError, OverflowError):
            continue
    which, today = said["which"], said.today
    begun = [one for one in turns if one.start <= today]
    ahead = [one for one in turns if one.start > today]
    if not (begun and ahead):
        raise ValueError("31 June")
    if which in ("last", "past", "previous"):
        return [one for one in begun if one.end <= today][-1]
    if which in ("next", "coming"):
        return ahead[0]
    if which == "this":
        here = begun[-1] if begun[-1].end > today else at(0)
        return begun[-1] if here.start > today and said.tense is Tense.PAST else here
    if said.tense is Tense.AHEAD:
        return next(one for one in turns if one.end > today)._replace(known=Known.GUESSED)
    return begun[-1]._replace(known=Known.SURELY if said.tense is Tense.PAST else Known.GUESSED)


# ---------------------------------------------------------------------------------------- days, months, seasons


def _year(said: Said) -> int:
    """The year that is said with it, or with the next one: "in May and July 2023"; 0 where there is none."""
    shared = _YEAR_FOLLOWS.match(said.after)
    return int(said["year"] or (shared["year"] if shared else 0))


def _full_date(said: Said) -> Days:
    month, day = _month_number(said["month"]), int(said["day"])
    if said["month"] in ("march", "may") and not said["year"] and _WHO_MARCHES.search(said.before):
        raise ValueError("a verb")
    if year := _year(said):
        return _day(datetime(year, month, day))
    return _turn(said, lambda step: _day(datetime(said.today.year + step, month, day)))


def _digits(said: Said) -> Days:
    if not said["day"]:
        return _month(int(said["year"]), int(said["month"]))
    return _day(datetime(int(said["year"]), int(said["month"]), int(said["day"])))


def _range(said: Said) -> Days:
    """ "June 5–7, 2023", "5 to 7 June", "May to July 2023", "from June 28 to July 2": the year is the last one's."""
    first, last = (_month_number(said[one] or said[other]) for one, other in permutations(("month", "last_month")))

    def at(year: int) -> Days:
        begins = year - 1 if last < first else year
        start = datetime(begins, first, int(said["day"] or 1))
        end = datetime(year, last, int(said["last_day"])) + timedelta(days=1) if said["last_day"] else None
        days = Days(start, end or _month(year, last).end)
        if days.end <= days.start:
            raise ValueError("backwards")
        return days

    return at(int(said["year"])) if said["year"] else _turn(said, lambda step: at(said.today.year + step))


def _range_of_months(said: Said) -> Days:
    """ "May to July" alone may be a wish: it is a range where a year, or "from", or the names themselves say so."""
    between = re.search(r"\b(?:from|between)\s+(?:early\s+|mid\s+|late\s+)?$", said.before)
    named = all(_surely(said[group]) for group in ("month", "last_month"))
    if not (said["year"] or between or named) or ("and" in said["to"] and not between):
        raise ValueError("no range")
    return _range(said)


def _surely(month: str) -> bool:
    """Whether a word is a month and nothing else: "may" and "march" are verbs, and a short form may be anything."""
    return month in MONTHS and month not in ("may", "march")


def _named_month(said: Said) -> Days:
    month = _month_number(said["month"])
    if year := _year(said):
        return _month(year, month)
    return _turn(said, lambda step: _month(said.today.year + step, month))


def _bare_month(said: Said) -> Days:
    """A month without day and year."""
    if _ANY.search(said.before) or not (
        _surely(said["month"]) or said["which"] or _GOES_WITH_MONTHS.search(said.before)
    ):
        raise ValueError("no month")
    return _named_month(said)


def _season(said: Said) -> Days:
    first = SEASONS[said["season"]]
    if said["year"]:
        return _month(int(said["year"]), first, 3)
    alone = not said["which"]
    if alone and (said["season"] in ("fall", "spring") or _ANY.search(said.before)):
        raise ValueError("a verb, or any")
    found = _turn(said, lambda step: _month(said.today.year + step, first, 3))
    # "A summer job" and "summer camp" are of no summer.
    return found._replace(known=Known.GUESSED) if alone and not _GOES_WITH_SEASONS.search(said.before) else found


def _whole_year(said: Said) -> Days:
    return _month(int(said["year"]), 1, 12)


def _weekday_number(text: str) -> int:
    return next(n for n, name in enumerate(WEEKDAYS) if name.startswith(text[:3]))


def _weekday(said: Said) -> Days:
    """A day of the week: not today, whose name nobody says."""
    if _ANY.search(said.before) or _OF_A_MONTH.match(said.after):
        raise ValueError("any of them")
    if not said["which"] and (_DATE_FOLLOWS.match(said.after) or _DATE_STANDS.search(said.before)):
        raise ValueError("said beside it")
    ahead = (_weekday_number(said["weekday"]) - said.today.weekday()) % 7
    coming, latest = said.today + timedelta(days=ahead or 7), said.today - timedelta(days=(7 - ahead) % 7 or 7)
    which = said["which"]
    if which == "this" and said.tense is Tense.PAST:
        return _day(said.today if ahead == 0 else latest)
    if which:
        return _day(coming if which in ("next", "this", "coming") else latest)
    known = Known.SURELY if said.tense is Tense.PAST else Known.GUESSED
    return _day(coming if said.tense is Tense.AHEAD else latest)._replace(known=known)


def _day_of_week(said: Said) -> Days:
    """ "Tuesday of last week"."""
    monday = said.today - timedelta(days=said.today.weekday())
    return _day(monday + timedelta(days=7 * _STEPS[said["which"]] + _weekday_number(said["weekday"])))


# ---------------------------------------------------------------------------------------- counted from today

_STEPS = {"last": -1, "past": -1, "previous": -1, "this": 0, "next": 1, "coming": 1}
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


def _word(said: Said) -> Days:
    days, count = _WORDS[" ".join(said["word"].split())]
    return _day(said.today + timedelta(days=days), count)


def _away(said: Said) -> Days:
    """The days that are so many units away: as fine as the unit is."""
    sign = -1 if said["way"] in ("ago", "back", "earlier") else 1
    halves = 1 if said["half"] else 2 * said.count + bool(said["more"] or said["much"])
    unit, today = said["unit"], said.today
    known = Known.ABOUT if said.vague else Known.SURELY
    if unit == "year" and (halves % 2 or halves == 2):
        return _month(today.year, today.month + sign * 6 * halves)
    if unit == "year":
        return _month(today.year + sign * halves // 2, 1, 12)._replace(known=known)
    if unit == "month" and halves % 2 == 0:
        return _month(today.year, today.month + sign * halves // 2)._replace(known=known)
    if unit == "day" and halves % 2:
        raise ValueError("half a day")
    middle = today + sign * timedelta(days=halves * _UNIT_DAYS[unit] // 2)
    if unit == "day" and not said.vague:
        return _day(middle)
    if unit == "weekend" and halves % 2 == 0 and not said.vague:
        coming = sign == 1 and today.weekday() < 5  # the weekend of this week is the first of those ahead
        return _day(middle + timedelta(days=5 - today.weekday() - 7 * coming), 2)
    return Days(middle - timedelta(days=3), middle + timedelta(days=4), Known.ABOUT)


def _in_time(said: Said) -> Days:
    """ "In two weeks", which is also how long something took, or takes."""
    if said.tense is Tense.PAST:
        raise ValueError("so long")
    found = _away(said)
    return found if said.tense is Tense.AHEAD else found._replace(known=Known.GUESSED)


def _stretch(said: Said) -> Days:
    """ "The last two weeks", "the past year", "the next few days": up to today, or from today on."""
    count, unit, today = said.count if said["number"] else 1, said["unit"], said.today
    sign = _STEPS[said["which"]]
    if sign == 1 and said.tense is Tense.PAST:
        raise ValueError("after what is told")
    if unit in ("month", "year"):
        far = _months_on(today, sign * count * (12 if unit == "year" else 1))
    else:
        far = today + sign * timedelta(days=count * _UNIT_DAYS[unit])
    known = Known.GUESSED if said.vague else Known.SURELY
    return Days(min(far, today), max(far, today) + timedelta(days=1), known)


def _relative(said: Said) -> Days:
    which, unit, today = said["which"], said["unit"], said.today
    the = re.search(r"\bthe\s+$", said.before)
    ends_today = which == "past" or (which == "last" and the and not _OF_ANOTHER.match(said.after))
    if ends_today and unit != "weekend":
        return _stretch(said)
    step = _STEPS[which]
    if step == 1 and said.tense is Tense.PAST and the:
        raise ValueError("after what is told")
    monday = today - timedelta(days=today.weekday())
    if unit == "year":
        return _month(today.year + step, 1, 12)
    if unit == "month":
        return _month(today.year, today.month + step)
    if unit == "fortnight":
        return _day(today + timedelta(days=14 * min(step, 0)), 14)
    if unit == "week":
        return _day(monday + timedelta(days=7 * step), 7)
    past = step == 0 and today.weekday() < 5 and said.tense is Tense.PAST  # "this weekend we went" on a Monday
    return _day(monday + timedelta(days=5 + 7 * (step - past)), 2)


# ---------------------------------------------------------------------------------------- the rules


def _rules() -> Iterator[tuple[re.Pattern[str], Reading]]:
    def rule(pattern: str, reading: Reading) -> tuple[re.Pattern[str], Reading]:
        return re.compile(pattern), reading

    of_year = rf",?(?:\s+(?:of\s+)?{_YEAR}\b)?"
    yield rule(r"\b(?P<year>(?:19|20)\d\d)[-/年](?P<month>[01]?\d)(?:[-/月](?P<day>[0-3]?\d)日?|月)?(?!\d)", _digits)
    yield rule(rf"\b{_MONTH}\s+{_DAY}{_TO}(?:{_LAST_MONTH}\s+)?{_LAST_DAY}\b{_NO_TIME}{of_year}(?!\d)", _range)
    yield rule(rf"\b{_DAY}(?:\s+{_MONTH})?{_TO}{_LAST_DAY}\s+(?:of\s+)?{_LAST_MONTH}{of_year}", _range)
    yield rule(rf"\b{_DAY}\s+(?:of\s+)?{_MONTH},?(?:\s+{_YEAR}\b)?", _full_date)
    yield rule(rf"\b{_MONTH}\s+{_DAY}\b(?!\s*(?:km|miles?)\b),?(?:\s+{_YEAR}\b)?(?!\d)", _full_date)
    yield rule(rf"\b{_MONTH}(?P<to>{_TO}|\s+and\s+){_LAST_MONTH}{of_year}", _range_of_months)
    yield rule(rf"\b{_WHICH_MONTH}\b{_MONTH},?\s+(?:of\s+)?{_YEAR}\b", _named_month)
    yield rule(rf"\b{_WHICH_MONTH}{_MONTH}", _bare_month)
    yield rule(rf"\b{_WHICH}(?P<season>spring|summer|autumn|fall|winter)(?:\s+(?:of\s+)?{_YEAR})?\b", _season)
    and_half = r"\s+and\s+a\s+half"
    counted = rf"(?:(?P<half>half)\s+an?|{_NUMBER}(?P<more>{and_half})?)\s+{_UNIT}s?(?P<much>{and_half})?"
    yield rule(rf"\b{counted}\s+(?P<way>ago|back|earlier|from\s+(?:now|today))\b", _away)
    yield rule(rf"\bin\s+{counted}(?:['’]?\s+time)?\b(?!\s+of\b)", _in_time)
    yield rule(r"\b(?P<word>" + "|".join(word.replace(" ", r"\s+") for word in _WORDS) + r")\b", _word)
    yield rule(rf"\b(?:on\s+)?{_WEEKDAY}\s+(?:of\s+|in\s+)?{_WEEK}\b", _day_of_week)
    yield rule(rf"\b{_WEEK},?\s+(?:on\s+)?{_WEEKDAY}", _day_of_week)
    yield rule(rf"\b(?P<which>last|past|previous|next|coming)\s+{_NUMBER}\s+{_UNIT}s?\b(?!\s+of\b)", _stretch)
    yield rule(rf"\b(?P<which>last|this|next|past|previous|coming)\s+{_LONG_UNIT}\b(?!\s+of\b)", _relative)
    yield rule(rf"\b(?:on\s+)?{_WHICH}{_WEEKDAY}", _weekday)
    # Alone, "sat" and "sun" are no days.
    yield rule(r"\b(?P<which>last|this|next)\s+(?P<weekday>mon|tues?|wed|thu(?:rs?)?|fri|sat|sun)\b\.?", _weekday)
    yield rule(rf"\b{_YEAR}\b(?![-/\d])", _whole_year)


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


def read(text: str) -> Iterator[tuple[re.Match[str], Reading]]:
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
