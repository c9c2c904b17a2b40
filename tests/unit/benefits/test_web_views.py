"""What the storefront says: hours, member days, what expires, and why not."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from benefits.points.schemas import Expiring
from benefits.redemptions.domain import VoucherStatus
from benefits.redemptions.schemas import ReasonView
from benefits.web import views
from benefits.web.shop import _quantity, _scenario
from marketplace.kernel.calendar import Calendar, Month
from marketplace.web.frame import _money, _price_tag
from marketplace.web.local_path import local_path

pytestmark = pytest.mark.dates

SHANGHAI = Calendar(ZoneInfo("Asia/Shanghai"))


@pytest.mark.parametrize(
    ("today", "expected"),
    [
        (date(2026, 11, 21), (date(2026, 11, 30), 9)),
        (date(2026, 11, 30), (date(2026, 11, 30), 0)),
        (date(2026, 12, 1), (date(2026, 12, 31), 30)),
        (date(2027, 2, 1), (date(2027, 2, 28), 27)),
        (date(2028, 2, 28), (date(2028, 2, 29), 1)),
        (date(2026, 12, 31), (date(2026, 12, 31), 0)),
    ],
)
def test_the_member_day_is_the_last_of_the_month(today: date, expected: tuple[date, int]) -> None:
    assert views.next_member_day(today) == expected


@pytest.mark.parametrize(
    ("hour_utc", "words"), [(20, "夜深了"), (23, "早上好"), (4, "中午好"), (8, "下午好"), (12, "晚上好")]
)
def test_the_greeting_is_of_the_business_zone(hour_utc: int, words: str) -> None:
    assert views.greeting(datetime(2026, 11, 21, hour_utc, tzinfo=UTC), SHANGHAI)[0] == words


def test_points_expire_in_the_month_of_their_last_day() -> None:
    bars = views.expiry_chart(
        [Expiring(50, date(2026, 12, 1)), Expiring(100, date(2027, 1, 1)), Expiring(1, date(2028, 1, 1))],
        date(2026, 11, 21),
    )
    found = {str(bar.month): (bar.points, bar.height) for bar in bars if bar.points}
    assert found == {"2026-11": (50, 48), "2026-12": (100, 96), "2027-12": (1, 3)}
    assert (bars[0].month, bars[-1].month, len(bars)) == (Month(2026, 11), Month(2027, 12), 14)
    assert sum(bar.labelled for bar in bars) == 7


def test_the_chart_of_nothing_is_a_year() -> None:
    bars = views.expiry_chart([], date(2026, 11, 21))
    assert len(bars) == 12
    assert not any(bar.height for bar in bars)


@pytest.mark.parametrize(
    ("reason", "chinese", "english"),
    [
        (
            ReasonView("insufficient_points", 6800, 551, "-"),
            "积分不足，还差 6,249 积分。",
            "You are 6,249 points short.",
        ),
        (
            ReasonView("not_eligible", "gold / platinum", "standard", "-"),
            "仅限金卡会员、白金会员，您当前是普通会员。",
            "Only for Gold, Platinum members; you are Standard.",
        ),
        (
            ReasonView("not_eligible", "active", "blocked", "-"),
            "您的会员资格已暂停，请联系客服。",
            "Your membership is suspended; please contact us.",
        ),
        (ReasonView("not_on_sale", "live", "paused", "-"), "商家暂停了这项权益。", "The partner has paused it."),
        (ReasonView("not_on_sale", "live", "no_contract", "-"), "目前不可兑换。", "It cannot be redeemed now."),
        (ReasonView("sold_out", 1, 0, "-"), "已兑完。", "Sold out."),
        (ReasonView("sold_out", 3, 2, "as it was said"), "as it was said", "as it was said"),
        (ReasonView("limit_reached", 1, 1, "as it was said"), "as it was said", "as it was said"),
    ],
)
def test_reasons_in_words(reason: ReasonView, chinese: str, english: str) -> None:
    assert views.reason_words(reason, "zh-CN") == chinese
    assert views.reason_words(reason, "en") == english


def test_every_state_of_a_voucher_has_a_tab() -> None:
    assert {status for status, _, _ in views.VOUCHER_TABS.values()} == {str(status) for status in VoucherStatus}


@pytest.mark.parametrize(
    ("text", "quantity"),
    [("3", 3), ("0", 1), ("999", 20), ("9999", 1), ("-1", 1), ("１", 1), ("", 1), (None, 1), ("1e1", 1)],
)
def test_a_quantity_is_a_small_number_whatever_is_sent(text: str | None, quantity: int) -> None:
    assert _quantity(text) == quantity


def test_a_scenario_is_one_of_ten_or_none() -> None:
    assert [_scenario(text) for text in ("lodging", "castle", "", None)] == ["lodging", None, None, None]


@pytest.mark.parametrize(
    ("minor", "currency", "shown"),
    [
        (12_900, "CNY", "¥129.00"),
        (12_905, "CNY", "¥129.05"),
        (123_456_700, "CHF", "CHF 1,234,567.00"),
        (-50, "CNY", "−¥0.50"),
    ],
)
def test_money_as_people_write_it(minor: int, currency: str, shown: str) -> None:
    assert _money(minor, currency) == shown


@pytest.mark.parametrize("path", ["/", "/offers?q=%E9%85%92%E5%BA%97&scenario=lodging", "/vouchers/x#top", "/a//b"])
def test_local_paths_stay(path: str) -> None:
    assert local_path(path) == path


@pytest.mark.parametrize(
    "path", ["//x", "/\\x", "http://x", "x", "", None, "/\tx", "/x\n", "/x y", "/x\\y", "/auth/callback"]
)
def test_other_paths_lead_home(path: str | None) -> None:
    assert local_path(path) == "/"


@pytest.mark.parametrize(
    ("minor", "currency", "ledger", "shop"),
    [
        (3_758_400, "CNY", "¥37,584.00", "¥37,584"),
        (12_950, "CNY", "¥129.50", "¥129.50"),
        (12_900, "JPY", "JP¥12,900", "JP¥12,900"),
        (100, "JPY", "JP¥100", "JP¥100"),
        (12_900_000, "KWD", "KWD 12,900.000", "KWD 12,900"),
        (1_000, "CNY", "¥10.00", "¥10"),
    ],
)
def test_ledgers_show_all_digits_and_shops_those_that_say_something(
    minor: int, currency: str, ledger: str, shop: str
) -> None:
    assert (_money(minor, currency), _price_tag(minor, currency)) == (ledger, shop)
