"""Times in words: "last May", "two weeks ago", "on 7 May 2023" become stretches of time.

Owns what such stretches are and how they are said with their date. What they are relative to is given, so the same
words in a question and in a message of last year mean what they meant then. It does not know which words name which
days, nor what is done with a period. A library such as dateparser knows more languages, but takes 100 ms for a
paragraph and finds dates in "may" and "sat"; this runs over every message that is stored.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

from memos.time_words import MONTHS, WEEKDAYS, Known, Said, read

FOREVER = (datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC))

# What stands before such words and bends their meaning.
_BEFORE = re.compile(
    r"(?:\b(?P<bound>before|until|till|after|since|by)\s+)?(?:\b(?:the|in|on|during)\s+)*"
    r"(?:\b(?P<part>early|mid|late|beginning\s+of|end\s+of)(?:\s+|-))?(?:\b(?:the|in|on)\s+)?$",
    re.IGNORECASE,
)
_WITH_YEAR = re.compile(r"(?:19|20)\d\d")
# A date behind words for the same time, with which a text ends: "Last May (May 2022)", "Last Friday, June 17, 2022".
_ITS_DATE = re.compile(r"\s*(?:\((?P<within>[^()]*)\)|,\s*(?P<behind>[^()]*?))(?P<end>[.!]?)")
_NOT_THE_TIME = ("", "on", "in", "at", "the", "on the", "in the")  # what may stand before a time that is an answer
_NEAR_DAYS = ("today", "tonight", "this morning")
_MONTH = "|".join(month.capitalize() for month in MONTHS)
# What `dated` puts behind a relative time.
_DATED = re.compile(
    rf" \((?=[^)]*\d)(?P<date>(?:around |week of |weekend of )?(?:\d\d? )?(?:(?:{_MONTH})\b ?)?(?:\d{{4}})?"
    rf"(?: ?to \d\d? (?:{_MONTH})(?: \d{{4}})?)?)\)"
)
# What asks for a stretch of time wants to hear of it: "two years ago (2020)".
_HOW_LONG = re.compile(r"\bhow (?:long|many|much|old|often)\b", re.IGNORECASE)
_NEAR = 32  # characters before an expression that can bend its meaning


@dataclass(frozen=True, slots=True)
class Period:
    """A stretch of time, its end excluded; both in the zone of those who speak of it.

    Args:
        start: its first moment.
        end: the first moment after it.
        said: the words for it.
        known: what these tell of it.
    """

    start: datetime
    end: datetime
    said: str = ""
    known: Known = field(default=Known.SURELY, compare=False)

    @property
    def days(self) -> float:
        """Its length in days."""
        return (self.end - self.start) / timedelta(days=1)


def periods(text: str, now: datetime) -> list[Period]:
    """The times that a text speaks of, in its order; what two rules could read counts once, by the longer reading.

    Args:
        text: any text.
        now: when it was said; what it is relative to. Days are those of its zone.
    """
    return [period for _, period in _placed(text, now)]


def _placed(text: str, now: datetime) -> list[tuple[int, Period]]:
    """See `periods`: each with where it begins."""
    today = datetime(now.year, now.month, now.day)
    taken: list[tuple[int, int]] = []
    found: list[tuple[int, Period]] = []
    for match, reading in read(_lowered(text)):
        if any(match.start() < end and start < match.end() for start, end in taken):
            continue
        try:
            days = reading(Said(match, today))
            before = _BEFORE.search(text, max(0, match.start() - _NEAR), match.start())
            start, end = _bounded(before, *(day.replace(tzinfo=now.tzinfo) for day in days[:2]))
        except (ValueError, OverflowError):  # 31 February, the year 0
            continue
        first = before.start() if before and before["bound"] else match.start()
        taken.append((first, match.end()))
        found.append((first, Period(start, end, text[first : match.end()], days.known)))
    return sorted(found, key=lambda one: one[0])


def _yearless(text: str, now: datetime) -> Iterator[tuple[int, Period, re.Match[str] | None]]:
    """The times that say no year: where each ends, itself, and the date that `dated` put behind it."""
    at = 0
    for start, period in _placed(text, now):
        if start < at:  # within such a date
            continue
        end = start + len(period.said)
        date = _DATED.match(text, end)
        at = date.end() if date else end
        if not _WITH_YEAR.search(period.said):
            yield end, period, date


def dated(text: str, now: datetime, *, alone: bool = False, known: Mapping[str, str] = MappingProxyType({})) -> str:
    """A text whose relative times say when that was: "last Friday (17 June 2022)".

    Read years later, or by one who does not look at the date of a message, "last Friday" is another day. What the text
    leaves open stays so: "on Friday" is dated where it is told of, not in a plan, nor where it is a habit. What is
    dated already stays as it is.

    Args:
        text: any text.
        now: when it was said, in the zone of who said it.
        alone: whether it will stand without its own date, so that its "today" must say which day it was, too.
        known: by relative times, in lower case, what is said of them instead of what they mean at `now`.
    """
    done, at = "", 0
    for end, period, date in _yearless(text, now):
        said = period.said.lower()
        if date or (said.startswith(_NEAR_DAYS) and not alone):
            continue
        if meant := known.get(said) or (_written(period) if period.known is not Known.GUESSED else ""):
            done, at = f"{done}{text[at:end]} ({meant})", end
    return done + text[at:]


def undated(text: str, now: datetime) -> tuple[str, dict[str, str]]:
    """A text without the dates that `dated` put there, and these by the relative times that they were of."""
    known: dict[str, str] = {}
    done, at = "", 0
    for end, period, date in _yearless(text, now):
        if date:
            known[period.said.lower()] = date["date"]
            done, at = done + text[at:end], date.end()
    return done + text[at:], known


def has_date(text: str) -> bool:
    """Whether a text has a date as `dated` writes it."""
    return bool(_DATED.search(text))


def told_later(says: str, question: str, said_at: datetime) -> str:
    """What was said at a time, as it is told to who asks about it now: its "last Friday" is another day than theirs.

    Args:
        says: what was said, in a few words.
        question: what is asked; one for a stretch of time wants to hear of that: "two years ago (2020)".
        said_at: when it was said, in the zone of who said it.
    """
    if not any(map(str.isdigit, says)):
        says = dated(says, said_at)
    return says if _HOW_LONG.search(question) else answered(says, said_at)


def answered(text: str, now: datetime) -> str:
    """An answer that is a time, as it is told to one who asks later: "Friday, 17 June 2022", where it was "Last Friday
    (17 June 2022)". Any other text is as it was.

    Args:
        text: the answer, its relative time dated.
        now: when that was said, in the zone of who said it.
    """
    start, first = next(iter(_placed(text, now)), (0, None))
    if first is None or _WITH_YEAR.search(first.said) or {first.start, first.end} & set(FOREVER):
        return text
    date = _ITS_DATE.fullmatch(text, start + len(first.said))
    absolute = date and (date["within"] or date["behind"])
    if not (date and absolute and _WITH_YEAR.search(absolute)) or text[:start].strip().lower() not in _NOT_THE_TIME:
        return text
    weekday = next((day for day in WEEKDAYS if day in first.said.lower()), "")
    told = f"{weekday.capitalize()}, {absolute}" if weekday and weekday not in absolute.lower() else absolute
    return f"{told[0].upper() if text[0].isupper() else told[0]}{told[1:]}{date['end']}"


def _written(period: Period) -> str:
    """A period in words; empty where it has no end, or no beginning."""
    if FOREVER[0] == period.start or FOREVER[1] == period.end:
        return ""
    first, last, days = period.start, period.end - timedelta(days=1), round(period.days)
    month = f"{MONTHS[first.month - 1].capitalize()} {first.year}"
    if days == 1:
        return f"{first.day} {month}"
    if days == 2 and first.weekday() == 5:
        return f"weekend of {first.day} {month}"
    if days == 7 and first.weekday() == 0:
        return f"week of {first.day} {month}"
    about = "around " if period.known is Known.ABOUT else ""
    if first.day == 1 and period.end.day == 1 and days < 32:
        return f"{about}{month}"
    if (first.day, first.month, period.end.day, period.end.month) == (1, 1, 1, 1):
        return f"{about}{first.year}"
    if about:
        middle = first + timedelta(days=days // 2)
        return f"{about}{middle.day} {MONTHS[middle.month - 1].capitalize()} {middle.year}"
    year = f" {last.year}" if last.year != first.year else ""
    return f"{first.day} {month} to {last.day} {MONTHS[last.month - 1].capitalize()}{year}"


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


def _lowered(text: str) -> str:
    """The text in lower case, as long as it was. Patterns that need not fold case are three times as fast."""
    lower = text.lower()
    return lower if len(lower) == len(text) else "".join(one if len(one.lower()) > 1 else one.lower() for one in text)
