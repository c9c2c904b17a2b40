"""Settlement periods of the three cycles: half-open, contiguous, disjoint; each is named by its first business day."""

from datetime import date
from typing import Literal

import msgspec

from marketplace.kernel.calendar import Month, day_after
from marketplace.kernel.ends import said_day

Cycle = Literal["monthly", "ten_day", "weekly"]
"""A month; a ten-day period 旬 (from the 1st, the 11th, and the 21st to the month's end); a week from Monday (ISO 8601)."""


class NotAPeriodError(ValueError):
    """No period of the cycle begins on the day."""


class Period(msgspec.Struct, frozen=True, order=True):
    """The business days `[first_day, end)` of a cycle."""

    cycle: Cycle
    first_day: date

    @classmethod
    def of(cls, cycle: Cycle, day: date) -> "Period":
        """Return the period that contains the day."""
        return cls(cycle, _begin(cycle, day))

    @classmethod
    def beginning(cls, cycle: Cycle, first_day: date) -> "Period":
        """Return the period that begins on the day. Raises NotAPeriodError."""
        if _begin(cycle, first_day) != first_day:
            raise NotAPeriodError(f"no {cycle} period begins on {first_day}")
        return cls(cycle, first_day)

    @property
    def end(self) -> date:
        """The first day after the period."""
        if self.cycle == "weekly":
            return day_after(self.first_day, 7)
        if self.cycle == "ten_day" and self.first_day.day < 21:
            return day_after(self.first_day, 10)
        return Month.of(self.first_day).plus(1).first_day

    @property
    def following(self) -> "Period":
        """The next period."""
        return Period(self.cycle, self.end)

    def said(self, language: str) -> str:
        """Return the period as people read it, with its last day: 2026年10月, 2026年10月11日 至 2026年10月20日."""
        if self.cycle == "monthly":
            month = Month.of(self.first_day)
            return str(month) if language == "en" else f"{month.year}年{month.month}月"
        first, last = (said_day(day, language) for day in (self.first_day, day_after(self.end, -1)))
        return f"{first} to {last}" if language == "en" else f"{first} 至 {last}"

    def __str__(self) -> str:
        if self.cycle == "monthly":
            return str(Month.of(self.first_day))
        return f"{self.first_day}/{self.end}"


def _begin(cycle: Cycle, day: date) -> date:
    if cycle == "weekly":
        return day_after(day, -day.weekday())
    if cycle == "ten_day":
        return day.replace(day=min((day.day - 1) // 10, 2) * 10 + 1)
    return day.replace(day=1)
