"""Points that partners grant: by contracts that say so. Prepaid: out of packs, never more than were bought, with a warning.
Postpaid: owed at the price of the contract of the day, and deducted from the partner's statement.
"""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from benefits.points.events import PointsGranted
from marketplace.kernel.clock import Clock
from marketplace.platform.eventlog.events import catch_up
from marketplace.platform.postgres.database import DB, unit_of_work
from marketplace.settings import Settings
from partners.contracts import packs
from settlement.books.consumer import Books
from settlement.books.domain import postings_for
from settlement.books.post import post
from tests.support.agreements import agree
from tests.support.app import Api, fresh_key, running_app
from tests.support.flow import Partner, good, oem
from tests.support.partner_fixtures import contract_json
from tests.support.world import breaches

pytestmark = pytest.mark.dates

GRANTS = "/v1/points/grants"
PACKS: dict[str, Any] = {
    "role": "both",
    "packs": {"points": 1_000, "price": {"amount": 80_000, "currency": "CNY"}, "low_balance_points": 300},
}


POSTPAID: dict[str, Any] = {"role": "grants_points", "grant_per_point_micros": 800_000, "tax_rate_ppm": 60_000}


class Club:
    """A partner that grants, a member, and the OEM's system that does it for them."""

    def __init__(self, api: Api, clock: Clock) -> None:
        self.api, self.clock = api, clock

    async def open(self, **contract: Any) -> "Club":
        self.partner = await Partner(self.api).open(**(contract or PACKS))
        self.system = await oem(self.api)
        self.member = self.api.member("lin")
        self.member_id = good(await self.api.get("/v1/me", headers=self.member))["member"]["id"]
        return self

    async def buy(self, number: int = 1, role: str = "finance", reference: str = "") -> Any:
        path = f"/v1/admin/partners/{self.partner.id}/point-packs"
        body = {"packs": number, "reference": reference or uuid4().hex}
        return await self.api.post(path, json=body, headers=self.api.staff(role) | fresh_key())

    async def grant(self, points: int, key: dict[str, str] | None = None, **fields: Any) -> Any:
        body = {
            "partner_id": self.partner.id, "reference": uuid4().hex, "member_id": self.member_id, "points": points,
            "occurred_at": self.clock.now().isoformat(),
        }  # fmt: skip
        return await self.api.post(GRANTS, json=body | fields, headers=self.system | (key or fresh_key()))

    async def balance(self) -> int:
        return int(good(await self.api.get("/v1/me", headers=self.member))["points"]["balance"])

    async def left(self) -> dict[str, int]:
        left: dict[str, int] = good(await self.api.get("/v1/partner/point-packs", headers=self.partner.headers))
        return left


@pytest.fixture
async def club(dsn: str, settings: Settings, clock: Clock) -> AsyncIterator[Club]:
    async with running_app(settings, dsn, clock) as api:
        yield await Club(api, clock).open()


async def test_granted_out_of_a_pack_with_a_warning(club: Club) -> None:
    assert (await club.grant(1)).json()["code"] == "pack_exhausted"
    assert (await club.buy(role="operations")).status_code == 403
    assert good(await club.buy(), 201) == {"bought": 1_000, "granted": 0, "balance": 1_000}
    key, reference = fresh_key(), {"reference": "ORDER-7", "occurred_at": club.clock.now().isoformat()}
    first = await club.grant(600, key, **reference)
    assert (first.status_code, first.json()["balance"], first.json()["pack_balance"]) == (201, 600, 400), first.text
    assert (await club.grant(600, key, **reference)).headers["idempotency-replayed"] == "true"
    assert (await club.grant(600, **reference)).json()["code"] == "granted_before"
    assert (await club.grant(601, **reference)).json()["code"] == "reference_reused"
    assert await DB.fetchval("SELECT count(*) FROM event WHERE type = 'point_pack.low'") == 0
    for points, balance in ((150, 250), (10, 240)):
        assert (await club.grant(points)).json()["pack_balance"] == balance
    warnings = await DB.fetch("SELECT payload FROM event WHERE type = 'point_pack.low'")
    assert [row["payload"]["balance"] for row in warnings] == [250], "once, when it falls below 300"
    refused = await club.grant(241)
    assert (refused.json()["code"], refused.json()["wanted"], refused.json()["found"]) == ("pack_exhausted", 241, 240)
    assert await club.left() == {"bought": 1_000, "granted": 760, "balance": 240}
    assert await club.balance() == 760
    assert good(await club.buy(2), 201)["balance"] == 2_240
    assert not await breaches()


