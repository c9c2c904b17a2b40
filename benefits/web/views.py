"""What pages say about offers, points and vouchers, in the person's language."""

from collections.abc import Sequence
from datetime import date, datetime

import msgspec
import segno
from dateutil.rrule import rrulestr

from benefits.members.domain import TIER_NAMES
from benefits.points.domain import restored_expiry
from benefits.points.schemas import Expiring
from benefits.redemptions.schemas import ReasonView, ReturnedLot
from marketplace.kernel.calendar import Calendar, Month, day_after

MEMBER_DAY = "FREQ=MONTHLY;BYMONTHDAY=-1"
"""The monthly member day, the last of the month (RFC 5545)."""

SCENARIO_NAMES: dict[str, tuple[str, str, str]] = {
    "clothing": ("衣", "服饰", "Clothing"),
    "dining": ("食", "餐饮", "Dining"),
    "lodging": ("住", "住宿", "Stays"),
    "mobility": ("行", "出行", "Mobility"),
    "entertainment": ("娱", "娱乐", "Fun"),
    "learning": ("学", "学习", "Learning"),
    "shopping": ("购", "购物", "Shopping"),
    "wellness": ("健", "健康", "Wellness"),
    "finance": ("财", "财富", "Finance"),
    "travel": ("游", "旅游", "Travel"),
}
"""Scenario -> its sign, and what a page calls it in Chinese and English."""

VOUCHER_TABS: dict[str, tuple[str, str, str]] = {
    "usable": ("issued", "可使用", "Ready"),
    "used": ("used", "已使用", "Used"),
    "expired": ("expired", "已过期", "Expired"),
    "cancelled": ("cancelled", "已取消", "Cancelled"),
}
"""Tab -> the vouchers' status, and the tab's name in Chinese and English."""

MOVEMENT_NAMES: dict[str, tuple[str, str]] = {
    "earning": ("积分入账", "Points credited"),
    "redemption": ("兑换", "Redeemed"),
    "cancellation": ("取消兑换，积分退回", "Cancelled, points returned"),
    "forfeiture": ("取消兑换，积分已过期", "Cancelled, points had expired"),
    "expiry": ("积分到期", "Points expired"),
    "hold": ("积分预留", "Points set aside"),
    "release": ("预留结束，积分退回", "Points no longer set aside"),
    "gift": ("会员赠送", "Gift between members"),
}
"""Movement's code -> its name in Chinese and English."""

LIMIT_NAMES: dict[str, tuple[str, str]] = {
    "ever": ("每人限兑", "Limit"),
    "day": ("每人每天限兑", "Limit a day"),
    "week": ("每人每周限兑", "Limit a week"),
    "month": ("每人每月限兑", "Limit a month"),
    "campaign": ("本次活动每人限兑", "Limit in this sale"),
}
"""Window of a limit -> its name in Chinese and English."""

_NOT_ON_SALE: dict[str, tuple[str, str]] = {
    "not_started": ("活动尚未开始。", "It is not on sale yet."),
    "ended": ("活动已结束。", "The sale is over."),
    "paused": ("商家暂停了这项权益。", "The partner has paused it."),
}

CHART_HEIGHT = 96
CHART_WIDTH = 480

_LEAST_MONTHS = 12
_MOST_MONTHS = 48
_LABELS = 8
_LEAST_BAR = 3


class MonthBar(msgspec.Struct, frozen=True):
    """One bar of the chart of what expires: the month, its points, the bar's height, and whether it has room for a label."""

    month: Month
    points: int
    height: int
    labelled: bool


def reason_words(reason: ReasonView, language: str) -> str:
    """Return why a redemption would be refused, in words a member understands."""
    pick = 1 if language == "en" else 0
    words = (reason.message, reason.message)
    if reason.code == "not_on_sale":
        words = _NOT_ON_SALE.get(str(reason.found), ("目前不可兑换。", "It cannot be redeemed now."))
    elif reason.code == "not_eligible" and reason.wanted == "active":
        words = ("您的会员资格已暂停，请联系客服。", "Your membership is suspended; please contact us.")
    elif reason.code == "not_eligible":
        wanted = [TIER_NAMES[tier][pick] for tier in str(reason.wanted).split(" / ")]
        found = TIER_NAMES[str(reason.found)][pick]
        words = (
            f"仅限{'、'.join(wanted)}，您当前是{found}。",
            f"Only for {', '.join(wanted)} members; you are {found}.",
        )
    elif reason.code == "insufficient_points":
        short = reason.wanted - reason.found
        words = (f"积分不足，还差 {short:,} 积分。", f"You are {short:,} points short.")
    elif reason.code == "sold_out" and reason.found == 0:
        words = ("已兑完。", "Sold out.")
    return words[pick]


def next_member_day(today: date) -> tuple[date, int]:
    """Return the next member day, today included, and in how many days it is."""
    start = datetime.combine(today, datetime.min.time())
    found = rrulestr(MEMBER_DAY, dtstart=start).after(start, inc=True)
    if found is None:
        raise RuntimeError("a rule without end has come to its end")
    return found.date(), (found.date() - today).days


def greeting(now: datetime, calendar: Calendar) -> tuple[str, str]:
    """Return the greeting of the hour, in Chinese and English."""
    hour = calendar.local(now).hour
    for until, chinese, english in (
        (5, "夜深了", "Good evening"),
        (11, "早上好", "Good morning"),
        (14, "中午好", "Hello"),
    ):
        if hour < until:
            return chinese, english
    return ("下午好", "Good afternoon") if hour < 18 else ("晚上好", "Good evening")


def expiry_chart(expiring: Sequence[Expiring], today: date) -> list[MonthBar]:
    """Return a bar for each month from this one to the last in which something expires, a year at least.

    The highest is CHART_HEIGHT. Points are gone from `expires_on`, the first day after their last: they belong to the
    month of the day before.
    """
    by_month: dict[Month, int] = {}
    for lot in expiring:
        month = Month.of(day_after(lot.expires_on, -1))
        by_month[month] = by_month.get(month, 0) + lot.points
    months = [Month.of(today)]
    last = max(by_month, default=months[0])
    while len(months) < _LEAST_MONTHS or (months[-1] < last and len(months) < _MOST_MONTHS):
        months.append(months[-1].plus(1))
    most = max(by_month.values(), default=0)
    every = -(-len(months) // _LABELS) if len(months) > _LEAST_MONTHS else 1
    return [
        MonthBar(month, points, max(_LEAST_BAR, points * CHART_HEIGHT // most) if points else 0, place % every == 0)
        for place, month in enumerate(months)
        for points in [by_month.get(month, 0)]
    ]


def qr_inline(code: str) -> str:
    """Return the code as an SVG element that grows with its frame; error correction Q: a scratched screen still reads."""
    picture = segno.make(code, error="q", micro=False)
    return str(picture.svg_inline(border=4, omitsize=True, dark="#111", svgclass=None, lineclass=None))


def ending_soon(lots: Sequence[ReturnedLot], today: date) -> list[ReturnedLot]:
    """Return the lots that end before the end of next month: under `restore` there are none."""
    return [lot for lot in lots if lot.expires_on < restored_expiry(today)]
