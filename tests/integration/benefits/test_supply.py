"""What an offer has to sell: uploaded codes in their order, limits in windows, stock in slices."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from benefits.offers.stock import OfferStock, SliceEmptiedError, StockSlice
from marketplace.kernel.clock import Clock
from marketplace.platform.postgres.database import DB
from marketplace.settings import Settings
from tests.support.app import Api, fresh_key, running_app
from tests.support.flow import Partner, good, oem
from tests.support.world import World, breaches, offer_json

pytestmark = pytest.mark.dates


class Shop:
    """A partner and a rich member."""

    def __init__(self, api: Api, clock: Clock) -> None:
        self.api = api
        self.clock = clock
        self.me = api.member("rich")

    async def open(self) -> "Shop":
        self.oem = await oem(self.api)
        self.member = good(await self.api.get("/v1/me", headers=self.me))["member"]["id"]
        self.partner = await Partner(self.api).open()
        await self.earn("e-1")
        return self

    async def earn(self, reference: str) -> None:
        earning = {"reference": reference, "member_id": self.member, "points": 100_000, "kind": "service",
                   "occurred_at": self.clock.now().isoformat()}  # fmt: skip
        good(await self.api.post("/v1/points/earnings", json={"earnings": [earning]}, headers=self.oem))

    async def redeem(self, offer: str, quantity: int = 1) -> Any:
        body = {"offer_id": offer, "quantity": quantity}
        return (await self.api.post("/v1/redemptions", json=body, headers=self.me | fresh_key())).json()

    async def upload(self, offer: str, codes: list[str]) -> Any:
        headers = self.partner.headers | fresh_key()
        return await self.api.post(f"/v1/partner/offers/{offer}/codes", json={"codes": codes}, headers=headers)


@pytest.fixture
async def shop(dsn: str, settings: Settings, clock: Clock) -> AsyncIterator[Shop]:
    async with running_app(settings, dsn, clock) as api:
        yield await Shop(api, clock).open()
        assert await breaches() == {}


async def test_codes_are_handed_out_in_upload_order_and_are_the_stock(shop: Shop) -> None:
    offer = (await shop.partner.offer(points=10, codes="partner"))["id"]
    assert (await shop.redeem(offer))["code"] == "sold_out"
    first = good(await shop.upload(offer, ["ALPHA-1", "ALPHA-2"]))
    again = good(await shop.upload(offer, ["ALPHA-2", "BETA-1", "BETA-1"]))
    assert first == {"added": 2, "known": 0, "remaining": 2, "skipped": []}
    assert again == {
        "added": 1,
        "known": 2,
        "remaining": 3,
        "skipped": [
            {"index": 0, "code": "ALPHA-2", "reason": "uploaded_before", "offer_id": None},
            {"index": 2, "code": "BETA-1", "reason": "repeated", "offer_id": None},
        ],
    }
    other = (await shop.partner.offer(points=10, codes="partner"))["id"]
    elsewhere = good(await shop.upload(other, ["ALPHA-1", "GAMMA-1"]))
    assert elsewhere["skipped"] == [
        {"index": 0, "code": "ALPHA-1", "reason": "uploaded_for_other_offer", "offer_id": offer}
    ]
    one, two = await shop.redeem(offer), await shop.redeem(offer, 2)
    assert one["voucher"]["partner_codes"] == ["ALPHA-1"]
    assert two["voucher"]["partner_codes"] == ["ALPHA-2", "BETA-1"]
    assert (await shop.redeem(offer))["code"] == "sold_out"
    shown = good(await shop.api.get(f"/v1/vouchers/{two['voucher']['id']}", headers=shop.me))
    assert shown["partner_codes"] == ["ALPHA-2", "BETA-1"]


async def test_a_partner_takes_a_voucher_by_its_own_code_and_it_cannot_be_given_back(shop: Shop) -> None:
    offer = (await shop.partner.offer(points=10, codes="partner"))["id"]
    good(await shop.upload(offer, ["OWN-CODE-1", "OWN-CODE-2"]))
    one = await shop.redeem(offer)
    looked = await shop.api.post(
        "/v1/partner/vouchers/verify", json={"code": "OWN-CODE-1"}, headers=shop.partner.headers
    )
    found = good(looked)
    assert (found["status"], found["voucher_id"]) == ("issued", one["voucher"]["id"])
    back = await shop.api.post(f"/v1/redemptions/{one['id']}/cancel", json={}, headers=shop.me | fresh_key())
    assert good(back, 409)["code"] == "codes_handed_out"
    assert good(await shop.partner.use("OWN-CODE-1"))["status"] == "used"
    assert good(await shop.partner.use(one["voucher"]["code"]), 409)["code"] == "already_used"
    assert good(await shop.partner.use("OWN-CODE-2"), 404)["code"] == "unknown_voucher"
    other = await Partner(shop.api).open()
    assert good(await other.use("OWN-CODE-1"), 404)["code"] == "unknown_voucher"


async def test_held_codes_go_back_in_their_order(shop: Shop) -> None:
    offer = (await shop.partner.offer(points=10, codes="partner"))["id"]
    good(await shop.upload(offer, ["AAA1", "AAA2", "AAA3"]))
    wanted = {"member_id": shop.member, "offer_id": offer, "reference": "c", "quantity": 2}
    hold = good(await shop.api.post("/v1/points/holds", json=wanted, headers=shop.oem | fresh_key()), 201)
    assert (await shop.redeem(offer))["voucher"]["partner_codes"] == ["AAA3"]
    at = f"/v1/points/holds/{hold['id']}/post"
    posted = good(await shop.api.post(at, json={"quantity": 1}, headers=shop.oem | fresh_key()))
    assert posted["redemption"]["voucher"]["partner_codes"] == ["AAA1"]
    assert (await shop.redeem(offer))["voucher"]["partner_codes"] == ["AAA2"]


async def test_a_pool_and_a_stock_do_not_mix(shop: Shop) -> None:
    both = offer_json(codes="partner", stock=5)
    refused = await shop.api.post("/v1/partner/offers", json=both, headers=shop.partner.headers | fresh_key())
    assert good(refused, 400)["errors"][0]["field"] == "stock"
    plain, pool = (await shop.partner.offer())["id"], (await shop.partner.offer(codes="partner"))["id"]
    assert good(await shop.upload(plain, ["CODE"]), 409)["code"] == "no_code_pool"
    at = f"/v1/partner/offers/{pool}/stock"
    assert (
        good(await shop.api.put(at, json={"stock": 3}, headers=shop.partner.headers), 409)["code"] == "stock_is_codes"
    )
    foreign = await Partner(shop.api).open()
    shop.partner = foreign
    assert good(await shop.upload(pool, ["CODE"]), 404)["code"] == "not_found"


@pytest.mark.parametrize("codes", [[], ["x"], ["has space"], ["ok-1", "a" * 65], [7]])
async def test_bad_codes_name_their_place(shop: Shop, codes: list[Any]) -> None:
    pool = (await shop.partner.offer(codes="partner"))["id"]
    problem = good(await shop.upload(pool, codes), 400)
    assert problem["errors"][0]["field"].startswith("codes")


async def test_limits_in_windows_end_with_their_window(shop: Shop, settings: Settings) -> None:
    """A day's limit is over at the business day's midnight, a week's on Monday, a month's on the first."""
    calendar = settings.calendar
    wednesday = datetime(2027, 3, 24, 4, tzinfo=UTC)
    shop.clock.offset = wednesday - Clock().now()
    await shop.earn("e-2")
    limits = [{"window": "day", "units": 1}, {"window": "week", "units": 2}, {"window": "month", "units": 3}]
    offer = (await shop.partner.offer(points=10, limits=limits))["id"]

    def move(day: int, month: int = 3) -> None:
        at = calendar.start_of(wednesday.date().replace(month=month, day=day))
        shop.clock.offset = at + timedelta(seconds=5) - Clock().now()

    assert (await shop.redeem(offer))["status"] == "issued"
    refused = await shop.redeem(offer)
    assert (refused["code"], refused["reasons"][0]["message"]) == (
        "limit_reached",
        "每人每天限兑 1 份，您已兑换 1 份。",
    )
    move(25)
    thursday = await shop.redeem(offer)
    assert thursday["status"] == "issued"
    move(26)
    assert (await shop.redeem(offer))["code"] == "limit_reached"  # the week's
    back = await shop.api.post(f"/v1/redemptions/{thursday['id']}/cancel", json={}, headers=shop.me | fresh_key())
    good(back)
    assert (await shop.redeem(offer))[
        "status"
    ] == "issued"  # what is given back counts no more, in each window it was in
    move(29)
    assert (await shop.redeem(offer))["status"] == "issued"
    move(30)
    assert (await shop.redeem(offer))["code"] == "limit_reached"  # the month's
    move(1, month=4)
    assert (await shop.redeem(offer))["status"] == "issued"


async def test_a_campaigns_limit_begins_anew_with_the_next_sale(shop: Shop) -> None:
    offer = await shop.partner.offer(points=10, limits=[{"window": "campaign", "units": 1}])
    assert (await shop.redeem(offer["id"]))["status"] == "issued"
    assert (await shop.redeem(offer["id"]))["code"] == "limit_reached"
    headers, at = shop.partner.headers, f"/v1/partner/offers/{offer['id']}"
    good(await shop.api.post(f"{at}/pause", headers=headers | fresh_key()))
    etag = (await shop.api.get(at, headers=headers)).headers["ETag"]
    sale = {"starts_at": (shop.clock.now() - timedelta(days=1)).isoformat(), "ends_at": None}
    again = offer_json(points=10, limits=[{"window": "campaign", "units": 1}], sale=sale, sku=offer["sku"])
    good(await shop.api.patch(at, json=again, headers=headers | {"If-Match": etag}))
    good(await shop.api.post(f"{at}/submit", headers=headers | fresh_key()))
    good(await shop.api.post(f"/v1/admin/offers/{offer['id']}/approve", headers=shop.partner.operations | fresh_key()))
    assert (await shop.redeem(offer["id"]))["status"] == "issued"


@pytest.mark.parametrize(
    "fields",
    [
        {"limits": [{"window": "day", "units": 1}, {"window": "day", "units": 2}]},
        {"limits": [{"window": "ever", "units": 1}], "per_member": 2},
        {"limits": [{"window": "year", "units": 1}]},
        {"limits": [{"window": "day", "units": 0}]},
    ],
)
async def test_bad_limits_are_named(shop: Shop, fields: dict[str, Any]) -> None:
    body = offer_json(**fields)
    refused = await shop.api.post("/v1/partner/offers", json=body, headers=shop.partner.headers | fresh_key())
    assert good(refused, 400)["errors"][0]["field"].startswith("limits")


async def test_slices_spread_are_drained_and_never_oversold(database: str, settings: Settings, clock: Clock) -> None:
    """Four slices, three desks: all units are sold, to the last one, and the rows always add up."""
    world = await World(settings, clock).open()
    world.offer_rules = type(world.offer_rules)(world.calendar, settings.currency, 4)
    offer = await world.offer(points=10, stock=203)
    few = await world.offer(points=10, stock=5)
    assert await DB.fetchval("SELECT count(*) FROM stock WHERE offer_id = $1", offer) == 4
    assert await DB.fetchval("SELECT count(*) FROM stock WHERE offer_id = $1", few) == 1
    members = await world.members(100, points=10_000)
    desks = [world.desk(batch=16, number=number) for number in range(3)]
    asks = [desks[n % 3].submit(world.request(members[n % 100], offer, 1 + n % 3)) for n in range(200)]
    answers = await asyncio.gather(*asks)
    sold = sum(
        b'"quantity":1' in one.body or 2 * (b'"quantity":2' in one.body) or 3 for one in answers if one.status == 201
    )
    rows = await DB.fetch("SELECT remaining, held, sold FROM stock WHERE offer_id = $1", offer)
    assert sum(row["sold"] for row in rows) == sold == 203 - sum(row["remaining"] for row in rows)
    assert 203 - sold < 3
    assert await breaches() == {}


def test_a_slice_that_was_emptied_is_not_sold_from() -> None:
    alone = OfferStock({1: StockSlice(5)}, 1, whole=False)
    with pytest.raises(SliceEmptiedError):
        alone.prepare(6)
    alone.prepare(5)


def test_with_all_slices_locked_units_move_to_where_they_are_sold() -> None:
    stock = OfferStock({0: StockSlice(1), 1: StockSlice(2), 2: StockSlice(0)}, 2, whole=True)
    stock.prepare(3)
    assert stock.sell(3) == 2
    assert [part.remaining for part in stock.slices.values()] == [0, 0, 0]
    assert sum(part.initial_change for part in stock.slices.values()) == 0
    assert sum(part.remaining_change for part in stock.slices.values()) == -3
