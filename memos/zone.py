"""Whose day it is: the zone of the machine, which is taken for the user's.

Owns where days begin, for everything that speaks of a day: pages, summaries, searches. It does not know what is said
of a day. What is stored, and what events carry, are moments in UTC.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo


class _Local(tzinfo):
    """The machine's zone, with its summer time. `datetime.astimezone()` alone gives the offset of one moment, and days
    that are counted from there would begin an hour off in the other half of the year.
    """

    def utcoffset(self, moment: datetime | None, /) -> timedelta | None:
        return None if moment is None else _offset(moment.replace(tzinfo=None))

    def dst(self, _moment: datetime | None, /) -> None:
        """Not known."""

    def tzname(self, _moment: datetime | None, /) -> str:
        return "local"

    def fromutc(self, moment: datetime, /) -> datetime:
        offset = _offset(moment.replace(tzinfo=UTC))
        wall = (moment + offset).replace(fold=0)
        # An hour that comes twice, when summer time ends: this is its second time.
        return wall if self.utcoffset(wall) == offset else wall.replace(fold=1)


def _offset(moment: datetime) -> timedelta:
    """What local time is ahead of UTC at a moment; a naive one is local."""
    try:
        return moment.astimezone().utcoffset() or timedelta()
    except (OSError, OverflowError, ValueError):  # the years 1 and 9999; before 1970, on Windows
        return timedelta(seconds=-time.timezone)


LOCAL = _Local()


def local(moment: datetime) -> datetime:
    """The same moment on the user's calendar and clock.

    Args:
        moment: aware, in any zone.
    """
    return moment.astimezone(LOCAL)


def aware(clock: Callable[[], datetime]) -> Callable[[], datetime]:
    """A clock whose times have a zone: the machine's, where its own have none."""

    def now() -> datetime:
        moment = clock()
        return moment if moment.tzinfo else moment.replace(tzinfo=LOCAL)

    return now
