"""Business days and months in one configured zone; every period is half-open, `[start, end)`.

Instants and days from outside lie between FIRST and END, so that nothing computed from them, such as a shift to a zone or a
lifetime in months, leaves Python's calendar. Stored values may lie outside: nothing here raises for them; results are clamped to
the calendar's ends.
"""

import re
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

import msgspec

FIRST, END = datetime(1970, 1, 1, tzinfo=UTC), datetime(9001, 1, 1, tzinfo=UTC)
"""The instants that are accepted from outside: from FIRST until before END. Days: from FIRST's to the one before END's."""

_FIRST_MONTH, _LAST_MONTH = 1 * 12, 9999 * 12 + 11  # of Python's calendar, counted from month 0 of year 0

_MONTH = re.compile(r"^([0-9]{4})-(0[1-9]|1[0-2])$", re.ASCII)


class NotAMonthError(ValueError):
    """The text is not a month such as `2026-10`."""


class Month(msgspec.Struct, frozen=True, order=True):
    """A calendar month of the business zone."""

    year: int
    month: int

    @classmethod
    def parse(cls, text: str) -> "Month":
        """Parse a month such as `2026-10`. Raises NotAMonthError."""
        match = _MONTH.fullmatch(text)
        if match is None or not FIRST.year <= int(match[1]) < END.year:
            raise NotAMonthError(text)
        return cls(int(match[1]), int(match[2]))

    @classmethod
    def of(cls, day: date) -> "Month":
        """Return the month that contains the day."""
        return cls(day.year, day.month)

    def plus(self, months: int) -> "Month":
        """Return the month that many months later (earlier, if negative), clamped to the calendar's last (first)."""
        index = min(max(self.year * 12 + self.month - 1 + months, _FIRST_MONTH), _LAST_MONTH)
        return Month(index // 12, index % 12 + 1)

    @property
    def first_day(self) -> date:
        """The first day of the month."""
        return date(self.year, self.month, 1)

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.month:02d}"


class Calendar(msgspec.Struct, frozen=True):
    """The business day of an instant: in the configured zone, whatever the server's or the member's zone is."""

    zone: ZoneInfo

    def local(self, instant: datetime) -> datetime:
        """Return an aware instant in the zone."""
        return in_zone(self.zone, instant)

    def day_of(self, instant: datetime) -> date:
        """Return the business day of an aware instant."""
        return _day_of(self.zone, instant)

    def month_of(self, instant: datetime) -> Month:
        """Return the business month of an aware instant."""
        return Month.of(self.day_of(instant))

    def start_of(self, day: date) -> datetime:
        """Return the instant, in UTC, at which the business day begins."""
        return _start_of(self.zone, day)

    def bounds(self, month: Month) -> tuple[datetime, datetime]:
        """Return the instants `[start, end)` of the month, in UTC."""
        return self.start_of(month.first_day), self.start_of(month.plus(1).first_day)


# A batch at the desk converts the same few days repeatedly.
@lru_cache(maxsize=4096)
def _day_of(zone: ZoneInfo, instant: datetime) -> date:
    return in_zone(zone, instant).date()


def in_zone(zone: tzinfo, instant: datetime) -> datetime:
    """Return an aware instant in the zone, clamped to the calendar's end if it lies beyond it there."""
    try:
        return instant.astimezone(zone)
    except OverflowError:
        if instant.year > FIRST.year:
            return datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=zone)
        return datetime(1, 1, 1, tzinfo=zone)


@lru_cache(maxsize=4096)
def _start_of(zone: ZoneInfo, day: date) -> datetime:
    return in_zone(UTC, datetime(day.year, day.month, day.day, tzinfo=zone))


def in_utc(instant: datetime) -> datetime:
    """Return an aware instant in UTC."""
    return in_zone(UTC, instant)


def day_after(day: date, days: int = 1) -> date:
    """Return the day that many days later (earlier, if negative), clamped to the calendar's last (first)."""
    try:
        return day + timedelta(days=days)
    except OverflowError:
        return date.max if days > 0 else date.min


def just_before(instant: datetime) -> datetime:
    """Return the last instant before an end: people are shown the last valid day."""
    try:
        return instant - timedelta(microseconds=1)
    except OverflowError:
        return instant


def is_taken(moment: datetime | date) -> bool:
    """Return whether an instant or a day is accepted from outside."""
    if isinstance(moment, datetime):
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return FIRST <= aware < END
    return FIRST.date() <= moment < END.date()
