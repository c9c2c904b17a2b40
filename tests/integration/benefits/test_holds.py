"""Holds over HTTP: set aside, then posted in full or in part, voided, or expired; exactly one end."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from benefits.holds.read import expire_holds
from benefits.services import BenefitsServices
from marketplace.kernel.clock import Clock
from marketplace.platform.postgres.database import DB
from marketplace.platform.services import PlatformServices
from marketplace.settings import Settings
from tests.support.app import Api, fresh_key, running_app
from tests.support.flow import Partner, good, oem
from tests.support.world import breaches


class Checkout:
    """One member with 1,000 points, one offer of 100 points and ten units, and the OEM's checkout."""

    def __init__(self, api: Api, clock: Clock) -> None:
        self.api = api
        self.clock = clock
        self.me = api.member("holder")

    async def open(self, contract: dict[str, Any] | None = None, **offer: Any) -> "Checkout":
        self.oem = await oem(self.api)
        self.member = good(await self.api.get("/v1/me", headers=self.me))["member"]["id"]
        self.partner = await Partner(self.api).open(**contract or {})
        self.offer = (await self.partner.offer(**({"points": 100, "stock": 10} | offer)))["id"]
        earning = {"reference": "e-1", "member_id": self.member, "points": 1000, "kind": "service",
                   "occurred_at": self.clock.now().isoformat()}  # fmt: skip
        good(await self.api.post("/v1/points/earnings", json={"earnings": [earning]}, headers=self.oem))
        return self

    async def place(self, status: int = 201, **body: Any) -> Any:
        wanted = {"member_id": self.member, "offer_id": self.offer, "reference": "cart-1", "quantity": 3} | body
        return good(await self.api.post("/v1/points/holds", json=wanted, headers=self.oem | fresh_key()), status)

    async def end(self, hold: Any, how: str, status: int = 200, **body: Any) -> Any:
        answer = await self.api.post(f"/v1/points/holds/{hold['id']}/{how}", json=body, headers=self.oem | fresh_key())
        return good(answer, status)

    async def points(self) -> tuple[int, int]:
        found = good(await self.api.get("/v1/me", headers=self.me))["points"]
        return found["balance"], found["held"]

    async def stock(self) -> tuple[int, int, int]:
        row = await DB.fetchrow("SELECT remaining, held, sold FROM stock")
        assert row is not None
        return tuple(row)  # type: ignore[return-value]


@pytest.fixture
async def desk(dsn: str, settings: Settings, clock: Clock) -> AsyncIterator[Checkout]:
    async with running_app(settings, dsn, clock) as api:
        yield await Checkout(api, clock).open()
        assert await breaches() == {}


async def test_what_is_held_is_neither_spendable_nor_sold(desk: Checkout) -> None:
    hold = await desk.place()
    assert (hold["status"], hold["points"], hold["quantity"]) == ("held", 300, 3)
    assert (await desk.points(), await desk.stock()) == ((700, 300), (7, 3, 0))
    assert await breaches() == {}
    refused = await desk.place(409, quantity=8)
    assert {reason["code"] for reason in refused["reasons"]} == {"sold_out", "insufficient_points"}


async def test_posted_in_full_it_is_a_redemption_like_any_other(desk: Checkout) -> None:
    hold = await desk.place()
    posted = await desk.end(hold, "post")
    assert (posted["status"], posted["posted_quantity"], posted["redemption"]["points"]) == ("posted", 3, 300)
    assert (await desk.points(), await desk.stock()) == ((700, 0), (7, 0, 3))
    redemption = posted["redemption"]
    shown = good(await desk.api.get(f"/v1/redemptions/{redemption['id']}", headers=desk.me))
    assert (shown["points"], shown["quantity"], shown["voucher"]["code"]) == (300, 3, redemption["voucher"]["code"])
    body = {"code": redemption["voucher"]["code"], "reference": "till-1"}
    used = await desk.api.post("/v1/partner/vouchers/use", json=body, headers=desk.partner.headers | fresh_key())
    assert good(used)["quantity"] == 3
    assert good(await desk.api.get(f"/v1/points/holds/{hold['id']}", headers=desk.oem))["redemption"]["id"]


async def test_posted_in_part_the_rest_goes_back(desk: Checkout) -> None:
    hold = await desk.place()
    posted = await desk.end(hold, "post", quantity=1)
    assert (posted["posted_quantity"], posted["redemption"]["points"]) == (1, 100)
    assert (await desk.points(), await desk.stock()) == ((900, 0), (9, 0, 1))
    event = await DB.fetchrow("SELECT payload FROM event WHERE type = 'redemption.issued'")
    assert event is not None
    assert event["payload"]["settlement"]["amount_minor"] * 3 == await DB.fetchval(
        "SELECT (settlements -> 2 ->> 'amount_minor')::bigint FROM hold"
    )


async def test_a_redemption_out_of_a_hold_can_be_given_back(desk: Checkout) -> None:
    posted = await desk.end(await desk.place(), "post", quantity=2)
    path = f"/v1/redemptions/{posted['redemption']['id']}/cancel"
    back = good(await desk.api.post(path, json={}, headers=desk.me | fresh_key()))
    assert (back["points_returned"], await desk.points(), await desk.stock()) == (200, (1000, 0), (10, 0, 0))