async def test_a_pack_that_is_low_from_the_beginning_warns_once_until_there_was_enough(
    dsn: str, settings: Settings, clock: Clock
) -> None:
    """One pack is half of what the partner is warned of: no grant ever crosses that line from above."""
    low = PACKS | {"packs": {**PACKS["packs"], "points": 500, "low_balance_points": 1_000}}
    async with running_app(settings, dsn, clock) as api:
        club = await Club(api, clock).open(**low)

        async def warned() -> list[int]:
            rows = await DB.fetch("SELECT payload FROM event WHERE type = 'point_pack.low' ORDER BY seq")
            return [row["payload"]["balance"] for row in rows]

        good(await club.buy(), 201)
        for _ in range(2):
            good(await club.grant(100), 201)
        good(await club.buy(), 201)
        good(await club.grant(100), 201)
        assert await warned() == [400], "800 and 700 are no news"
        good(await club.buy(), 201)
        good(await club.grant(100), 201)
        assert await warned() == [400], "1,200 and 1,100 are enough"
        good(await club.grant(101), 201)
        assert await warned() == [400, 999], "and it is low again"


async def test_a_transfer_buys_once(club: Club) -> None:
    good(await club.buy(reference="ICBC-7"), 201)
    again = await club.buy(reference="ICBC-7")
    assert (again.status_code, again.json()["code"], again.json()["reference"]) == (409, "payment_recorded", "ICBC-7")
    at_once = await asyncio.gather(*(club.buy(reference="ICBC-8") for _ in range(4)))
    assert sorted(each.status_code for each in at_once) == [201, 409, 409, 409]
    assert await club.left() == {"bought": 2_000, "granted": 0, "balance": 2_000}


async def test_only_by_a_contract_that_grants(dsn: str, settings: Settings, clock: Clock) -> None:
    async with running_app(settings, dsn, clock) as api:
        for contract in ({"role": "accepts_points"}, {"role": "grants_points"}):  # the second says no price
            club = await Club(api, clock).open(**contract)
            assert (await club.grant(1)).json()["code"] == "grants_not_agreed"
            assert (await club.buy()).json()["code"] == "no_packs"
        club = await Club(api, clock).open(**PACKS | {"role": "grants_points"})
        good(await club.buy(), 201)
        assert (await club.grant(1)).status_code == 201
        headers = api.staff("operations") | fresh_key()
        good(await api.post(f"/v1/admin/partners/{club.partner.id}/suspend", json={"reason": "x"}, headers=headers))
        assert (await club.grant(1)).json()["code"] == "grants_not_agreed"
        assert (await club.grant(1, partner_id=str(uuid4()))).status_code == 404


async def test_what_is_refused_draws_nothing(club: Club) -> None:
    good(await club.buy(), 201)
    assert (await club.grant(5, member_id=str(uuid4()))).json()["code"] == "unknown_member"
    assert (await club.grant(5, occurred_at="2019-01-01T00:00:00Z")).json()["code"] == "already_expired"
    assert (await club.grant(5, occurred_at="2199-01-01T00:00:00Z")).json()["code"] == "occurred_in_future"
    assert (await club.grant(0)).status_code == 400
    assert (await club.left())["balance"] == 1_000
    partner = await club.api.post(GRANTS, json={}, headers=club.partner.headers | fresh_key())
    assert partner.status_code == 401


async def test_twenty_grants_at_once_never_take_more_than_there_is(club: Club) -> None:
    good(await club.buy(), 201)
    answers = await asyncio.gather(*[club.grant(90) for _ in range(20)])
    assert sorted(answer.status_code for answer in answers) == [201] * 11 + [409] * 9
    assert (await club.left())["balance"] == 10
    assert await club.balance() == 990
    assert not await breaches()


