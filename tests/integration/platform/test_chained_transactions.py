"""Units of work that follow each other on one connection of the desks' pool."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from marketplace.platform.postgres.database import (
    DB,
    ChainedTransactions,
    TransactionMisuseError,
    chained_transactions,
    unit_of_work,
)

LOST = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError)


@pytest.fixture
async def table(dsn: str) -> AsyncIterator[None]:
    await DB.open(dsn, pool_size=4)
    await DB.fetch("CREATE TABLE chained (id int PRIMARY KEY)")
    yield
    await DB.close()


async def _left_open() -> int:
    """Sessions that stand in a transaction, once what runs beside has ended."""
    await asyncio.sleep(0.1)
    return int(await DB.fetchval("SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'"))


async def _pool_is_whole() -> bool:
    assert DB.desk_pool is not None
    try:
        async with asyncio.timeout(2):
            taken = [await DB.desk_pool.acquire() for _ in range(DB.desk_pool.get_max_size())]
            answers = [await connection.fetchval("SELECT 1") for connection in taken]
            for connection in taken:
                await DB.desk_pool.release(connection)
    except TimeoutError:
        return False
    return answers == [1] * len(taken)


async def test_each_is_a_transaction_of_its_own_on_the_same_connection(table: None) -> None:
    links, seen = chained_transactions(lambda: len(seen) < 3), []
    for number in range(3):
        async with links.next() as work:
            await work.execute("INSERT INTO chained VALUES ($1)", number)
            assert await _committed() == number
            seen.append(tuple(await work.fetchrow("SELECT pg_backend_pid(), pg_current_xact_id()::text")))
    assert len({pid for pid, _ in seen}) == 1
    assert len({transaction for _, transaction in seen}) == 3
    assert await _left_open() == 0
    assert await _pool_is_whole()


async def _committed() -> int:
    """What another session sees."""
    other = await asyncpg.connect(**DB.config)
    try:
        return int(await other.fetchval("SELECT count(*) FROM chained"))
    finally:
        await other.close()


async def test_desks_plan_by_index_and_nobody_else(table: None) -> None:
    async with chained_transactions(lambda: False).next() as work:
        assert await work.fetchval("SHOW plan_cache_mode") == "force_generic_plan"
        assert await work.fetchval("SHOW enable_seqscan") == "off"
    async with unit_of_work() as work:
        assert await work.fetchval("SHOW plan_cache_mode") == "auto"


async def test_one_without_a_next_after_all_gives_its_connection_back(table: None) -> None:
    links = chained_transactions(lambda: True)
    async with links.next() as work:
        await work.execute("INSERT INTO chained VALUES (1)")
    assert await _left_open() == 1
    links.end()
    assert await _left_open() == 0
    assert await _committed() == 1
    assert await _pool_is_whole()


async def test_without_the_end_the_pool_runs_dry(table: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test above can fail."""
    monkeypatch.setattr(ChainedTransactions, "end", lambda _: None)
    links = chained_transactions(lambda: True)
    async with links.next():
        pass
    links.end()
    assert await _left_open() == 1
    assert not await _pool_is_whole()
    assert DB.desk_pool is not None
    DB.desk_pool.terminate()


async def test_what_fails_is_undone_alone_and_the_next_begins_anew(table: None) -> None:
    links = chained_transactions(lambda: True)
    async with links.next() as work:
        await work.execute("INSERT INTO chained VALUES (1)")
    with pytest.raises(ZeroDivisionError):
        async with links.next() as work:
            await work.execute("INSERT INTO chained VALUES (2)")
            raise ZeroDivisionError
    async with links.next() as work:
        await work.execute("INSERT INTO chained VALUES (3)")
    links.end()
    assert [row["id"] for row in await DB.fetch("SELECT id FROM chained ORDER BY id")] == [1, 3]
    assert await _pool_is_whole()


async def test_a_swallowed_error_does_not_pass_for_a_commit(table: None) -> None:
    links = chained_transactions(lambda: True)
    with pytest.raises(TransactionMisuseError, match="swallowed"):
        async with links.next() as work:
            await work.execute("INSERT INTO chained VALUES (1)")
            with pytest.raises(asyncpg.PostgresError):
                await work.execute("SELECT 1/0")
    assert await _committed() == 0
    assert await _pool_is_whole()


async def test_a_connection_lost_between_two_is_replaced(table: None) -> None:
    links = chained_transactions(lambda: True)
    async with links.next() as work:
        await work.execute("INSERT INTO chained VALUES (1)")
        pid = await work.fetchval("SELECT pg_backend_pid()")
    await DB.fetchval("SELECT pg_terminate_backend($1, 1000)", pid)
    with pytest.raises(LOST):
        async with links.next() as work:
            await work.execute("INSERT INTO chained VALUES (2)")
    async with links.next() as work:
        await work.execute("INSERT INTO chained VALUES (3)")
    links.end()
    assert [row["id"] for row in await DB.fetch("SELECT id FROM chained ORDER BY id")] == [1, 3]
    assert await _pool_is_whole()
