"""The periods of each cycle divide the calendar: every day lies in exactly one."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from marketplace.kernel.periods import Cycle, NotAPeriodError, Period

CYCLES = st.sampled_from(["monthly", "ten_day", "weekly"])
DAYS = st.dates(date(2000, 1, 1), date(2199, 12, 1))


@given(CYCLES, DAYS)
@hypothesis_settings(max_examples=300, deadline=None, derandomize=True)
def test_every_day_lies_in_one_period(cycle: Cycle, day: date) -> None:
    period = Period.of(cycle, day)
    assert period.first_day <= day < period.end
    assert Period.of(cycle, period.first_day) == Period.of(cycle, period.end - timedelta(days=1)) == period
    assert Period.of(cycle, period.end) == period.following, "no gap and no overlap"
    assert Period.of(cycle, period.first_day - timedelta(days=1)).end == period.first_day
    assert Period.beginning(cycle, period.first_day) == period


@pytest.mark.parametrize(
    ("cycle", "day", "first_day", "end", "said"),
    [
        ("monthly", date(2026, 2, 28), date(2026, 2, 1), date(2026, 3, 1), "2026-02"),
        ("monthly", date(2026, 12, 31), date(2026, 12, 1), date(2027, 1, 1), "2026-12"),
        ("ten_day", date(2026, 2, 10), date(2026, 2, 1), date(2026, 2, 11), "2026-02-01/2026-02-11"),
        ("ten_day", date(2026, 2, 11), date(2026, 2, 11), date(2026, 2, 21), "2026-02-11/2026-02-21"),
        ("ten_day", date(2026, 2, 28), date(2026, 2, 21), date(2026, 3, 1), "2026-02-21/2026-03-01"),
        ("ten_day", date(2028, 2, 29), date(2028, 2, 21), date(2028, 3, 1), "2028-02-21/2028-03-01"),
        ("ten_day", date(2026, 10, 31), date(2026, 10, 21), date(2026, 11, 1), "2026-10-21/2026-11-01"),
        ("weekly", date(2026, 11, 22), date(2026, 11, 16), date(2026, 11, 23), "2026-11-16/2026-11-23"),
        ("weekly", date(2026, 11, 23), date(2026, 11, 23), date(2026, 11, 30), "2026-11-23/2026-11-30"),
        ("weekly", date(2027, 1, 1), date(2026, 12, 28), date(2027, 1, 4), "2026-12-28/2027-01-04"),
    ],
)
def test_periods(cycle: Cycle, day: date, first_day: date, end: date, said: str) -> None:
    period = Period.of(cycle, day)
    assert (period.first_day, period.end, str(period)) == (first_day, end, said)


@pytest.mark.parametrize(
    ("cycle", "day"),
    [("monthly", date(2026, 1, 2)), ("ten_day", date(2026, 1, 31)), ("weekly", date(2026, 11, 22))],
)
def test_periods_begin_where_they_begin(cycle: Cycle, day: date) -> None:
    with pytest.raises(NotAPeriodError):
        Period.beginning(cycle, day)
