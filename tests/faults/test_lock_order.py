"""Changes of many wallets at once, by many tasks: locks are taken in one order, and no deadlock reaches a client."""

import asyncio
import random
from uuid import UUID, uuid4

import asyncpg
import pytest

from benefits.desk import batch
from benefits.desk.context import PointsCommand
from benefits.points.commands import Credit, new_credit, new_expiry, new_gift
from benefits.points.ledger import LOCKED_WALLETS
from benefits.points.schemas import EarningInput
from marketplace.kernel.clock import Clock
from marketplace.kernel.ids import bucket_of
from marketplace.platform.batching import executor
from marketplace.platform.batching.executor import BatchExecutor
from marketplace.platform.http.idempotency import Key, Outcome
from marketplace.platform.postgres.database import DB
from marketplace.platform.postgres.reads import Read
from marketplace.settings import Settings
from tests.support.world import World, breaches

TASKS, MEMBERS, EACH = 16, 40, 1000


@pytest.fixture
async def world(database: str, settings: Settings, clock: Clock) -> World:
    return await World(settings, clock).open()


def change(world: World, members: list[UUID], dice: random.Random) -> PointsCommand:
    """Return a change of several wallets: earnings of up to twelve members, an expiry, or a gift."""
    what = dice.random()
    if what < 0.4:
        return earn(world, dice.sample(members, dice.randint(2, 12)))
    if what < 0.6:
        chosen = tuple(dice.sample(members, dice.randint(2, 12)))
        return new_expiry(chosen, world.clock.unix_ms())
    giver, recipient = dice.sample(members, 2)
    key = Key(bucket_of(giver), f"member:{giver}", uuid4().hex, b"f")
    return new_gift(giver, recipient, dice.randint(1, 50), key, "en", world.clock.unix_ms())


def earn(world: World, members: list[UUID]) -> Credit:
    now = world.clock.now()
    earnings = [
        EarningInput(reference=uuid4().hex, member_id=one, points=1, kind="service", occurred_at=now) for one in members
    ]
    return new_credit(earnings, "oem:test", world.clock.unix_ms())


async def run_changes(world: World, count: int, dice: random.Random) -> tuple[int, list[BaseException]]:
    """Let sixteen desks, as sixteen workers have them, make the changes; return the points earned and what went wrong."""
    members = await world.members(MEMBERS, points=EACH)
    desks: list[BatchExecutor[PointsCommand]] = [world.desk(number=number) for number in range(TASKS)]
    earned, wrong = 0, list[BaseException]()

    async def task(desk: BatchExecutor[PointsCommand]) -> None:
        nonlocal earned
        for _ in range(count // TASKS):
            if any(isinstance(error, asyncpg.DeadlockDetectedError) for error in wrong):
                return  # one is enough to know
            command = change(world, members, dice)
            try:
                outcome = await desk.submit(command)
            except Exception as error:  # noqa: BLE001 - what would have reached a client
                wrong.append(error)
                continue
            assert isinstance(outcome, Outcome)
            earned += len(command.earnings) if isinstance(command, Credit) else 0

    await asyncio.gather(*(task(desk) for desk in desks))
    return earned, wrong


@pytest.mark.timeout(900)
async def test_no_deadlock_reaches_a_client(world: World, dice: random.Random, soak: bool) -> None:
    earned, wrong = await run_changes(world, 20_000 if soak else 960, dice)
    assert wrong == []
    assert await DB.fetchval("SELECT sum(balance) FROM wallet") == MEMBERS * EACH + earned
    assert await breaches() == {}
    deadlocks = await DB.fetchval("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
    assert deadlocks == 0  # none reaches a client because there are none, and not because they were tried again


async def test_locks_in_any_order_are_found_out(
    world: World, dice: random.Random, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The broken variant: wallets locked in the order of the day, and nothing tried again."""
    unordered = LOCKED_WALLETS.sql.replace("ORDER BY w.member_id", "ORDER BY random()")
    monkeypatch.setattr(batch, "LOCKED_WALLETS", Read("bucket smallint, member_id uuid", unordered, locks="wallet"))
    monkeypatch.setattr(executor, "_FEW", 0)
    _, wrong = await run_changes(world, 480, dice)
    assert any(isinstance(error, asyncpg.DeadlockDetectedError) for error in wrong)
    assert await breaches() == {}  # it is a matter of answers: what a deadlock refuses, it undoes
