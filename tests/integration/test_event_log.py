"""Each event exactly once in effect, in order for each thing, however late its transaction commits."""

import asyncio
import random
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID, uuid4

import asyncpg
import pytest

from marketplace.kernel.event import Event
from marketplace.platform.database import DB, UnitOfWork, unit_of_work
from marketplace.platform.events import StoredEvent, catch_up, consume, publish, tick

WRITERS, ROUNDS, THINGS = 8, 25, 5
NOW = datetime(2026, 11, 1, tzinfo=UTC)


class Counted(Event, frozen=True, tag="test.counted"):
    """A thing was counted up."""

    aggregate = "thing"
    thing: UUID
    number: int

    def subject(self) -> UUID:
        return self.thing


class Crash(Exception):
    """The consumer dies between effect and commit."""


class Collector:
    """Writes what it sees into a table, in the transaction of its position; may die on the way."""

    name = "test.collector"
    types = frozenset({"test.counted"})

    def __init__(self, crash: float) -> None:
        self.crash = crash
        self.random = random.Random(1)

    async def handle(self, work: UnitOfWork, events: Sequence[StoredEvent]) -> None:
        for event in events:
            await work.execute(
                "INSERT INTO seen (thing, number) VALUES ($1, $2)", event.aggregate_id, event.payload["number"]
            )
            if self.random.random() < self.crash:
                raise Crash


@pytest.fixture
async def things(database: str) -> list[UUID]:
    ids = [uuid4() for _ in range(THINGS)]
    owner = await asyncpg.connect(database)
    await owner.execute("CREATE TABLE thing (id uuid PRIMARY KEY, number int NOT NULL DEFAULT 0)")
    await owner.execute("CREATE TABLE seen (place int GENERATED ALWAYS AS IDENTITY, thing uuid, number int)")
    await owner.execute("GRANT ALL ON thing, seen TO marketplace_app")
    await owner.execute("INSERT INTO thing (id) SELECT unnest($1::uuid[])", ids)
    await owner.close()
    return ids


async def write(things: list[UUID], seed: int) -> None:
    """Count things up, two at a time, with a pause before the commit: late committers with low numbers."""
    choose = random.Random(seed)
    for _ in range(ROUNDS):
        async with unit_of_work() as work:
            # The transaction has its id before it has the locks: the log must not go by ids alone.
            await work.fetchval("SELECT pg_current_xact_id()::text")
            await asyncio.sleep(choose.random() * 0.004)
            for thing in sorted(choose.sample(things, 2)):
                number = await work.fetchval(
                    "UPDATE thing SET number = number + 1 WHERE id = $1 RETURNING number", thing
                )
                await publish(work, [Counted(thing=thing, number=number)], NOW)
            await asyncio.sleep(choose.random() * 0.004)


async def test_late_committers_are_neither_lost_nor_doubled_nor_out_of_order(things: list[UUID]) -> None:
    collector = Collector(crash=0.02)
    writers = [asyncio.create_task(write(things, seed)) for seed in range(WRITERS)]

    async def follow() -> None:
        while not all(writer.done() for writer in writers):
            await tick()
            try:
                await consume(collector)
            except Crash:
                continue

    await asyncio.gather(follow(), *writers)
    collector.crash = 0
    await catch_up(collector)
    seen: dict[UUID, list[int]] = defaultdict(list)
    for row in await DB.fetch("SELECT thing, number FROM seen ORDER BY place"):
        seen[row["thing"]].append(row["number"])
    totals = {row["id"]: row["number"] for row in await DB.fetch("SELECT id, number FROM thing")}
    assert sum(totals.values()) == WRITERS * ROUNDS * 2
    assert seen == {thing: list(range(1, total + 1)) for thing, total in totals.items()}


async def test_a_cursor_over_the_number_loses_events(things: list[UUID]) -> None:
    """The broken variant: the same writers, read by `seq > position`, as a simple outbox would."""
    seen, position = 0, 0
    writers = [asyncio.create_task(write(things, seed)) for seed in range(WRITERS)]
    while True:
        done = all(writer.done() for writer in writers)
        rows = await DB.fetch("SELECT seq FROM event WHERE seq > $1 ORDER BY seq", position)
        if rows:
            seen, position = seen + len(rows), rows[-1]["seq"]
        if done and not rows:
            break
    await asyncio.gather(*writers)
    assert seen < WRITERS * ROUNDS * 2


async def test_windows_cut_at_the_oldest_transaction_lose_the_order(things: list[UUID]) -> None:
    """The second broken variant: below `pg_snapshot_xmin` nothing is lost, but what came second may be read first."""
    seen: dict[UUID, list[int]] = defaultdict(list)
    writers = [asyncio.create_task(write(things, seed)) for seed in range(WRITERS)]
    begin, done = 0, False
    while not done:
        done = all(writer.done() for writer in writers)
        end = await DB.fetchval("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint")
        rows = await DB.fetch(
            "SELECT aggregate_id, payload FROM event WHERE xid::text::bigint >= $1 AND xid::text::bigint < $2 ORDER BY seq",
            begin,
            end,
        )
        for row in rows:
            seen[row["aggregate_id"]].append(row["payload"]["number"])
        begin = end
    await asyncio.gather(*writers)
    assert sum(len(numbers) for numbers in seen.values()) == WRITERS * ROUNDS * 2
    assert any(numbers != sorted(numbers) for numbers in seen.values())


async def test_two_workers_do_not_take_the_same_batch(things: list[UUID]) -> None:
    await write(things, 1)
    await tick()
    collector = Collector(crash=0)
    await asyncio.gather(*(consume(collector) for _ in range(6)))
    await catch_up(collector)
    assert await DB.fetchval("SELECT count(*) FROM seen") == ROUNDS * 2
    assert await DB.fetchval("SELECT count(DISTINCT (thing, number)) FROM seen") == ROUNDS * 2


async def test_the_log_cannot_be_changed(things: list[UUID]) -> None:
    await write(things, 1)
    for statement in ("UPDATE event SET type = 'x'", "DELETE FROM event", "TRUNCATE event"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await DB.fetch(statement)
    for table in ("points_posting", "money_posting", "audit_entry", "offer_revision"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await DB.fetch(f"DELETE FROM {table}")