async def test_voided_everything_goes_back_and_nothing_more_can_happen(desk: Checkout) -> None:
    hold = await desk.place()
    assert (await desk.end(hold, "void", reason="customer left"))["status"] == "voided"
    assert (await desk.points(), await desk.stock()) == ((1000, 0), (10, 0, 0))
    for how in ("post", "void"):
        assert (await desk.end(hold, how, 409))["code"] == "hold_ended"
    assert (await desk.points(), await desk.stock()) == ((1000, 0), (10, 0, 0))


async def test_past_its_deadline_it_can_only_expire_whoever_comes(desk: Checkout) -> None:
    first, second = await desk.place(minutes=5), await desk.place(minutes=5, quantity=1)
    desk.clock.offset += timedelta(minutes=5)
    assert (await desk.end(first, "post", 409))["code"] == "hold_ended"
    assert (await desk.points())[1] == 100
    await expire_holds(BenefitsServices.of(desk.api.app).points_desk, desk.clock)
    assert (await desk.points(), await desk.stock()) == ((1000, 0), (10, 0, 0))
    shown = good(await desk.api.get(f"/v1/points/holds/{second['id']}", headers=desk.oem))
    assert (shown["status"], shown["redemption"]) == ("expired", None)


async def test_a_lot_that_expires_while_it_is_held_can_be_spent_and_comes_back_restored(desk: Checkout) -> None:
    desk.clock.offset += timedelta(days=40)
    soon = {"reference": "e-2", "member_id": desk.member, "points": 300, "kind": "service",
            "occurred_at": (desk.clock.now() - timedelta(days=725)).isoformat()}  # fmt: skip
    good(await desk.api.post("/v1/points/earnings", json={"earnings": [soon]}, headers=desk.oem))
    first, second = await desk.place(minutes=1440, quantity=1), await desk.place(minutes=1440, quantity=2)
    gone = await DB.fetchval("SELECT min(expires_on) FROM points_posting")
    midnight = PlatformServices.of(desk.partner.api.app).settings.calendar.start_of(gone)
    desk.clock.offset += midnight - timedelta(minutes=1) - desk.clock.now()
    third = await desk.place(minutes=1440, quantity=1)
    assert third["status"] == "held"
    desk.clock.offset += timedelta(minutes=2)
    for hold in (first, second):  # placed when a deadline of a day was long over
        assert (await desk.end(hold, "post", 409))["code"] == "hold_ended"
    assert (await desk.end(third, "post"))["redemption"]["points"] == 100
    assert sum(await desk.points()) == 1200


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"minutes": 0}, "minutes"),
        ({"minutes": 1441}, "minutes"),
        ({"quantity": 0}, "quantity"),
        ({"reference": ""}, "reference"),
        ({"points": 5}, "points"),
    ],
)
async def test_a_bad_wish_names_its_field(desk: Checkout, body: dict[str, Any], field: str) -> None:
    problem = await desk.place(400, **body)
    assert [error["field"] for error in problem["errors"]] == [field]


async def test_a_hold_that_is_not_there_and_more_than_was_held(desk: Checkout) -> None:
    hold = await desk.place(quantity=2)
    assert (await desk.end(hold, "post", 409, quantity=3))["code"] == "more_than_held"
    assert (await desk.end({"id": desk.offer}, "void", 404))["code"] == "not_found"
    await desk.end(hold, "void")


SHARED = {
    "settlement_price": {"amount": 10_01, "currency": "CNY"},
    "tax": "added",
    "tax_rate_ppm": 60_000,
    "funding": {"oem_ppm": 650_000, "partner_ppm": 50_000, "dealer_ppm": 300_000, "dealer": "D-1"},
    "commission": [{"on": "points", "rate_ppm": 50_000, "fixed_minor": 3}],
}
"""A contract whose amounts cannot be divided by the number of units: tax on top, three bearers, a commission."""


@pytest.mark.parametrize("units", [1, 3, 4])
async def test_what_is_owed_for_a_part_is_what_a_redemption_of_that_many_units_owes(
    dsn: str, settings: Settings, clock: Clock, units: int
) -> None:
    async with running_app(settings, dsn, clock) as api:
        checkout = await Checkout(api, clock).open(SHARED)
        hold = await checkout.place(quantity=4)
        good(
            await api.post(
                "/v1/redemptions",
                json={"offer_id": checkout.offer, "quantity": units},
                headers=checkout.me | fresh_key(),
            ),
            201,
        )
        await checkout.end(hold, "post", quantity=units)
        rows = await DB.fetch(
            "SELECT payload -> 'settlement' AS owed FROM event WHERE type = 'redemption.issued' ORDER BY seq"
        )
        redeemed, posted = [row["owed"] for row in rows]
        assert {"amount_minor", "partner_minor", "dealer_minor", "commission_minor"} <= redeemed.keys()
        assert posted == redeemed
        assert await breaches() == {}
