"""The one event log and its consumers.

Every event is written in the same transaction as its change. A cursor over an identity column loses the events of late
committers, so consumers read in windows between ticks, as PgQ does (https://wiki.postgresql.org/wiki/PGQ_Tutorial). A tick is a
snapshot; a window holds what the later snapshot sees and the earlier one does not, in order of sequence number. Of two
transactions that changed the same aggregate, the second got its lock, and then its numbers, after the first had committed: a
snapshot that sees the second also sees the first, so they are in one window in order, or in two in order. (Cutting at
`pg_snapshot_xmin` alone keeps every event too, but not that order: a test shows it.)
"""

import asyncio
import builtins
import contextlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol, TypeVar
from uuid import UUID

import asyncpg
import msgspec
import structlog

from marketplace.kernel.clock import WALL
from marketplace.kernel.event import Event
from marketplace.kernel.ids import bucket_of
from marketplace.platform.postgres.connection_errors import is_connection_lost
from marketplace.platform.postgres.database import DB, UnitOfWork, unit_of_work
from marketplace.platform.postgres.writes import Write, Writes
from marketplace.platform.sleep import interruptible_sleep

BATCH = 2000
"""How many events a consumer takes in one transaction: enough to save commits, few enough to hold no lock for long."""

_IDLE_S = 0.2
_RETRY_S = 2.0

logger = structlog.get_logger()

EventKind = TypeVar("EventKind", bound=Event)


class StoredEvent(msgspec.Struct, frozen=True):
    """An event as consumers get it: `payload` has the event's fields, `position` orders it within the log."""

    position: tuple[int, int]
    bucket: int
    type: str
    aggregate_id: UUID
    payload: dict[str, Any]
    occurred_at: datetime

    def decode(self, kind: "builtins.type[EventKind]") -> EventKind:
        """Return the payload as the event's own Struct."""
        return msgspec.convert(self.payload, kind)


class Consumer(Protocol):
    """A consumer of the log. Its effect and its position are committed together: effectively exactly once."""

    name: str
    types: frozenset[str]

    async def handle(self, work: UnitOfWork, events: Sequence[StoredEvent]) -> None:
        """Process the events in order, in this unit of work. An exception rolls the batch back, and it is delivered again."""


WRITE = Write(
    "events",
    "bucket smallint, type text, aggregate text, aggregate_id uuid, payload json",
    "INSERT INTO event (bucket, type, aggregate, aggregate_id, payload, occurred_at) SELECT d.*, {now} FROM {rows}",
)
"""Writes events as one of several writes of a batch; `publish` writes them by themselves."""


def event_row(event: Event) -> tuple[int, str, str, UUID, Event]:
    """Return an event as a row of WRITE, in its subject's bucket; it occurs at the instant of the write."""
    subject = event.subject()
    return bucket_of(subject), str(event.__struct_config__.tag), event.aggregate, subject, event


async def publish(work: UnitOfWork, events: Sequence[Event], occurred_at: datetime) -> None:
    """Write the events in the transaction of their change."""
    writes = Writes(occurred_at)
    writes.add(WRITE, [event_row(event) for event in events])
    await writes.run(work)


async def tick() -> int:
    """Cut the log here, if anything was committed since the last tick, and return the number of the last tick.

    The row's lock serializes ticks: the snapshot is taken by a statement that begins under it.
    """
    async with unit_of_work() as work:
        await work.execute("SELECT FROM event_ticker FOR UPDATE")
        return int(await work.fetchval(_TICK, WALL.now()))


_TICK = """
WITH last AS (SELECT id, snapshot FROM event_tick ORDER BY id DESC LIMIT 1), cut AS (
    INSERT INTO event_tick (snapshot, at) SELECT pg_current_snapshot(), $1 WHERE EXISTS (
        SELECT FROM event WHERE xid >= coalesce((SELECT pg_snapshot_xmin(snapshot) FROM last), '3'::xid8)
        AND NOT pg_visible_in_snapshot(xid, coalesce((SELECT snapshot FROM last), '3:3:'::pg_snapshot)))
    RETURNING id
)
SELECT coalesce((SELECT id FROM cut), (SELECT id FROM last), 0)
"""

