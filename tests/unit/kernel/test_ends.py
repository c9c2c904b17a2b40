"""An end is said as the last day that is still good, whatever zone the reader or the machine is in."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from marketplace.kernel.ends import last_day, said_end
from marketplace.kernel.periods import Period

SHANGHAI, HONOLULU = ZoneInfo("Asia/Shanghai"), ZoneInfo("Pacific/Honolulu")


@pytest.mark.parametrize(
    ("end", "zone", "chinese", "english"),
    [
        (datetime(2026, 2, 28, 16, tzinfo=UTC), SHANGHAI, "2026年2月28日", "28 Feb 2026"),
        (datetime(2028, 2, 29, 16, tzinfo=UTC), SHANGHAI, "2028年2月29日", "29 Feb 2028"),
        (datetime(2026, 12, 31, 16, tzinfo=UTC), SHANGHAI, "2026年12月31日", "31 Dec 2026"),
        (datetime(2026, 3, 1, 16, 1, tzinfo=UTC), SHANGHAI, "2026年3月2日 00:01", "2 Mar 2026 00:01"),
        (datetime(2026, 3, 1, 10, tzinfo=UTC), SHANGHAI, "2026年3月1日 18:00", "1 Mar 2026 18:00"),
        (datetime(2026, 3, 1, 10, tzinfo=UTC), HONOLULU, "2026年2月28日", "28 Feb 2026"),
        (date(2026, 3, 1), SHANGHAI, "2026年2月28日", "28 Feb 2026"),
        (date(2027, 1, 1), HONOLULU, "2026年12月31日", "31 Dec 2026"),
    ],
)
def test_the_last_good_day_is_said(end: date, zone: ZoneInfo, chinese: str, english: str) -> None:
    assert (said_end(end, "zh-CN", zone), said_end(end, "en", zone)) == (chinese, english)


def test_the_zone_is_named_where_it_may_differ() -> None:
    end = datetime(2026, 2, 28, 16, tzinfo=UTC)
    assert said_end(end, "zh-CN", SHANGHAI, named=True) == "2026年2月28日（北京时间）"
    assert said_end(end, "en", SHANGHAI, named=True) == "28 Feb 2026 (Beijing time)"
    assert said_end(end, "en", HONOLULU, named=True) == "28 Feb 2026 06:00 (Pacific/Honolulu)"
    assert (last_day(end, SHANGHAI), last_day(date(2026, 3, 1), SHANGHAI)) == (date(2026, 2, 28), date(2026, 2, 28))


@pytest.mark.parametrize(
    ("cycle", "first_day", "chinese", "english"),
    [
        ("monthly", date(2026, 10, 1), "2026年10月", "2026-10"),
        ("ten_day", date(2028, 2, 21), "2028年2月21日 至 2028年2月29日", "21 Feb 2028 to 29 Feb 2028"),
        ("weekly", date(2026, 12, 28), "2026年12月28日 至 2027年1月3日", "28 Dec 2026 to 3 Jan 2027"),
    ],
)
def test_a_period_is_said_with_its_last_day(cycle: str, first_day: date, chinese: str, english: str) -> None:
    period = Period(cycle, first_day)  # type: ignore[arg-type]
    assert (period.said("zh-CN"), period.said("en")) == (chinese, english)
