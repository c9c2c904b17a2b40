"""The counter takes a use back: where, how long, how often, and what becomes of the money."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from benefits.redemptions import counter_commands
from marketplace.kernel.clock import Clock
from marketplace.platform.eventlog.events import catch_up
from marketplace.platform.postgres.database import DB
from marketplace.settings import Settings
from settlement.books.consumer import Books
from settlement.invariants import INVARIANTS
from tests.support.app import Api, fresh_key, running_app
from tests.support.flow import Partner, good, oem
from tests.support.world import breaches

UNDO = "/v1/partner/vouchers/undo-use"
SHARED: dict[str, Any] = {
    "funding": {"oem_ppm": 700_000, "partner_ppm": 200_000, "dealer_ppm": 100_000, "dealer": "D-0042"},
    "commission": [{"on": "points", "rate_ppm": 100_000}],
    "counter_cancel_minutes": 15,
}


class Till:
    """A partner whose contract gives it fifteen minutes, and a member who redeems."""

    def __init__(self, api: Api, settings: Settings, clock: Clock) -> None:
        self.api, self.settings, self.clock = api, settings, clock
        self.member = api.member("lin")

    async def open(self, **contract: Any) -> "Till":
        self.partner = await Partner(self.api).open(**SHARED | contract)
        self.offer = (await self.partner.offer(points=100, voucher_days=1))["id"]
        member_id = good(await self.api.get("/v1/me", headers=self.member))["member"]["id"]
        earning = {
            "reference": "v-1", "member_id": member_id, "points": 5000, "kind": "service",
            "occurred_at": self.clock.now().isoformat(),
        }  # fmt: skip
        good(await self.api.post("/v1/points/earnings", json={"earnings": [earning]}, headers=await oem(self.api)))
        return self

    async def voucher(self, *, used: bool = True) -> str:
        wanted = {"offer_id": self.offer, "quantity": 1}
        answer = await self.api.post("/v1/redemptions", json=wanted, headers=self.member | fresh_key())
        code: str = good(answer, 201)["voucher"]["code"]
        if used:
            good(await self.partner.use(code))
        return code

    async def undo(self, code: str, headers: dict[str, str] | None = None, **fields: Any) -> Any:
        body = {"code": code, "reason": "wrong guest"} | fields
        return await self.api.post(UNDO, json=body, headers=self.partner.headers | (headers or fresh_key()))

    async def book(self) -> list[tuple[str, int, int]]:
        await catch_up(Books(self.settings.calendar))
        rows = await DB.fetch("SELECT code, occasion, amount_minor FROM money_posting ORDER BY occasion, code")
        return [tuple(row) for row in rows]


@pytest.fixture
async def till(dsn: str, settings: Settings, clock: Clock) -> AsyncIterator[Till]:
    async with running_app(settings, dsn, clock) as api:
        yield await Till(api, settings, clock).open()


OWED = [("benefit_on_use", 10_800), ("commission", 960), ("dealer_share", 1_200), ("partner_share", 2_400)]
"""Of 120.00: the dealer's tenth apart, the partner's fifth, and a tenth of the 96.00 that others pay."""


async def test_used_undone_and_used_again(till: Till) -> None:
    code = await till.voucher()
    key = fresh_key()
    undone = await till.undo(code, key)
    assert (undone.status_code, undone.json()["status"]) == (200, "issued"), undone.text
    again = await till.undo(code, key)
    assert (again.json(), again.headers["idempotency-replayed"]) == (undone.json(), "true")
    assert (await till.undo(code)).json()["code"] == "not_used"
    verify = await till.api.post("/v1/partner/vouchers/verify", json={"code": code}, headers=till.partner.headers)
    assert verify.json()["status"] == "issued"
    good(await till.partner.use(code))
    assert await till.book() == [
        *[(name, 1, amount) for name, amount in sorted(OWED + [(f"{name}_reversed", amount) for name, amount in OWED])],
        *[(name, 2, amount) for name, amount in OWED],
    ]
    assert not await breaches(INVARIANTS)
    till.clock.offset += timedelta(days=40)
    month = str(till.settings.calendar.month_of(till.clock.now() - timedelta(days=40)))
    finance = till.api.staff("finance") | fresh_key()
    closed = good(await till.api.post("/v1/finance/periods/close", json={"month": month}, headers=finance))
    (statement,) = closed["statements"]
    totals = {name: statement[name] for name in statement if name.endswith("_minor") and name != "tax_minor"}
    assert totals == {
        "gross_minor": 24_000, "reversed_minor": 12_000, "partner_share_minor": 2_400, "dealer_share_minor": 1_200,
        "commission_minor": 960, "granted_minor": 0, "total_minor": 8_640,
    }  # fmt: skip
    assert not await breaches(INVARIANTS)


async def test_when_a_use_stays(till: Till) -> None:
    unused = await till.voucher(used=False)
    assert (await till.undo(unused)).json()["code"] == "not_used"
    assert (await till.undo("0000-0000-0000")).json()["code"] == "unknown_voucher"
    code = await till.voucher()
    assert (await till.undo(code, location_id="nowhere")).status_code == 400
    place = {"id": "SH-1", "name": {"zh-CN": "店", "en": "Shop"}, "city": "上海", "address": "路 1"}
    good(await till.api.post("/v1/partner/locations", json=place, headers=till.partner.headers | fresh_key()), 201)
    assert (await till.undo(code, location_id="SH-1")).json()["code"] == "used_elsewhere"
    stranger = await Partner(till.api).open(**SHARED)
    foreign = await till.api.post(UNDO, json={"code": code, "reason": "x"}, headers=stranger.headers | fresh_key())
    assert (foreign.status_code, foreign.json()["code"]) == (404, "unknown_voucher")
    till.clock.offset += timedelta(minutes=15)
    late = await till.undo(code)
    assert (late.status_code, late.json()["code"], late.json()["minutes"]) == (409, "undo_window_over", 15)


async def test_without_the_term_a_use_is_for_ever(dsn: str, settings: Settings, clock: Clock) -> None:
    async with running_app(settings, dsn, clock) as api:
        till = await Till(api, settings, clock).open(counter_cancel_minutes=0)
        assert (await till.undo(await till.voucher())).json()["code"] == "undo_window_over"


async def test_ten_undos_at_once_are_one(till: Till) -> None:
    code = await till.voucher()
    answers = await asyncio.gather(*[till.undo(code) for _ in range(10)])
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 9
    assert await DB.fetchval("SELECT count(*) FROM event WHERE type = 'voucher.use_undone'") == 1


async def test_without_the_window_a_late_undo_would_pass(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    """The guard's test can fail: a rule that does not look at the time lets the late undo through."""
    code = await till.voucher()
    till.clock.offset += timedelta(hours=1)
    real = counter_commands.status_when_undone  # type: ignore[attr-defined]
    monkeypatch.setattr(
        counter_commands, "status_when_undone", lambda row, place, _, now: real(row, place, 10_000, now)
    )
    assert (await till.undo(code)).status_code == 200
