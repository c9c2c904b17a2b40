"""The event log: one worker a batch, and nobody may change what is written. Under fire: tests/faults/test_event_log_faults.py."""

import asyncio
from uuid import UUID

import asyncpg
import pytest

from marketplace.platform.eventlog.events import catch_up, consume, tick
from marketplace.platform.postgres.database import DB
from tests.support.log import Collector, count_up, make_things, what_is_wrong

ROUNDS = 25


@pytest.fixture
async def things(database: str) -> list[UUID]:
    return await make_things(database, 5)


async def test_two_workers_do_not_take_the_same_batch(things: list[UUID]) -> None:
    await count_up(things, 1, ROUNDS)
    await tick()
    collector = Collector()
    await asyncio.gather(*(consume(collector) for _ in range(6)))
    await catch_up(collector)
    assert await DB.fetchval("SELECT count(*) FROM seen") == ROUNDS * 2
    assert await what_is_wrong() == []


async def test_the_log_cannot_be_changed(things: list[UUID]) -> None:
    await count_up(things, 1, 1)
    for statement in ("UPDATE event SET type = 'x'", "DELETE FROM event", "TRUNCATE event"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await DB.fetch(statement)
    for table in ("points_posting", "money_posting", "audit_entry", "offer_revision"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await DB.fetch(f"DELETE FROM {table}")
