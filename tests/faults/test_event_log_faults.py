"""Sixteen writers whose transactions end late, consumers that die between effect and position: each event exactly once, in order.

The loops are the program's own; the broken variants read the same log as a simple outbox would, or keep their position apart.
"""

import asyncio
import random
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

import asyncpg
import pytest

from marketplace.platform.eventlog import events
from marketplace.platform.eventlog.events import StoredEvent, catch_up, run_consumers
from marketplace.platform.postgres.connection_errors import is_connection_lost
from marketplace.platform.postgres.database import DB, UnitOfWork
from tests.support.log import Collector, count_up, make_things, what_is_wrong

WRITERS, THINGS = 16, 5


class Crash(Exception):
    """The consumer dies between effect and position."""


class Doomed(Collector):
    """Dies of one thing or another when its effects are written and its position is not moved; the batch must come again."""

    def __init__(self, dice: random.Random, share: float) -> None:
        self.dice = dice
        self.share = share
        self.deaths: Counter[str] = Counter()
        self.ways = ["raised", "backend terminated", "cancelled"]
        dice.shuffle(self.ways)

    async def handle(self, work: UnitOfWork, events: Sequence[StoredEvent]) -> None:
        await super().handle(work, events)
        # Each way once to begin with, then now and then one of them.
        if self.share == 0 or (len(self.deaths) == len(self.ways) and self.dice.random() >= self.share):
            return
        way = self.ways[sum(self.deaths.values()) % len(self.ways)]
        self.deaths[way] += 1
        if way == "raised":
            raise Crash
        if way == "cancelled":
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
            await asyncio.sleep(0)
        pid = await work.fetchval("SELECT pg_backend_pid()")
        killer = await asyncpg.connect(DB.config["dsn"])
        await killer.execute("SELECT pg_terminate_backend($1)", pid)
        await killer.close()


class Forgetful(Doomed):
    """The broken variant of a consumer: its effect is committed apart from its position."""

    name = "test.forgetful"

    async def handle(self, work: UnitOfWork, events: Sequence[StoredEvent]) -> None:
        connection = await asyncpg.connect(DB.config["dsn"])
        rows = [(event.aggregate_id, event.payload["number"]) for event in events]
        await connection.executemany("INSERT INTO seen (thing, number) VALUES ($1, $2)", rows)
        await connection.close()
        if self.dice.random() < self.share:
            self.deaths["raised"] += 1
            raise Crash


@pytest.fixture
async def things(database: str, monkeypatch: pytest.MonkeyPatch) -> list[UUID]:
    monkeypatch.setattr(events, "_RETRY_S", 0.01)  # a consumer that failed begins again at once
    monkeypatch.setattr(events, "_IDLE_S", 0.005)
    monkeypatch.setattr(events, "BATCH", 50)  # small batches die more often
    return await make_things(database, THINGS)


async def followed(consumer: Collector, writing: Callable[[], Awaitable[object]], workers: int = 3) -> None:
    """Write while so many workers follow the log; one whose task was cancelled is started again, as a process would be."""
    stop = asyncio.Event()

    async def worker() -> None:
        while not stop.is_set():
            try:
                await run_consumers([consumer], stop)
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if task is None or task.cancelling():
                    raise

    following = [asyncio.create_task(worker()) for _ in range(workers)]
    await writing()
    if isinstance(consumer, Doomed):
        consumer.share = 0
    await catch_up(consumer)
    stop.set()
    await asyncio.gather(*following)


async def write(things: list[UUID], dice: random.Random, rounds: int) -> None:
    await asyncio.gather(*(count_up(things, dice.randrange(2**32), rounds) for _ in range(WRITERS)))


async def test_exactly_once_and_in_order_whoever_dies(things: list[UUID], dice: random.Random, soak: bool) -> None:
    consumer = Doomed(dice, 0.1)
    await followed(consumer, lambda: write(things, dice, 400 if soak else 25))
    assert await what_is_wrong() == []
    assert consumer.deaths.keys() == {"raised", "backend terminated", "cancelled"}


async def test_writers_may_die_too(things: list[UUID], dice: random.Random, soak: bool) -> None:
    """Backends are terminated at random, whatever they run: what was committed decides."""

    async def writer() -> None:
        for _ in range(200 if soak else 20):
            try:
                await count_up(things, dice.randrange(2**32), 1)
            except Exception as error:
                if not is_connection_lost(error):
                    raise

    async def chaos(done: asyncio.Event) -> int:
        killed = 0
        killer = await asyncpg.connect(DB.config["dsn"])
        while not done.is_set():
            await asyncio.sleep(dice.random() * 0.05)
            killed += await killer.fetchval(
                "SELECT count(pg_terminate_backend(pid)) FROM (SELECT pid FROM pg_stat_activity"
                " WHERE datname = current_database() AND application_name = 'marketplace' ORDER BY random() LIMIT 1) AS one"
            )
        await killer.close()
        return killed

    done = asyncio.Event()

    async def writing() -> None:
        await asyncio.gather(*(writer() for _ in range(WRITERS)))
        done.set()
        await asyncio.sleep(0.1)

    killing = asyncio.create_task(chaos(done))
    await followed(Collector(), writing)
    assert await killing
    assert await what_is_wrong() == []


async def test_a_position_apart_from_its_effect_sees_events_again(things: list[UUID], dice: random.Random) -> None:
    consumer = Forgetful(dice, 0.2)
    await followed(consumer, lambda: write(things, dice, 8))
    assert consumer.deaths
    assert any("seen again" in what for what in await what_is_wrong())


async def test_a_cursor_over_the_number_loses_events(things: list[UUID], dice: random.Random) -> None:
    """The naive cursor: the same writers, read by `seq > position`, as a simple outbox would."""
    writing, position = asyncio.create_task(write(things, dice, 25)), 0
    while True:
        done = writing.done()
        rows = await DB.fetch(
            "SELECT seq, aggregate_id, (payload->>'number')::int AS number FROM event WHERE seq > $1 ORDER BY seq",
            position,
        )
        if rows:
            seen = [(row["aggregate_id"], row["number"]) for row in rows]
            position = rows[-1]["seq"]
            await DB.fetch(
                "INSERT INTO seen (thing, number) SELECT * FROM unnest($1::uuid[], $2::int[])",
                *map(list, zip(*seen, strict=True)),
            )
        elif done:
            break
    await writing
    assert any("never seen" in what for what in await what_is_wrong())


async def test_windows_cut_at_the_oldest_transaction_lose_the_order(things: list[UUID], dice: random.Random) -> None:
    """Below `pg_snapshot_xmin` nothing is lost, but what came second may be read first."""
    seen: dict[UUID, list[int]] = defaultdict(list)
    writing = asyncio.create_task(write(things, dice, 25))
    begin, done = 0, False
    while not done:
        done = writing.done()
        end = await DB.fetchval("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint")
        rows = await DB.fetch(
            "SELECT aggregate_id, payload FROM event WHERE xid::text::bigint >= $1 AND xid::text::bigint < $2 ORDER BY seq",
            begin,
            end,
        )
        for row in rows:
            seen[row["aggregate_id"]].append(row["payload"]["number"])
        begin = end
    await writing
    assert sum(len(numbers) for numbers in seen.values()) == WRITERS * 25 * 2
    assert any(numbers != sorted(numbers) for numbers in seen.values())
