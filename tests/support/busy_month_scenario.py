"""A small world in which everything has happened once, over HTTP: what the running checks look at, all of it true."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

from benefits.offers.sold_projection import Sold
from marketplace.kernel.clock import Clock
from marketplace.platform.eventlog.events import catch_up
from marketplace.settings import Settings
from settlement.books.consumer import Books
from tests.support.app import Api, fresh_key, running_app
from tests.support.flow import Partner, good, oem

SHARED: dict[str, Any] = {
    "funding": {"oem_ppm": 700_000, "partner_ppm": 200_000, "dealer_ppm": 100_000, "dealer": "D-0042"},
    "commission": [{"on": "points", "rate_ppm": 100_000}],
    "role": "both",
    "packs": {"points": 100, "price": {"amount": 8_000, "currency": "CNY"}},
}
"""Terms by which a redemption becomes four postings, and points are granted out of packs."""

POSTPAID: dict[str, Any] = {"role": "grants_points", "grant_per_point_micros": 800_000}
"""Terms by which points are granted and paid for afterwards."""


class BusyMonth:
    """Two partners, owed on use and on issue, and one that grants points; two members;
    holds, gifts, codes; one month closed and half paid.
    """

    def __init__(self, api: Api, settings: Settings, clock: Clock) -> None:
        self.api = api
        self.settings = settings
        self.clock = clock
        self.members = [api.member("lin"), api.member("zhao")]
        self.ids: list[str] = []
        self.system: dict[str, str] = {}

    async def happen(self) -> None:
        """Let it all happen."""
        self.system = await oem(self.api)
        hotel, diner = (
            await Partner(self.api).open(),
            await Partner(self.api).open(settlement_basis="on_issue", **SHARED),
        )
        rooms = (await hotel.offer(points=100, stock=20, per_member=9))["id"]
        meals = (await diner.offer(points=70, stock=9))["id"]
        await self._earn()
        await self._buy(diner.id)
        await self._grant(diner.id)
        await self._grant((await Partner(self.api).open(**POSTPAID)).id)
        used = await self._redeem(0, rooms, 2)
        good(await hotel.use(used["voucher"]["code"]))
        undone = await self._redeem(1, meals, 1)
        await self._cancel(1, undone["id"])
        await self._redeem(0, meals, 3)
        month = str(self.settings.calendar.month_of(self.clock.now()))
        self.clock.offset += timedelta(days=40)
        await self._settle(month, hotel.id)
        await self._open_month(diner, rooms, meals)
        await catch_up(Books(self.settings.calendar))
        await catch_up(Sold())

    async def _earn(self) -> None:
        for member in self.members:
            self.ids.append(good(await self.api.get("/v1/me", headers=member))["member"]["id"])
        earnings = [
            {
                "reference": f"visit-{number}",
                "member_id": member_id,
                "points": 2000,
                "kind": "service",
                "occurred_at": (self.clock.now() - timedelta(days=40 * (number // 2))).isoformat(),
            }
            for number, member_id in enumerate(self.ids * 2)
        ]
        good(await self.api.post("/v1/points/earnings", json={"earnings": earnings}, headers=self.system))

    async def _buy(self, partner_id: str) -> None:
        path, finance = f"/v1/admin/partners/{partner_id}/point-packs", self.api.staff("finance")
        good(await self.api.post(path, json={"packs": 2, "reference": "ICBC-0"}, headers=finance | fresh_key()), 201)

    async def _grant(self, partner_id: str) -> None:
        body = {
            "partner_id": partner_id, "reference": "ORDER-1", "member_id": self.ids[0], "points": 150,
            "occurred_at": self.clock.now().isoformat(),
        }  # fmt: skip
        good(await self.api.post("/v1/points/grants", json=body, headers=self.system | fresh_key()), 201)

    async def _redeem(self, member: int, offer_id: str, quantity: int) -> dict[str, Any]:
        body = {"offer_id": offer_id, "quantity": quantity}
        headers = self.members[member] | fresh_key()
        redeemed: dict[str, Any] = good(await self.api.post("/v1/redemptions", json=body, headers=headers), 201)
        return redeemed

    async def _cancel(self, member: int, redemption_id: str) -> None:
        path, headers = f"/v1/redemptions/{redemption_id}/cancel", self.members[member] | fresh_key()
        good(await self.api.post(path, json={"reason": "rain"}, headers=headers))

    async def _settle(self, month: str, paid: str) -> None:
        api = self.api
        finance = api.staff("finance", subject="li")
        body = {"month": month}
        closed = await api.post("/v1/finance/periods/close", json=body, headers=finance | fresh_key())
        (statement,) = [one for one in good(closed)["statements"] if one["partner_id"] == paid]
        approver = api.staff("finance_approver", subject="wang")
        good(await api.post(f"/v1/finance/statements/{statement['id']}/approve", headers=approver | fresh_key()))
        good(await api.post("/v1/admin/invariants/check", headers=finance))
        today = str(self.settings.calendar.day_of(self.clock.now()))
        payout = {"statement_id": statement["id"], "rail": "manual", "reference": "ICBC-1", "paid_on": today}
        good(await api.post("/v1/finance/payouts", json=payout, headers=finance | fresh_key()), 201)

    async def _open_month(self, diner: Partner, rooms: str, meals: str) -> None:
        """What is left open: a reversal in the open month, a gift, a code handed out, holds in every state."""
        undone = await self._redeem(1, meals, 1)
        await self._cancel(1, undone["id"])
        gift = {"member_id": self.ids[1], "points": 33}
        good(await self.api.post("/v1/me/points/gifts", json=gift, headers=self.members[0] | fresh_key()), 201)
        coded = (await diner.offer(points=40, codes="partner"))["id"]
        codes = {"codes": [f"CODE-{number}" for number in range(5)]}
        path = f"/v1/partner/offers/{coded}/codes"
        good(await self.api.post(path, json=codes, headers=diner.headers | fresh_key()))
        await self._redeem(0, coded, 1)
        await self._hold(coded, 1)
        for action, body in (("post", {"quantity": 1}), ("void", {"reason": "no answer"})):
            hold_id = await self._hold(rooms, 2)
            at = f"/v1/points/holds/{hold_id}/{action}"
            good(await self.api.post(at, json=body, headers=self.system | fresh_key()))
        await self._hold(rooms, 2)

    async def _hold(self, offer_id: str, quantity: int) -> str:
        body = {
            "offer_id": offer_id,
            "member_id": self.ids[1],
            "quantity": quantity,
            "minutes": 600,
            "reference": uuid4().hex,
        }
        headers = self.system | fresh_key()
        return str(good(await self.api.post("/v1/points/holds", json=body, headers=headers), 201)["id"])


async def let_it_happen(settings: Settings, dsn: str) -> None:
    """Make that world in the database."""
    clock = Clock()
    async with running_app(settings, dsn, clock) as api:
        await BusyMonth(api, settings, clock).happen()