async def test_without_the_guard_in_the_write_more_would_be_taken(club: Club, monkeypatch: pytest.MonkeyPatch) -> None:
    """The guard's test can fail: look first and write afterwards, and only the database's CHECK is left in the way."""
    good(await club.buy(), 201)
    good(await club.buy(), 201)

    async def careless(work: Any, partner_id: Any, points: int, *_: Any) -> int:
        left = await work.fetchval("SELECT balance FROM point_pack WHERE partner_id = $1", partner_id)
        if left < points:
            raise packs.PackExhausted(wanted=points, found=left)
        await asyncio.sleep(0.2)
        await work.execute(
            "UPDATE point_pack SET balance = $2, granted = bought - $2 WHERE partner_id = $1", partner_id, left - points
        )
        return int(left - points)

    monkeypatch.setattr("benefits.points.grant.draw", careless)
    members = []
    for name in range(6):
        headers = club.api.member(f"m-{name}")
        members.append(good(await club.api.get("/v1/me", headers=headers))["member"]["id"])
    await asyncio.gather(*[club.grant(900, member_id=member) for member in members])
    granted = await DB.fetchval("SELECT sum(points) FROM earning")
    assert granted > 2_000 - (await club.left())["balance"]


async def test_postpaid_is_deducted_from_the_statement(dsn: str, settings: Settings, clock: Clock) -> None:
    async with running_app(settings, dsn, clock) as api:
        club = await Club(api, clock).open(**POSTPAID)
        key, fields = fresh_key(), {"reference": "ORDER-7", "occurred_at": clock.now().isoformat()}
        first = await club.grant(1_001, key, **fields)
        assert first.status_code == 201, first.text
        assert (first.json()["pack_balance"], first.json()["owed"]) == (None, {"amount": 801, "currency": "CNY"})
        assert (await club.grant(1_001, key, **fields)).headers["idempotency-replayed"] == "true"
        assert (await club.grant(1_001, **fields)).json()["code"] == "granted_before"
        assert (await club.grant(100)).json()["owed"]["amount"] == 80
        assert (await club.buy()).json()["code"] == "no_packs"
        month = str(settings.calendar.month_of(clock.now()))
        clock.offset += timedelta(days=40)
        headers = api.staff("finance") | fresh_key()
        closed = await api.post("/v1/finance/periods/close", json={"month": month}, headers=headers)
        (statement,) = good(closed)["statements"]
        assert (statement["lines"], statement["granted_minor"], statement["total_minor"]) == (2, 881, -881)
        assert statement["tax_minor"] == -50, "what is contained in 8.01 and in 0.80 at 6 %"
        path = f"/v1/finance/statements/{statement['id']}/lines"
        lines = good(await api.get(path, headers=api.staff("finance")))["data"]
        assert [(one["code"], one["amount_minor"], one["redemption_id"]) for one in lines] == [
            ("points_granted", -801, None),
            ("points_granted", -80, None),
        ]
        assert lines[0]["reference"] == "ORDER-7"
        assert not await breaches()


async def test_a_grant_is_in_the_book_once_however_often_it_is_told(dsn: str, settings: Settings, clock: Clock) -> None:
    async with running_app(settings, dsn, clock) as api:
        club = await Club(api, clock).open(**POSTPAID)
        good(await club.grant(500), 201)
        await catch_up(Books(settings.calendar))
        rows = await DB.fetch("SELECT payload FROM event WHERE type = 'points.granted'")
        reported = msgspec.convert(rows[0]["payload"], PointsGranted)
        async with unit_of_work() as work:
            assert await post(work, postings_for(reported), settings.calendar) == 0
        assert await DB.fetchval("SELECT sum(amount_minor) FROM money_posting") == 400


async def test_a_new_price_changes_nothing_that_was_granted(dsn: str, settings: Settings, clock: Clock) -> None:
    """What is owed stands in the event, and no contract is asked for it afterwards."""
    async with running_app(settings, dsn, clock) as api:
        club = await Club(api, clock).open(**POSTPAID)
        good(await club.grant(500), 201)
        tomorrow = str(settings.calendar.day_of(clock.now()) + timedelta(days=1))
        dearer = contract_json(**POSTPAID | {"grant_per_point_micros": 2_000_000, "starts_on": tomorrow})
        good(await agree(api, club.partner.id, dearer, subject="ops-2"))
        clock.offset += timedelta(days=2)
        good(await club.grant(500), 201)
        await catch_up(Books(settings.calendar))
        amounts = await DB.fetch("SELECT amount_minor FROM money_posting ORDER BY occurred_at")
        assert [row["amount_minor"] for row in amounts] == [400, 1_000]
