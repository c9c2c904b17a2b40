"""Business days and months of one configured zone; every period is half-open, `[start, end)`."""

import re
from datetime import UTC, date, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

import msgspec

_MONTH = re.compile(r"^([0-9]{4})-(0[1-9]|1[0-2])$", re.ASCII)


class NotAMonthError(ValueError):
    """The text is not a month such as `2026-10`."""


class Month(msgspec.Struct, frozen=True, order=True):
    """A calendar month of the business zone."""

    year: int
    month: int

    @classmethod
    def parse(cls, text: str) -> "Month":
        """Return the month that `2026-10` names. Raises NotAMonthError."""
        match = _MONTH.fullmatch(text)
        if match is None or not 1970 <= int(match[1]) <= 9000:
            raise NotAMonthError(text)
        return cls(int(match[1]), int(match[2]))

    @classmethod
    def of(cls, day: date) -> "Month":
        """Return the month that the day lies in."""
        return cls(day.year, day.month)

    def plus(self, months: int) -> "Month":
        """Return the month that many months later (earlier, if negative)."""
        index = self.year * 12 + self.month - 1 + months
        return Month(index // 12, index % 12 + 1)

    @property
    def first_day(self) -> date:
        """The first day of the month."""
        return date(self.year, self.month, 1)

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.month:02d}"


class Calendar(msgspec.Struct, frozen=True):
    """What day it is for the business: the configured zone's, whatever the server's or the member's is."""

    zone: ZoneInfo

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


# A batch at the desk asks for the same few days again and again.
@lru_cache(maxsize=4096)
def _day_of(zone: ZoneInfo, instant: datetime) -> date:
    return instant.astimezone(zone).date()


@lru_cache(maxsize=4096)
def _start_of(zone: ZoneInfo, day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
