"""How an end is shown to people: always as the last day that is still valid.

In the API and in the database an end is the first instant, or the first day, that is no longer valid. Pages, files, mails and
messages format it through this module, so that one end has the same last day everywhere.
"""

from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from marketplace.kernel.calendar import day_after, in_zone, just_before
from marketplace.kernel.text import Text

_NAMES = {"Asia/Shanghai": Text("北京时间", "Beijing time")}


def said_day(day: date, language: str) -> str:
    """Return the day as a person reads it: 2026年11月30日, 30 Nov 2026."""
    return f"{day.day} {day:%b} {day.year}" if language == "en" else f"{day.year}年{day.month}月{day.day}日"


def last_day(end: date | datetime, zone: ZoneInfo) -> date:
    """Return the last day, in the zone, of what ends before the day or the instant."""
    if isinstance(end, datetime):
        return just_before(in_zone(zone, end)).date()
    return day_after(end, -1)


def said_end(end: date | datetime, language: str, zone: ZoneInfo, *, named: bool = False) -> str:
    """Return the last valid day; with the time of day if the end is within a day, and with the zone if `named`.

    Name the zone where the reader may be in another one, or where the end is counted in another zone than the business's.
    """
    said = said_day(last_day(end, zone), language)
    if isinstance(end, datetime) and (local := in_zone(zone, end)).time() != time():
        said = f"{said} {local:%H:%M}"
    if not named:
        return said
    name = said_zone(zone, language)
    return f"{said} ({name})" if language == "en" else f"{said}（{name}）"


def said_zone(zone: ZoneInfo, language: str) -> str:
    """Return the zone's usual name: 北京时间, Beijing time; for other zones their IANA name."""
    return _NAMES.get(zone.key, Text(zone.key, zone.key)).in_language(language)


def both_days(day: date) -> Text:
    """Return the day as a person reads it, in both languages."""
    return Text(said_day(day, "zh-CN"), said_day(day, "en"))
