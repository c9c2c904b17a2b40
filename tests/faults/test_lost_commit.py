"""The connection to PostgreSQL is lost at COMMIT, before it or after it: one effect, and nobody is told that it failed.

An answer other than success would be a lie when the COMMIT was carried out; so the program finds out before it answers. A retry
with the same key gets the same answer.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest
from litestar import Response, post

from marketplace.platform.postgres.database import DB, unit_of_work
from marketplace.platform.services import PlatformServices
from marketplace.settings import Settings
from tests.support.app import Api, fresh_key, running_app
from tests.support.flow import Partner, good, oem
from tests.support.proxy import Cut, Proxy, proxied
from tests.support.world import breaches


@post("/v1/points/naive/again", status_code=201)
async def tries_again_without_a_key() -> dict[str, str]:
    """The first broken variant: what was lost is done again, without a look at what became of it."""
    for _ in range(3):
        try:
            async with unit_of_work() as work:
                await work.execute("INSERT INTO naive VALUES ('again')")
                return {"told": "done"}
        except asyncpg.PostgresConnectionError:
            continue
    raise AssertionError("three in a row")


@post("/v1/points/naive/failed", status_code=201)
async def takes_a_lost_answer_for_a_failure() -> Response[dict[str, str]]:
    """The second: a lost connection is reported as a failure, whatever became of the COMMIT."""
    try:
        async with unit_of_work() as work:
            await work.execute("INSERT INTO naive VALUES ('failed')")
    except asyncpg.PostgresConnectionError:
        return Response({"told": "failed"}, status_code=409)
    return Response({"told": "done"}, status_code=201)


Ask = Callable[[], Awaitable[httpx.Response]]
Count = Callable[[], Awaitable[int]]


class Shop:
    """A running application behind the proxy, a partner with an offer, and a member with points."""

    api: Api
    proxy: Proxy
    partner: Partner
    system: dict[str, str]
    member: dict[str, str]
    member_id: str
    offer: dict[str, Any]

    def __init__(self) -> None:
        self.earnings: dict[str, dict[str, Any]] = {}

    async def open(self) -> "Shop":
        self.partner, self.system = await Partner(self.api).open(), await oem(self.api)
        self.member = self.api.member("m-1")
        people = {"members": [{"subject": "m-1", "name": "M"}]}
        made = good(await self.api.post("/v1/points/members", json=people, headers=self.system | fresh_key()))
        self.member_id = made["results"][0]["member_id"]
        good(await self.earn(uuid4().hex, 1_000_000))
        self.offer = await self.partner.offer(points=100, stock=10_000)
        return self

    async def earn(self, reference: str, points: int = 7) -> httpx.Response:
        earning = {
            "reference": reference,
            "member_id": self.member_id,
            "points": points,
            "kind": "gift",
            "occurred_at": PlatformServices.of(self.api.app).clock.now().isoformat(),
        }
        body = self.earnings.setdefault(reference, {"earnings": [earning]})
        return await self.api.post("/v1/points/earnings", json=body, headers=self.system)

    async def redeem(self, key: str) -> httpx.Response:
        request = {"offer_id": self.offer["id"], "quantity": 1}
        return await self.api.post("/v1/redemptions", json=request, headers=self.member | {"Idempotency-Key": key})

    async def redemption(self) -> tuple[Ask, Count]:
        key = uuid4().hex
        before = await DB.fetchval("SELECT count(*) FROM redemption")
        return lambda: self.redeem(key), lambda: _grown("SELECT count(*) FROM redemption", before)

    async def cancellation(self) -> tuple[Ask, Count]:
        made, key = good(await self.redeem(uuid4().hex), 201), fresh_key()
        headers = self.member | key
        sql = f"SELECT count(*) FROM redemption WHERE id = '{made['id']}' AND status = 'cancelled'"
        return (
            lambda: self.api.post(f"/v1/redemptions/{made['id']}/cancel", json={"reason": "mind"}, headers=headers),
            lambda: _grown(sql, 0),
        )

    async def voucher_use(self) -> tuple[Ask, Count]:
        made, key = good(await self.redeem(uuid4().hex), 201), uuid4().hex
        sql = f"SELECT count(*) FROM event WHERE type = 'voucher.used' AND payload->>'redemption_id' = '{made['id']}'"
        return lambda: self.partner.use(made["voucher"]["code"], key), lambda: _grown(sql, 0)

    async def earning(self) -> tuple[Ask, Count]:
        reference = uuid4().hex
        sql = f"SELECT count(*) FROM points_posting p JOIN earning e USING (transaction_id) WHERE reference = '{reference}'"
        return lambda: self.earn(reference), lambda: _grown(sql, 0)


async def _grown(sql: str, before: int) -> int:
    found: int = await DB.fetchval(sql)
    return found - before


@pytest.fixture
async def shop(dsn: str, settings: Settings) -> AsyncIterator[Shop]:
    owner = await asyncpg.connect(dsn)
    await owner.execute("CREATE TABLE naive (what text); GRANT ALL ON naive TO marketplace_app")
    await owner.close()
    shop = Shop()
    async with proxied(dsn) as shop.proxy:
        naive = [tries_again_without_a_key, takes_a_lost_answer_for_a_failure]
        async with running_app(settings, shop.proxy.dsn, extra_routes=naive) as shop.api:
            yield await shop.open()


async def complaints(ask: Ask, count: Count, proxy: Proxy, cut: Cut, times: int = 1) -> list[str]:
    """Ask while COMMIT is lost, then again, and return what is wrong with the answers and the books."""
    already = proxy.cuts
    proxy.cut(cut, times)
    first = await ask()
    proxy.spare()
    found = []
    if proxy.cuts == already:
        found.append("no COMMIT came by")
    if not first.is_success:
        done = await count()
        found.append(f"answered {first.status_code} {first.text}, with {done} effects in the books")
    again = await ask()
    if not again.is_success or (first.is_success and not _same(first, again)):
        found.append(f"answered {first.status_code} {first.text}, then {again.status_code} {again.text}")
    if (effects := await count()) != 1:
        found.append(f"{effects} effects")
    return found


def _same(first: httpx.Response, again: httpx.Response) -> bool:
    """An earning sent again says so, with the balance of now; everything else is answered with the same bytes."""
    return _content(first) == _content(again)


def _content(answer: httpx.Response) -> Any:
    body = answer.json()
    return [one["reference"] for one in body["results"]] if "results" in body else answer.content


KINDS = ("redemption", "cancellation", "voucher_use", "earning")


@pytest.mark.parametrize("cut", Cut, ids=["before", "after"])
async def test_one_effect_and_never_told_that_it_failed(shop: Shop, cut: Cut) -> None:
    for kind in KINDS:
        for times in (1, 3):
            ask, count = await getattr(shop, kind)()
            assert await complaints(ask, count, shop.proxy, cut, times) == [], kind
    assert await breaches() == {}


async def test_whoever_does_not_look_is_caught(shop: Shop) -> None:
    for name, complaint in (("again", "3 effects"), ("failed", "answered 409")):
        sql = f"SELECT count(*) FROM naive WHERE what = '{name}'"

        async def ask(name: str = name) -> httpx.Response:
            return await shop.api.post(f"/v1/points/naive/{name}", headers=shop.system)

        async def count(sql: str = sql) -> int:
            return await _grown(sql, 0)

        found = await complaints(ask, count, shop.proxy, Cut.AFTER)
        assert any(complaint in what for what in found), found


async def test_many_at_once_with_cuts_at_random(shop: Shop, dice: random.Random, soak: bool) -> None:
    for _ in range(60 if soak else 3):
        wanted = [await getattr(shop, kind)() for kind in KINDS[1:] for _ in range(8)]
        redeemed, keys = await DB.fetchval("SELECT count(*) FROM redemption"), [uuid4().hex for _ in range(8)]

        async def ask_all(wanted: list[tuple[Ask, Count]] = wanted, keys: list[str] = keys) -> list[httpx.Response]:
            return await asyncio.gather(*(ask() for ask, _ in wanted), *(shop.redeem(key) for key in keys))

        shop.proxy.cut(dice.choice(list(Cut)), dice.randint(1, 4))
        first = await ask_all()
        shop.proxy.spare()
        again = await ask_all()
        assert {answer.status_code for answer in (*first, *again)} == {200, 201}
        assert all(_same(*pair) for pair in zip(first, again, strict=True))
        assert [await count() for _, count in wanted] == [1] * 24
        assert await DB.fetchval("SELECT count(*) FROM redemption") == redeemed + 8
    assert shop.proxy.cuts
    assert await breaches() == {}
