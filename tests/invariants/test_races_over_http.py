"""The same promises as in test_redemption_races.py, through the application's own HTTP."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import httpx
import pytest

from marketplace.platform.postgres.database import DB
from marketplace.platform.services import PlatformServices
from marketplace.settings import Settings
from tests.support.app import Api, fresh_key, running_app
from tests.support.flow import Partner, good, oem
from tests.support.world import breaches


class Shop:
    """A running application with a partner, and members who have points."""

    api: Api
    partner: Partner

    async def members(self, count: int, points: int) -> list[dict[str, str]]:
        """Make members with points through the OEM's calls, and return their headers."""
        api, system = self.api, await oem(self.api)
        people = [{"subject": f"m-{number}", "name": f"M{number}"} for number in range(count)]
        made = good(await api.post("/v1/points/members", json={"members": people}, headers=system | fresh_key()))
        now = PlatformServices.of(api.app).clock.now().isoformat()
        earnings = [
            {"reference": "r", "member_id": one["member_id"], "points": points, "kind": "gift", "occurred_at": now}
            for one in made["results"]
        ]
        credited = good(await api.post("/v1/points/earnings", json={"earnings": earnings}, headers=system))
        assert {result["status"] for result in credited["results"]} == {"credited"}
        return [api.member(person["subject"]) for person in people]

    async def redeem(self, offer_id: str, headers: dict[str, str]) -> httpx.Response:
        return await self.api.post("/v1/redemptions", json={"offer_id": offer_id, "quantity": 1}, headers=headers)


@pytest.fixture
async def shop(dsn: str, settings: Settings) -> AsyncIterator[Shop]:
    shop = Shop()
    async with running_app(settings, dsn) as shop.api:
        shop.partner = await Partner(shop.api).open()
        yield shop


def codes(answers: list[httpx.Response]) -> Counter[str]:
    return Counter(answer.json().get("code") or answer.json()["status"] for answer in answers)


async def test_fifty_at_once_who_can_afford_exactly_seven(shop: Shop) -> None:
    (member,) = await shop.members(1, 799)
    offer = await shop.partner.offer(points=100)
    answers = await asyncio.gather(*(shop.redeem(offer["id"], member | fresh_key()) for _ in range(50)))
    assert codes(answers) == {"issued": 7, "insufficient_points": 43}
    assert good(await shop.api.get("/v1/me", headers=member))["points"]["balance"] == 99
    assert await breaches() == {}


async def test_two_thousand_requests_for_two_hundred_units_one_each(shop: Shop) -> None:
    members = await shop.members(1000, 500)
    offer = await shop.partner.offer(points=100, stock=200, per_member=1)
    asks = [shop.redeem(offer["id"], member | fresh_key()) for _ in range(2) for member in members]
    found = codes(await asyncio.gather(*asks))
    assert found["issued"] == 200
    assert found["sold_out"] + found["limit_reached"] == 1800
    assert await DB.fetchval("SELECT max(used) FROM limit_used") == 1
    assert await breaches() == {}


async def test_two_hundred_copies_have_one_effect_and_one_answer(shop: Shop) -> None:
    (member,) = await shop.members(1, 10_000)
    offer = await shop.partner.offer(points=100, stock=50)
    key = fresh_key()
    answers = await asyncio.gather(*(shop.redeem(offer["id"], member | key) for _ in range(200)))
    assert {(answer.status_code, answer.content) for answer in answers} == {(201, answers[0].content)}
    assert sum("idempotency-replayed" not in answer.headers for answer in answers) == 1
    assert await DB.fetchval("SELECT count(*) FROM redemption") == 1
    assert await breaches() == {}
