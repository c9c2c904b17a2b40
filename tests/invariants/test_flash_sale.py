"""A flash sale through HTTP: opened at its instant, sold out to the unit, paid to the point, and nobody gets a 5xx."""

import asyncio
import random
from collections import Counter
from datetime import datetime, timedelta
from uuid import uuid4

import asyncpg
import httpx
import msgspec
import pytest

from benefits.members.resolve import upsert
from benefits.members.schemas import MemberInput
from marketplace.kernel.clock import Clock
from marketplace.platform.postgres.database import DB, unit_of_work
from marketplace.platform.postgres.database_time import database_time
from marketplace.settings import Settings
from tests.support.app import Api
from tests.support.served import served_app
from tests.support.world import World, breaches

PRICE = 70


class Rush(msgspec.Struct):
    """How many come for how much, on how many connections."""

    units: int
    requests: int
    connections: int


class Seen(msgspec.Struct):
    """One answer, and when it came by the database's clock."""

    subject: str
    key: str
    status: int
    code: str
    at: datetime
    replayed: bool


async def rush(api: Api, world: World, dice: random.Random, size: Rush) -> tuple[datetime, list[Seen]]:
    """Let the members come, one request for each, a fifth of them sent twice; return the opening and all answers."""
    people = [f"s-{n}" for n in range(size.requests * 4 // 5)]
    async with unit_of_work() as work:
        known = await upsert(work, [MemberInput(subject=person, name=person) for person in people], Clock().now())
    for part in range(0, len(known), 500):
        await world.earn([(one.member_id, PRICE) for one in known[part : part + 500]])
    headers = {person: api.member(person) for person in people}  # signed beforehand
    opening = await database_time() + timedelta(seconds=1)
    sale = {"starts_at": opening.isoformat(), "ends_at": None}
    offer = await world.offer(points=PRICE, stock=size.units, per_member=1, sale=sale)
    wanted_ones = [(person, uuid4().hex) for person in people]
    wanted_ones += dice.sample(wanted_ones, size.requests - len(wanted_ones))
    dice.shuffle(wanted_ones)
    seen: list[Seen] = []
    gate = asyncio.Semaphore(size.connections)

    async def one(person: str, key: str, wait: float) -> None:
        await asyncio.sleep(wait)
        async with gate:
            body = {"offer_id": str(offer), "quantity": 1}
            answer = await api.post("/v1/redemptions", json=body, headers=headers[person] | {"Idempotency-Key": key})
        seen.append(_seen(answer, person, key))

    # One in ten is too early, the others come at once.
    waits = [dice.uniform(0, 0.7) if n % 10 == 0 else 1.05 for n in range(len(wanted_ones))]
    await asyncio.gather(*(one(person, key, wait) for (person, key), wait in zip(wanted_ones, waits, strict=True)))
    return opening, seen


def _seen(answer: httpx.Response, person: str, key: str) -> Seen:
    body = answer.json()
    at = Clock().now()
    replayed = answer.headers.get("Idempotency-Replayed") == "true"
    return Seen(person, key, answer.status_code, body.get("code") or body["status"], at, replayed)


async def judge(opening: datetime, seen: list[Seen], size: Rush) -> list[str]:
    """Return every promise that was broken."""
    broken = []
    if any(one.status >= 500 for one in seen):
        broken.append("5xx")
    if any(one.status == 201 and one.at < opening for one in seen):
        broken.append("sold before the opening")
    by_key: dict[str, set[tuple[int, str]]] = {}
    for one in seen:
        by_key.setdefault(one.key, set()).add((one.status, one.code))
    if any(len(answers) > 1 for answers in by_key.values()):
        broken.append("one key, two answers")
    fresh = Counter(one.code for one in seen if not one.replayed)
    if fresh["issued"] != size.units:
        broken.append(f"{fresh['issued']} sold of {size.units}")
    if set(fresh) - {"issued", "sold_out", "not_on_sale"}:
        broken.append(f"other answers: {fresh}")
    sold = await DB.fetchval("SELECT coalesce(sum(quantity), 0) FROM redemption")
    if sold != size.units:
        broken.append(f"{sold} in the books")
    debited = await DB.fetchval("SELECT coalesce(sum(points), 0) FROM points_posting WHERE code = 'redemption'")
    if debited != sold * PRICE:
        broken.append("points debited are not sold times price")
    if await breaches():
        broken.append("invariants")
    return broken


@pytest.fixture
def size(soak: bool) -> Rush:
    return Rush(1000, 10_000, 200) if soak else Rush(100, 1000, 50)


@pytest.mark.timeout(600)
async def test_exactly_as_many_as_there_are_from_the_instant_on(
    dsn: str, settings: Settings, dice: random.Random, size: Rush
) -> None:
    async with served_app(settings, dsn, connections=size.connections) as api:
        world = await World(settings, Clock()).open()
        opening, seen = await rush(api, world, dice, size)
        assert len(seen) == size.requests
        assert any(one.code == "not_on_sale" for one in seen)
        assert await judge(opening, seen, size) == []


async def test_a_desk_with_a_clock_of_its_own_is_found_out(dsn: str, settings: Settings, dice: random.Random) -> None:
    """The broken variant: not the database's time, but one that runs ahead."""
    size, ahead = Rush(20, 100, 20), Clock()
    ahead.offset = timedelta(seconds=30)
    async with served_app(settings, dsn, connections=20, clock=ahead) as api:
        opening, seen = await rush(api, await World(settings, Clock()).open(), dice, size)
        assert "sold before the opening" in await judge(opening, seen, size)


async def test_a_stock_that_is_not_counted_is_found_out(
    dsn: str, settings: Settings, dice: random.Random, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The broken variant: neither the decision nor the row's CHECK minds the stock."""
    connection = await asyncpg.connect(dsn)
    await connection.execute("ALTER TABLE stock DROP CONSTRAINT stock_not_oversold, DROP CONSTRAINT stock_conserved")
    await connection.close()
    monkeypatch.setattr("benefits.redemptions.domain._remaining", lambda *_: None)
    size = Rush(20, 100, 20)
    async with served_app(settings, dsn, connections=20) as api:
        opening, seen = await rush(api, await World(settings, Clock()).open(), dice, size)
        broken = await judge(opening, seen, size)
        assert any("sold of 20" in one for one in broken)
        assert any("in the books" in one for one in broken)
