"""Never oversold, never overdrawn, limits kept, one effect for each key: under many requests at once."""

import asyncio
from collections import Counter
from typing import Any

import asyncpg
import msgspec
import pytest

from benefits.desk.context import PointsCommand
from marketplace.kernel.clock import Clock
from marketplace.platform.batching.executor import BatchExecutor
from marketplace.platform.http.idempotency import Answers, KeyReused, Outcome
from marketplace.platform.postgres.database import DB
from marketplace.settings import Settings
from tests.support.world import World, breaches


@pytest.fixture
async def world(database: str, settings: Settings, clock: Clock) -> World:
    return await World(settings, clock).open()


@pytest.fixture
async def desks(world: World) -> list[BatchExecutor[PointsCommand]]:
    """Two desks at once, as two workers have them: what one desk orders, two must still get right."""
    return [world.desk(), world.desk(batch=16, number=1)]


def codes(outcomes: list[Outcome]) -> Counter[str]:
    """Count the answers: `issued`, or the refusal's code; a replay counts as its first answer."""
    bodies: list[dict[str, Any]] = [msgspec.json.decode(outcome.body) for outcome in outcomes]
    return Counter(body.get("code") or body["status"] for body in bodies)


async def test_fifty_at_once_who_can_afford_exactly_seven(
    world: World, desks: list[BatchExecutor[PointsCommand]]
) -> None:
    (member,) = await world.members(1, points=7 * 100 + 99)
    offer = await world.offer(points=100)
    requests = [desks[n % 2].submit(world.request(member, offer)) for n in range(50)]
    assert codes(await asyncio.gather(*requests)) == {"issued": 7, "insufficient_points": 43}
    assert await DB.fetchval("SELECT balance FROM wallet WHERE member_id = $1", member) == 99
    assert await breaches() == {}


async def test_two_thousand_requests_for_two_hundred_units_one_each(
    world: World, desks: list[BatchExecutor[PointsCommand]]
) -> None:
    members = await world.members(1000, points=500)
    offer = await world.offer(points=100, stock=200, per_member=1)
    # Each member asks twice, with two keys, once at each desk.
    asks = [desks[n % 2].submit(world.request(members[n % 1000], offer)) for n in range(2000)]
    outcomes = codes(await asyncio.gather(*asks))
    assert outcomes["issued"] == 200
    assert outcomes["sold_out"] + outcomes["limit_reached"] == 1800
    most = await DB.fetchval("SELECT max(used) FROM limit_used")
    stock = await DB.fetchrow("SELECT remaining, sold FROM stock WHERE offer_id = $1", offer)
    assert (most, tuple(stock)) == (1, (0, 200))
    assert await breaches() == {}


async def test_two_hundred_copies_have_one_effect_and_one_answer(
    world: World, desks: list[BatchExecutor[PointsCommand]]
) -> None:
    (member,) = await world.members(1, points=10_000)
    offer = await world.offer(points=100, stock=50)
    asks = [desks[n % 2].submit(world.request(member, offer, key="the-same")) for n in range(200)]
    outcomes = await asyncio.gather(*asks)
    assert len({outcome.body for outcome in outcomes}) == 1
    assert [outcome.replayed for outcome in outcomes].count(False) == 1
    assert await DB.fetchval("SELECT count(*) FROM redemption") == 1
    assert await breaches() == {}


async def test_a_key_for_another_request_is_refused(world: World, desks: list[BatchExecutor[PointsCommand]]) -> None:
    (member,) = await world.members(1, points=1000)
    offer = await world.offer(points=100)
    await desks[0].submit(world.request(member, offer, key="k"))
    for desk in desks:
        with pytest.raises(KeyReused):
            await desk.submit(world.request(member, offer, quantity=2, key="k"))
    assert await DB.fetchval("SELECT count(*) FROM redemption") == 1


async def test_a_refusal_is_stored_and_replayed(world: World, desks: list[BatchExecutor[PointsCommand]]) -> None:
    (member,) = await world.members(1, points=50)
    offer = await world.offer(points=100)
    first = await desks[0].submit(world.request(member, offer, key="k"))
    await world.earn([(member, 1000)])
    again = await desks[1].submit(world.request(member, offer, key="k"))
    assert (first.status, first.body) == (again.status, again.body)
    assert again.replayed
    assert codes([again]) == {"insufficient_points": 1}


async def test_order_of_arrival_decides_who_gets_the_last_unit(world: World) -> None:
    members = await world.members(20, points=500)
    offer = await world.offer(points=100, stock=5)
    desk = world.desk()
    asks = [asyncio.ensure_future(desk.submit(world.request(member, offer))) for member in members]
    outcomes = await asyncio.gather(*asks)
    assert [outcome.status for outcome in outcomes] == [201] * 5 + [409] * 15


async def test_a_request_that_the_database_refuses_fails_alone(world: World) -> None:
    members = await world.members(8, points=500)
    offer = await world.offer(points=100)
    desk = world.desk()
    requests = [world.request(member, offer) for member in members]
    # The third asks under a key of its own with the first one's ids: the primary key refuses it, and with it its batch.
    twin = world.request(members[0], offer)
    requests[2] = msgspec.structs.replace(twin, request=requests[0].request)
    asks = [asyncio.ensure_future(desk.submit(request)) for request in requests]
    outcomes = await asyncio.gather(*asks, return_exceptions=True)
    good = [outcome for outcome in outcomes if isinstance(outcome, Outcome) and outcome.status == 201]
    assert len(good) == 7
    assert isinstance(outcomes[2], asyncpg.UniqueViolationError)
    assert await DB.fetchval("SELECT count(*) FROM redemption") == 7
    assert await breaches() == {}


async def test_a_wrong_decision_still_cannot_oversell_or_overdraw(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The guard is in the write: with a decision that refuses nothing, the database does."""
    monkeypatch.setattr("benefits.redemptions.domain._reasons", lambda *_: [])
    rich = await world.members(30, points=1000)
    (poor,) = await world.members(1, points=150)
    scarce, plenty = await world.offer(points=100, stock=10), await world.offer(points=100)
    desk = world.desk(batch=8)
    asks = [desk.submit(world.request(member, scarce)) for member in rich]
    asks += [desk.submit(world.request(poor, plenty)) for _ in range(3)]
    answers = await asyncio.gather(*asks, return_exceptions=True)
    issued = [answer for answer in answers if isinstance(answer, Outcome) and answer.status == 201]
    assert len(issued) == 10 + 1
    assert tuple(await DB.fetchrow("SELECT remaining, sold FROM stock WHERE offer_id = $1", scarce)) == (0, 10)
    assert await DB.fetchval("SELECT balance FROM wallet WHERE member_id = $1", poor) == 50
    assert await breaches() == {}


async def test_without_the_look_up_of_keys_copies_are_not_replayed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The broken variant of the copies' test: still one effect, for the key is the table's, but no longer one answer."""
    monkeypatch.setattr(Answers, "__init__", lambda self, _: setattr(self, "_outcomes", {}))
    (member,) = await world.members(1, points=10_000)
    offer = await world.offer(points=100)
    desk = world.desk(batch=1)
    asks = [desk.submit(world.request(member, offer, key="the-same")) for _ in range(5)]
    answers = await asyncio.gather(*asks, return_exceptions=True)
    assert sum(isinstance(answer, asyncpg.UniqueViolationError) for answer in answers) == 4
    assert await DB.fetchval("SELECT count(*) FROM redemption") == 1
