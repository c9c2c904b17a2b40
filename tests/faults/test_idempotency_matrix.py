"""Every way in which a key can come again, for every call that takes one, over HTTP."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import msgspec
import pytest

from marketplace.kernel.clock import Clock
from marketplace.platform.http.idempotency import Answers
from marketplace.platform.postgres.database import DB
from marketplace.platform.runtime.housekeeping import delete_idempotency
from marketplace.settings import Settings
from tests.support.app import Api, running_app
from tests.support.flow import Partner, good, oem
from tests.support.owner import by_owner
from tests.support.world import breaches, offer_json

REPLAYED = "Idempotency-Replayed"


class Call(msgspec.Struct):
    """A call: its path, a good body, another good one, one that is refused for its state and one that is not valid."""

    path: str
    who: dict[str, str]
    other: dict[str, str]
    body: Any
    another: Any
    state: Any
    invalid: Any
    effects: Callable[[], Any]


class Shop:
    """Members with points, an offer, a hold, vouchers, and the callers of each operation."""

    def __init__(self, api: Api) -> None:
        self.api = api

    async def open(self) -> "Shop":
        api = self.api
        self.oem, self.oem2 = await oem(api), await oem(api)
        self.partner, self.partner2 = await Partner(api).open(), await Partner(api).open()
        self.members = [api.member(f"m-{n}") for n in range(3)]
        self.ids = [good(await api.get("/v1/me", headers=who))["member"]["id"] for who in self.members]
        now = Clock().now().isoformat()
        for round_ in range(2):
            earnings = [
                {"reference": f"e-{round_}", "member_id": one, "points": 5000, "kind": "service", "occurred_at": now}
                for one in self.ids
            ]
            good(await api.post("/v1/points/earnings", json={"earnings": earnings}, headers=self.oem))
        self.offer = (await self.partner.offer(points=100))["id"]
        self.dear = (await self.partner.offer(points=9_000_000))["id"]
        return self

    async def redeem(self) -> Any:
        body = {"offer_id": self.offer, "quantity": 1}
        headers = self.members[0] | {"Idempotency-Key": uuid4().hex}
        return good(await self.api.post("/v1/redemptions", json=body, headers=headers), 201)

    async def hold(self) -> Any:
        body = {"member_id": self.ids[0], "offer_id": self.offer, "reference": "c", "quantity": 2}
        headers = self.oem | {"Idempotency-Key": uuid4().hex}
        return good(await self.api.post("/v1/points/holds", json=body, headers=headers), 201)

    async def post(self, call: Call, body: Any, key: str | None, who: dict[str, str] | None = None) -> httpx.Response:
        headers = (who or call.who) | ({} if key is None else {"Idempotency-Key": key})
        return await self.api.post(call.path, json=body, headers=headers)

    async def call(self, name: str) -> Call:
        """Return the call of that name."""
        request, dear = {"offer_id": self.offer, "quantity": 1}, {"offer_id": self.dear, "quantity": 1}
        count = DB.fetchval
        if name == "redeem":
            return Call("/v1/redemptions", self.members[0], self.members[1], request, request | {"quantity": 2}, dear,
                        request | {"quantity": 0}, lambda: count("SELECT count(*) FROM redemption"))  # fmt: skip
        if name == "gift":
            gift = {"member_id": self.ids[2], "points": 10}
            return Call("/v1/me/points/gifts", self.members[0], self.members[1], gift, gift | {"points": 11},
                        gift | {"points": 9999, "member_id": str(uuid4())}, gift | {"points": 0},
                        lambda: count("SELECT count(*) FROM event WHERE type = 'points.given'"))  # fmt: skip
        if name == "hold":
            held = {"member_id": self.ids[0], "offer_id": self.offer, "reference": "c", "quantity": 1}
            return Call("/v1/points/holds", self.oem, self.oem2, held, held | {"quantity": 2},
                        held | {"offer_id": self.dear}, held | {"minutes": 0},
                        lambda: count("SELECT count(*) FROM hold"))  # fmt: skip
        if name == "use":
            code, other = (await self.redeem())["voucher"]["code"], (await self.redeem())["voucher"]["code"]
            body = {"code": code, "reference": "till"}
            return Call("/v1/partner/vouchers/use", self.partner.headers, self.partner2.headers, body,
                        body | {"code": other}, body | {"code": "not-there"}, body | {"reference": ""},
                        lambda: count("SELECT count(*) FROM voucher WHERE status = 'used'"))  # fmt: skip
        offer = offer_json(stock=5)
        return Call("/v1/partner/offers", self.partner.headers, self.partner2.headers, offer, offer_json(),
                    offer_json(sku=(await self.partner.offer())["sku"]), offer_json(price={"points": 0, "cash": None}),
                    lambda: count("SELECT count(*) FROM offer"))  # fmt: skip


@pytest.fixture
async def shop(dsn: str, settings: Settings) -> AsyncIterator[Shop]:
    async with running_app(settings, dsn) as api:
        yield await Shop(api).open()
        assert await breaches() == {}


CALLS = ("redeem", "gift", "hold", "use", "offer")


@pytest.mark.parametrize("name", CALLS)
async def test_the_whole_matrix(shop: Shop, name: str) -> None:
    call = await shop.call(name)
    before = await call.effects()

    first = await shop.post(call, call.body, "k")
    assert first.status_code in {200, 201}
    assert REPLAYED not in first.headers
    again = await shop.post(call, call.body, "k")
    assert (again.status_code, again.content, again.headers[REPLAYED]) == (first.status_code, first.content, "true")

    other_body = await shop.post(call, call.another, "k")
    assert (other_body.status_code, other_body.json()["code"]) == (422, "idempotency_key_reused")

    missing = await shop.post(call, call.body, None)
    assert (missing.status_code, missing.json()["code"]) == (400, "idempotency_key_missing")

    long = await shop.post(call, call.body, "x" * 256)
    assert long.status_code == 400
    assert long.json()["errors"][0]["field"] == "Idempotency-Key"
    assert await call.effects() == before + 1

    refused = await shop.post(call, call.state, "state")
    assert refused.status_code in {404, 409}
    stored = await shop.post(call, call.state, "state")
    # The same refusal to the byte, but for the number of the request that gets it.
    bodies = [answer.content.replace(answer.headers["X-Request-Id"].encode(), b"") for answer in (stored, refused)]
    assert (bodies[0], stored.headers[REPLAYED]) == (bodies[1], "true")

    invalid = await shop.post(call, call.invalid, "invalid")
    assert invalid.status_code == 400
    assert await DB.fetchval("SELECT count(*) FROM idempotency WHERE key = 'invalid'") == 0
    after = await shop.post(
        call, call.another, "invalid"
    )  # a key that came with a body that was not valid is still new
    assert after.status_code in {200, 201}
    assert await call.effects() == before + 2

    # Another caller's key of the same name is another key: whatever is answered, it is not the first one's answer.
    foreign = await shop.post(call, call.body, "k", call.other)
    assert REPLAYED not in foreign.headers
    assert foreign.content != first.content


@pytest.mark.parametrize("name", CALLS)
async def test_two_hundred_copies_at_once(shop: Shop, name: str, soak: bool) -> None:
    call, copies = await shop.call(name), 200
    before = await call.effects()
    answers = await asyncio.gather(*(shop.post(call, call.body, "copies") for _ in range(copies)))
    done = [answer for answer in answers if answer.status_code in {200, 201}]
    assert len({answer.content for answer in done}) == 1
    assert sum(REPLAYED not in answer.headers for answer in done) == 1
    assert {answer.json()["code"] for answer in answers if answer not in done} <= {
        "request_in_progress",
        "service_unavailable",
    }
    assert await call.effects() == before + 1


async def test_in_flight_it_is_answered_once_the_first_is_done_or_told_to_come_again(shop: Shop) -> None:
    """The first request waits for a row that somebody holds; its copy has one answer with it, or is told that it runs."""
    call = await shop.call("redeem")
    dsn = DB.config["dsn"]
    connection = await asyncpg.connect(dsn)
    await connection.execute("BEGIN")
    await connection.execute("SELECT FROM wallet FOR UPDATE")
    first, copy = (asyncio.create_task(shop.post(call, call.body, "flight")) for _ in range(2))
    await asyncio.sleep(0.3)
    assert not first.done()
    await connection.execute("ROLLBACK")
    await connection.close()
    answers = [await first, await copy]
    assert sorted(answer.headers.get(REPLAYED, "") for answer in answers) == ["", "true"]
    assert len({answer.content for answer in answers}) == 1


@pytest.mark.parametrize("name", ["redeem", "gift", "hold"])
async def test_after_the_published_days_a_key_is_new_again(shop: Shop, settings: Settings, name: str) -> None:
    call = await shop.call(name)
    before = await call.effects()
    first = await shop.post(call, call.body, "old")
    days = settings.idempotency_days
    await by_owner("UPDATE idempotency SET created_at = created_at - make_interval(days => $1)", days)
    assert await delete_idempotency(days + 1) == 0
    assert (await shop.post(call, call.body, "old")).headers[REPLAYED] == "true"
    assert await delete_idempotency(days) > 0
    second = await shop.post(call, call.body, "old")
    assert (second.status_code, REPLAYED in second.headers) == (first.status_code, False)
    assert await call.effects() == before + 2


async def test_without_the_look_up_a_copy_is_not_a_replay(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The broken variant: what was answered is forgotten. The key's primary key still refuses the second effect."""
    monkeypatch.setattr(Answers, "__init__", lambda self, _: setattr(self, "_outcomes", {}))
    call = await shop.call("redeem")
    before = await call.effects()
    first, again = await shop.post(call, call.body, "k"), await shop.post(call, call.body, "k")
    assert (first.status_code, again.status_code) == (201, 500)
    assert await call.effects() == before + 1
