"""Other cycles than the month, payment terms, and the smallest payout, over HTTP."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from marketplace.kernel.clock import Clock
from marketplace.platform.postgres.database import DB
from marketplace.platform.services import PlatformServices
from marketplace.settings import Settings
from settlement.payouts import pay as paying
from tests.support import today
from tests.support.app import Api, fresh_key, running_app
from tests.support.finance import CLOSE, NOVEMBER_10, approve, check_now, closed, invariants_hold, pay
from tests.support.partners import CONTRACT, active_partner
from tests.support.settlement import OCTOBER, Sale, record_and_post


@pytest.fixture
async def api(settings: Settings, dsn: str) -> AsyncIterator[Api]:
    """The application on the tenth of November 2026."""
    clock = Clock()
    clock.offset = NOVEMBER_10 - today.now()
    async with running_app(settings, dsn, clock) as running:
        yield running


async def _close(api: Api, **body: Any) -> Any:
    return await api.post(CLOSE, json=body, headers=api.staff("finance", subject="li") | fresh_key())


async def test_ten_days_and_weeks_are_closed_by_themselves(api: Api, settings: Settings) -> None:
    partner = UUID(await active_partner(api, CONTRACT | {"cycle": "ten_day"}))
    sales = [Sale(partner, cycle=cycle, amount_minor=amount) for cycle, amount in
             (("ten_day", 100), ("ten_day", 200), ("weekly", 300), ("monthly", 400))]  # fmt: skip
    days = (timedelta(), timedelta(days=8), timedelta(), timedelta())  # the 15th and the 23rd of October
    await record_and_post(settings, [sale.used(OCTOBER + day) for sale, day in zip(sales, days, strict=True)])
    early = await _close(api, cycle="ten_day", starts_on="2026-10-21")
    assert (early.json()["code"], early.json()["open_month"]) == ("earlier_period_open", "2026-10-11/2026-10-21")
    made = (await _close(api, cycle="ten_day", starts_on="2026-10-11")).json()["statements"]
    assert [(one["cycle"], one["period"], one["period_end"], one["total_minor"]) for one in made] == [
        ("ten_day", "2026-10-11", "2026-10-21", 100)
    ]
    assert (await _close(api, cycle="ten_day", starts_on="2026-10-11")).json()["statements"] == made
    (rest,) = (await _close(api, cycle="ten_day", starts_on="2026-10-21")).json()["statements"]
    (week,) = (await _close(api, cycle="weekly", starts_on="2026-10-12")).json()["statements"]
    (month,) = await closed(api)
    assert [(one["total_minor"], one["month"]) for one in (rest, week, month)] == [
        (200, "2026-10"), (300, "2026-10"), (400, "2026-10"),
    ]  # fmt: skip
    late = Sale(partner, cycle="ten_day", amount_minor=7)
    await record_and_post(settings, [late.used(OCTOBER)])
    assert await DB.fetchval("SELECT max(period)::text FROM money_posting WHERE amount_minor = 7") == "2026-11-01"
    await check_now(api)
    await approve(api, week["id"])
    assert (await pay(api, week["id"], paid_on="2026-10-18")).status_code == 400
    assert (await pay(api, week["id"], paid_on="2026-10-19")).status_code == 201
    await invariants_hold(api)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"cycle": "ten_day"}, "starts_on"),
        ({"cycle": "ten_day", "starts_on": "2026-10-12"}, "starts_on"),
        ({"cycle": "weekly", "starts_on": "2026-10-13"}, "starts_on"),
        ({"cycle": "weekly", "starts_on": "2026-10-12", "month": "2026-10"}, "starts_on"),
        ({"month": "2026-10", "starts_on": "2026-10-01"}, "month"),
        ({"cycle": "monthly", "starts_on": "2026-10-01"}, "month"),
        ({"cycle": "daily", "starts_on": "2026-10-01"}, "cycle"),
    ],
)
async def test_periods_that_are_none(api: Api, body: dict[str, Any], field: str) -> None:
    answer = await _close(api, **body)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field), answer.text


async def test_a_period_ends_when_it_ends_in_the_contracts_zone(api: Api, settings: Settings) -> None:
    """At noon of the 10th in Shanghai the ten days are not over; at midnight they are here, and not yet in Honolulu."""
    assert (await _close(api, cycle="ten_day", starts_on="2026-11-01")).json()["code"] == "period_not_over"
    await active_partner(api, CONTRACT | {"cycle": "ten_day", "time_zone": "Pacific/Honolulu"})
    clock = PlatformServices.of(api.app).clock
    clock.offset += timedelta(hours=12)
    assert (await _close(api, cycle="ten_day", starts_on="2026-11-01")).json()["code"] == "period_not_over"
    clock.offset += timedelta(hours=18)
    assert (await _close(api, cycle="ten_day", starts_on="2026-11-01")).status_code == 200
    assert settings.calendar.day_of(clock.now()).day == 11


async def _two_months(api: Api, settings: Settings, **terms: Any) -> list[str]:
    """Approved statements of September and October, of 60.00 and 50.00."""
    partner = UUID(await active_partner(api, CONTRACT | terms))
    september, october = Sale(partner, amount_minor=6_000), Sale(partner, amount_minor=5_000)
    await record_and_post(settings, [september.used(OCTOBER - timedelta(days=30)), october.used()])
    found = []
    for month in ("2026-09", "2026-10"):
        (statement,) = await closed(api, month)
        found.append(statement["id"])
    return found


LEAST = {"minimum_payout": {"amount": 10_000, "currency": "CNY"}}


async def test_below_the_smallest_payout_it_is_carried_forward(api: Api, settings: Settings) -> None:
    first, second = await _two_months(api, settings, **LEAST)
    approved = await approve(api, first)
    assert approved.json()["due_on"] == "2026-11-25", "approved on the 10th, fifteen days by the contract"
    refused = await pay(api, first)
    assert (refused.status_code, refused.json()["code"]) == (409, "below_minimum_payout")
    assert (refused.json()["waiting_minor"], refused.json()["minimum_minor"]) == (6_000, 10_000)
    await approve(api, second)
    assert (await pay(api, first)).status_code == 201


async def test_what_is_paid_together_reaches_it_together(api: Api, settings: Settings) -> None:
    first, second = await _two_months(api, settings, **LEAST)
    await approve(api, first)
    await approve(api, second)
    assert (await pay(api, first)).status_code == 201
    assert (await pay(api, second)).status_code == 201, "one transfer of 110.00 was enough for both"
    await invariants_hold(api)


async def test_without_the_look_at_the_minimum_it_would_be_paid(
    api: Api, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The guard's test can fail."""
    first, _ = await _two_months(api, settings, **LEAST)
    await approve(api, first)
    monkeypatch.setattr(paying, "check_minimum", lambda *_: None)
    assert (await pay(api, first)).status_code == 201