_WINDOW = """
SELECT e.bucket, e.seq, e.type, e.aggregate_id, e.payload, e.occurred_at FROM event e
WHERE e.xid >= pg_snapshot_xmin($1::text::pg_snapshot) AND e.xid < pg_snapshot_xmax($2::text::pg_snapshot)
  AND pg_visible_in_snapshot(e.xid, $2::text::pg_snapshot) AND NOT pg_visible_in_snapshot(e.xid, $1::text::pg_snapshot)
  AND e.seq > $3 ORDER BY e.seq LIMIT $4
"""

_NOTHING_SEEN = "3:3:"
"""The snapshot before the first tick: 3 is the first ordinary transaction id."""


async def consume(consumer: Consumer) -> int:
    """Process the consumer's next batch and return how many events it had, of any type; 0 if the consumer is up to date.

    Two workers never take the same batch: the position's row is locked, and a second worker skips it.
    """
    async with unit_of_work() as work:
        await work.execute("INSERT INTO consumer_position (consumer) VALUES ($1) ON CONFLICT DO NOTHING", consumer.name)
        row = await work.fetchrow(
            "SELECT tick, seq FROM consumer_position WHERE consumer = $1 FOR UPDATE SKIP LOCKED", consumer.name
        )
        if row is None:
            return 0
        return await _take(work, consumer, row["tick"], row["seq"])


async def _take(work: UnitOfWork, consumer: Consumer, begin: int, seq: int) -> int:
    ticks = await work.fetch("SELECT id, snapshot::text FROM event_tick WHERE id >= $1 ORDER BY id LIMIT 2", begin)
    if not ticks or ticks[-1]["id"] == begin:
        return 0
    if ticks[0]["id"] == begin:
        since, until, end = ticks[0]["snapshot"], ticks[1]["snapshot"], ticks[1]["id"]
    else:  # nothing was read yet
        since, until, end = _NOTHING_SEEN, ticks[0]["snapshot"], ticks[0]["id"]
    rows = await work.fetch(_WINDOW, since, until, seq, BATCH)
    wanted = [_stored(row, begin) for row in rows if row["type"] in consumer.types]
    if wanted:
        await consumer.handle(work, wanted)
    finished = len(rows) < BATCH
    await work.execute(
        "UPDATE consumer_position SET tick = $2, seq = $3, handled = handled + $4, moved_at = $5, error = NULL"
        " WHERE consumer = $1",
        consumer.name,
        end if finished else begin,
        0 if finished else rows[-1]["seq"],
        len(wanted),
        WALL.now(),
    )
    return max(len(rows), 1)


def _stored(row: asyncpg.Record, begin: int) -> StoredEvent:
    return StoredEvent(
        (begin, row["seq"]), row["bucket"], row["type"], row["aggregate_id"], row["payload"], row["occurred_at"]
    )


async def catch_up(consumer: Consumer) -> None:
    """Process everything that was committed before the call.

    Used before a period is closed. Waits for another worker that holds the position.
    """
    target = await tick()
    while True:
        if await consume(consumer) == 0:
            reached = await DB.fetchval("SELECT tick FROM consumer_position WHERE consumer = $1", consumer.name)
            if reached is not None and reached >= target:
                return
            await asyncio.sleep(0.02)


async def run_consumers(consumers: Sequence[Consumer], stop: asyncio.Event) -> None:
    """Run all consumers until `stop` is set."""
    async with asyncio.TaskGroup() as group:
        group.create_task(_run_ticks(stop))
        for consumer in consumers:
            group.create_task(_run_one(consumer, stop))


async def _run_ticks(stop: asyncio.Event) -> None:
    while not stop.is_set():
        try:
            await tick()
        except Exception as error:  # noqa: BLE001 - whatever the error, the next consumer may still succeed
            logger.warning("tick_failed", error=repr(error))
        await interruptible_sleep(stop, _IDLE_S)


async def _run_one(consumer: Consumer, stop: asyncio.Event) -> None:
    while not stop.is_set():
        try:
            idle = await consume(consumer) == 0
        except Exception as error:
            if is_connection_lost(error):
                logger.warning("consumer_waits_for_database", consumer=consumer.name, error=repr(error))
            else:
                logger.exception("consumer_failed", consumer=consumer.name)
                await _note_error(consumer.name, error)
            await interruptible_sleep(stop, _RETRY_S)
            continue
        if idle:
            await interruptible_sleep(stop, _IDLE_S)


async def _note_error(name: str, error: Exception) -> None:
    with contextlib.suppress(Exception):  # it is already in the log
        await DB.fetch("UPDATE consumer_position SET error = $2 WHERE consumer = $1", name, repr(error)[:500])
