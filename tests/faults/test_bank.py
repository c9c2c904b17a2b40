"""A bank of points: gifts between members while connections are killed, and every look at everything sums to the total."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from uuid import UUID, uuid4

import asyncpg
import msgspec
import pytest

from benefits.desk.context import PointsCommand, PointsContext
from benefits.points import ledger
from benefits.points.commands import new_gift
from benefits.points.domain import OverdrawnError
from marketplace.kernel.clock import Clock
from marketplace.kernel.ids import bucket_of
from marketplace.kernel.refusals import Refusal
from marketplace.platform.batching.executor import BatchExecutor
from marketplace.platform.http.idempotency import Key, Outcome
from marketplace.platform.postgres.database import DB, UnitOfWork
from marketplace.platform.postgres.writes import Writes
from marketplace.settings import Settings
from tests.support.world import World, breaches

MEMBERS, EACH = 24, 1000

# Wallets, lots and the book at one instant; what is on its way between two buckets would show as points on neither side.
_EVERYTHING = """
SELECT (SELECT sum(balance + held) FROM wallet) AS wallets, (SELECT sum(points) FROM lot) AS lots,
       (SELECT sum(points * ((destination = 'wallet')::int - (source = 'wallet')::int)) FROM points_posting) AS postings,
       (SELECT coalesce(sum(points * ((destination = 'gift')::int - (source = 'gift')::int)), 0) FROM points_posting) AS gifts
"""


class Size(msgspec.Struct):
    """How many looks, gifts and killed connections there must be at least, and how many tellers give at once."""

    reads: int
    gifts: int
    kills: int
    tellers: int = 6


@pytest.fixture
def size(soak: bool) -> Size:
    return Size(20_000, 4_000, 400) if soak else Size(1000, 150, 15)


@pytest.fixture
async def world(database: str, settings: Settings, clock: Clock) -> World:
    return await World(settings, clock).open()


async def give(
    world: World, desk: BatchExecutor[PointsCommand], members: list[UUID], dice: random.Random
) -> Outcome | None:
    """Give once, asking again with the same key as a client would, until there is an answer."""
    giver, recipient = dice.sample(members, 2)
    key = Key(bucket_of(giver), f"member:{giver}", uuid4().hex, b"f")
    points = dice.randint(1, 300)
    for _ in range(10):
        with contextlib.suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError, Refusal):
            return await desk.submit(new_gift(giver, recipient, points, key, "en", world.clock.unix_ms()))
    return None


async def run_bank(
    world: World,
    dsn: str,
    dice: random.Random,
    size: Size,
    is_consistent: Callable[[asyncpg.Connection], Awaitable[bool]],
) -> tuple[int, int, int]:
    """Give, kill and look at once; return how many gifts were answered, connections killed, and looks that were wrong."""
    members = await world.members(MEMBERS, points=EACH)
    desks = [world.desk(batch=4, number=number) for number in range(3)]
    done = asyncio.Event()
    given = killed = wrong = 0

    async def teller() -> None:
        nonlocal given
        while not done.is_set():
            given += await give(world, dice.choice(desks), members, dice) is not None

    async def killer(connection: asyncpg.Connection) -> None:
        nonlocal killed
        while not done.is_set():
            await asyncio.sleep(dice.uniform(0.05, 0.2))
            rows = await connection.fetch(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
                " AND application_name = 'marketplace' AND pid <> pg_backend_pid() ORDER BY random() LIMIT 1"
            )
            killed += len(rows)

    async def auditor(connection: asyncpg.Connection) -> None:
        nonlocal wrong
        looks = 0
        while looks < size.reads or given < size.gifts or killed < size.kills:
            wrong += not await is_consistent(connection)
            looks += 1
            await asyncio.sleep(0.002)
        done.set()

    async with outside(dsn) as first, outside(dsn) as second, asyncio.TaskGroup() as group:
        for _ in range(size.tellers):
            group.create_task(teller())
        group.create_task(killer(first))
        group.create_task(auditor(second))
    await asyncio.sleep(0.3)  # the pool hears of the last connections that were killed
    return given, killed, wrong


@contextlib.asynccontextmanager
async def outside(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection that is not the program's."""
    connection = await asyncpg.connect(dsn)
    try:
        yield connection
    finally:
        connection.terminate()


async def sums(connection: asyncpg.Connection) -> bool:
    """Look at everything in one statement."""
    row = await connection.fetchrow(_EVERYTHING)
    assert row is not None
    return tuple(row) == (MEMBERS * EACH, MEMBERS * EACH, MEMBERS * EACH, 0)


@pytest.mark.timeout(900)
async def test_every_look_sums_to_the_total(world: World, database: str, dice: random.Random, size: Size) -> None:
    given, killed, wrong = await run_bank(world, database, dice, size, sums)
    print(f"{size.reads} looks at least, {given} gifts answered, {killed} connections killed")  # noqa: T201 - shown by make soak
    assert wrong == 0
    assert await breaches() == {}
    events = await DB.fetchval("SELECT count(*) FROM event WHERE type = 'points.given'")
    kept = await DB.fetchval("SELECT count(*) FROM idempotency WHERE caller LIKE 'member:%' AND status = 201")
    assert events == kept  # each gift once, however often it was asked for


async def test_a_gift_in_two_transactions_is_found_out(
    world: World, database: str, dice: random.Random, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The broken variant: wallets and postings are written in one transaction, the recipients' part in the next."""
    whole = PointsContext.write

    async def halves(self: PointsContext, work: UnitOfWork) -> None:
        theirs = [one for one in self._postings if one.source == "gift"]
        self._postings = [one for one in self._postings if one.source != "gift"]
        await whole(self, work)
        await work.execute("COMMIT")
        await work.execute("BEGIN")
        writes = Writes(self.now)
        ledger.post(writes, theirs, self.state.members)
        await writes.run(work)

    monkeypatch.setattr(PointsContext, "write", halves)
    wrong = 0
    try:
        # In a task of its own: a group in which one fails leaves its parent cancelled once, for all that comes after in it.
        _, _, wrong = await asyncio.create_task(run_bank(world, database, dice, Size(300, 60, 0), sums))
    except* OverdrawnError:  # a teller met the half: a wallet whose lots and balance differ
        wrong += 1
    assert wrong > 0
