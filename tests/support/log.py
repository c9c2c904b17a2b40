"""The event log under load: things that are counted up by writers whose transactions end late, and who follows them."""

import asyncio
import random
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID, uuid4

import asyncpg

from marketplace.kernel.event import Event
from marketplace.platform.eventlog.events import StoredEvent, publish
from marketplace.platform.postgres.database import DB, UnitOfWork, unit_of_work

NOW = datetime(2026, 11, 1, tzinfo=UTC)


class Counted(Event, frozen=True, tag="test.counted"):
    """A thing was counted up."""

    aggregate = "thing"
    thing: UUID
    number: int

    def subject(self) -> UUID:
        return self.thing


class Collector:
    """A consumer that writes what it sees into a table, in the transaction of its position."""

    name = "test.collector"
    types = frozenset({"test.counted"})

    async def handle(self, work: UnitOfWork, events: Sequence[StoredEvent]) -> None:
        for event in events:
            await work.execute(
                "INSERT INTO seen (thing, number) VALUES ($1, $2)", event.aggregate_id, event.payload["number"]
            )


async def make_things(dsn: str, count: int) -> list[UUID]:
    """Make the things, and the table of what was seen of them."""
    ids = [uuid4() for _ in range(count)]
    owner = await asyncpg.connect(dsn)
    await owner.execute("CREATE TABLE thing (id uuid PRIMARY KEY, number int NOT NULL DEFAULT 0)")
    await owner.execute("CREATE TABLE seen (place int GENERATED ALWAYS AS IDENTITY, thing uuid, number int)")
    await owner.execute("GRANT ALL ON thing, seen TO marketplace_app")
    await owner.execute("INSERT INTO thing (id) SELECT unnest($1::uuid[])", ids)
    await owner.close()
    return ids


async def count_up(things: Sequence[UUID], seed: int, rounds: int, slowness_s: float = 0.004) -> None:
    """Count things up, two at a time under their rows' locks, with a pause before the commit: late ones with low numbers."""
    choose = random.Random(seed)
    for _ in range(rounds):
        async with unit_of_work() as work:
            # The transaction has its id before it has the locks: the log must not go by ids alone.
            await work.fetchval("SELECT pg_current_xact_id()::text")
            await asyncio.sleep(choose.random() * slowness_s)
            for thing in sorted(choose.sample(things, 2)):
                number = await work.fetchval(
                    "UPDATE thing SET number = number + 1 WHERE id = $1 RETURNING number", thing
                )
                await publish(work, [Counted(thing=thing, number=number)], NOW)
            await asyncio.sleep(choose.random() * slowness_s)


async def what_is_wrong() -> list[str]:
    """Return what was not seen exactly once and in order of each thing."""
    seen: dict[UUID, list[int]] = defaultdict(list)
    for row in await DB.fetch("SELECT thing, number FROM seen ORDER BY place"):
        seen[row["thing"]].append(row["number"])
    found = []
    for row in await DB.fetch("SELECT id, number FROM thing"):
        numbers, all_of_them = seen[row["id"]], list(range(1, row["number"] + 1))
        if sorted(set(numbers)) != all_of_them:
            found.append(f"{row['id']}: {len(set(all_of_them) - set(numbers))} of {row['number']} never seen")
        elif len(numbers) != len(all_of_them):
            found.append(f"{row['id']}: {len(numbers) - len(all_of_them)} seen again")
        elif numbers != all_of_them:
            found.append(f"{row['id']}: out of order")
    return found
