"""A wallet whose lock was waited for: what was read beside it is read again."""

import asyncio
from datetime import datetime, timedelta
from types import ModuleType
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
import pytest

from benefits.desk import batch
from benefits.desk.batch import PointsBatch
from benefits.desk.registry import COMMANDS
from benefits.offers.cache import OfferCache
from marketplace.kernel.clock import Clock
from marketplace.kernel.ids import bucket_of
from marketplace.platform.batching import commands
from marketplace.platform.batching.executor import BatchExecutor
from marketplace.platform.http.idempotency import Outcome
from marketplace.platform.postgres.database import DB, unit_of_work
from marketplace.settings import Settings
from tests.support.world import World, breaches

_WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"


@pytest.fixture
async def world(database: str, settings: Settings, clock: Clock) -> World:
    return await World(settings, clock).open()


async def _redeem_while_another_commits(world: World, member: UUID, offer: UUID, quantity: int) -> Outcome:
    """One worker has decided and written a redemption of one unit; another asks before that is committed."""
    async with unit_of_work() as work:
        await world.batch().run_at(work, [world.request(member, offer)], world.now)
        asked = asyncio.create_task(world.desk().submit(world.request(member, offer, quantity)))
        await _wait_for_the_wait()
    return await asked


async def _wait_for_the_wait() -> None:
    # Without the application's role, which may not see what others wait for.
    looking = await asyncpg.connect(DB.config["dsn"])
    try:
        async with asyncio.timeout(5):
            while not await looking.fetchval(_WAITING):
                await asyncio.sleep(0.01)
    finally:
        await looking.close()


async def test_the_points_are_those_of_after_the_wait(world: World) -> None:
    (member,) = await world.members(1, points=1000)
    offer = await world.offer(points=100)
    outcome = await _redeem_while_another_commits(world, member, offer, 9)
    assert outcome.status == 201
    assert await DB.fetchval("SELECT balance FROM wallet WHERE member_id = $1", member) == 0
    assert await breaches() == {}


async def test_so_is_what_was_had_of_a_limit(world: World) -> None:
    (member,) = await world.members(1, points=1000)
    offer = await world.offer(points=100, per_member=3)
    outcome = await _redeem_while_another_commits(world, member, offer, 3)
    assert (outcome.status, msgspec.json.decode(outcome.body)["code"]) == (409, "limit_reached")
    assert await breaches() == {}


async def test_without_the_second_look_lots_are_spent_twice(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests above can fail."""
    monkeypatch.setattr("benefits.desk.batch.are_as_seen", lambda _: True)
    (member,) = await world.members(1, points=1000)
    offer = await world.offer(points=100, per_member=3)
    outcome = await _redeem_while_another_commits(world, member, offer, 3)
    assert outcome.status == 201
    assert await breaches() != {}


class _Yesterday(Clock):
    """A machine whose clock is a day behind the database's."""

    def now(self) -> datetime:
        return super().now() - timedelta(days=1)


async def test_the_day_of_a_limit_is_the_databases(world: World) -> None:
    (member,) = await world.members(1, points=1000)
    offer = await world.offer(points=100, limits=[{"window": "day", "units": 1}])
    points = PointsBatch(COMMANDS, world.rules, OfferCache(), _Yesterday())
    desk = BatchExecutor("points", points.decide, batch=8, queue=8)
    assert (await desk.submit(world.request(member, offer))).status == 201
    refused = await desk.submit(world.request(member, offer))
    assert msgspec.json.decode(refused.body)["code"] == "limit_reached"
    assert await breaches() == {}


async def _appearing(world: World, monkeypatch: pytest.MonkeyPatch, module: ModuleType, after: str) -> UUID:
    """Return a member whose wallet appears when that function of the batch's loading has done its work once."""
    (member,) = await world.members(1)
    owner = await asyncpg.connect(DB.config["dsn"])
    await owner.execute("DELETE FROM wallet WHERE member_id = $1", member)
    original = getattr(module, after)

    async def hooked(*values: Any) -> Any:
        found = await original(*values)
        monkeypatch.setattr(module, after, original)
        await owner.execute("INSERT INTO wallet (bucket, member_id) VALUES ($1, $2)", bucket_of(member), member)
        await owner.close()
        return found

    monkeypatch.setattr(module, after, hooked)
    return member


async def test_a_wallet_that_appears_after_the_locks_is_not_there(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would be changed without a lock: many are locked first, and read by a statement that sees more."""
    others = await world.members(60)
    member = await _appearing(world, monkeypatch, batch, "lock_wallets")
    *credited, late = await world.earn([(one, 10) for one in (*others, member)])
    assert {result.status for result in credited} == {"credited"}
    assert (late.status, late.code) == ("refused", "unknown_member")
    assert await DB.fetchval("SELECT balance FROM wallet WHERE member_id = $1", member) == 0


async def test_nor_is_one_that_appears_before_the_second_look(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    (other,) = await world.members(1)
    member = await _appearing(world, monkeypatch, commands, "read_all")
    looks = iter([False, True])
    monkeypatch.setattr(batch, "are_as_seen", lambda _: next(looks))
    credited, late = await world.earn([(other, 10), (member, 10)])
    assert credited.status == "credited"
    assert (late.status, late.code) == ("refused", "unknown_member")
