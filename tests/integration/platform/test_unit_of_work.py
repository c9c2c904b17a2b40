"""The unit of work keeps the pool whole and nothing half-written; the stock transaction does not."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import asyncpg
import pytest
from piccolo.engine.postgres import PostgresTransaction  # noqa: TID251 - the broken variant that these tests must catch

from marketplace.platform.postgres.connection_errors import is_connection_lost
from marketplace.platform.postgres.database import DB, TransactionMisuseError, UnitOfWork, unit_of_work
from tests.support.proxy import Cut, proxied

LOST = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)
"""What a lost connection may look like: it depends on how far the driver had read when it was lost."""


@pytest.fixture
async def table(dsn: str) -> AsyncIterator[None]:
    """A table with a deferred constraint, whose violation makes COMMIT raise; a pool of two."""
    await DB.open(dsn, pool_size=2)
    await DB.fetch("CREATE TABLE parent (id int PRIMARY KEY)")
    await DB.fetch(
        "CREATE TABLE child (id int PRIMARY KEY, parent int REFERENCES parent DEFERRABLE INITIALLY DEFERRED)"
    )
    yield
    await DB.close()


async def _failing_commits(transaction: Callable[[], Any], times: int) -> None:
    for number in range(times):
        with pytest.raises(asyncpg.ForeignKeyViolationError):
            async with transaction():
                await DB._run_in_current("INSERT INTO child VALUES ($1, 99)", number)  # type: ignore[attr-defined]


@pytest.fixture(autouse=True)
def _helper(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run(sql: str, *values: Any) -> None:
        await DB.current_transaction.get().connection.execute(sql, *values)

    monkeypatch.setattr(type(DB), "_run_in_current", staticmethod(run), raising=False)


async def _pool_is_whole() -> bool:
    try:
        async with asyncio.timeout(1):
            async with DB.pool.acquire() as first, DB.pool.acquire() as second:
                return (await first.fetchval("SELECT 1")) + (await second.fetchval("SELECT 1")) == 2
    except TimeoutError:
        return False


async def test_failing_commit_leaves_pool_and_context_whole(table: None) -> None:
    await _failing_commits(unit_of_work, 3)
    assert DB.current_transaction.get() is None
    assert await _pool_is_whole()
    with pytest.raises(ZeroDivisionError):
        async with unit_of_work() as work:
            await work.execute("INSERT INTO parent VALUES (1)")
            raise ZeroDivisionError
    assert await DB.fetchval("SELECT count(*) FROM parent") == 0


async def test_the_stock_transaction_turns_that_red(table: None) -> None:
    """The guard's test can fail: with Piccolo's own transaction the context leaks and the pool runs dry."""

    async def check() -> bool:
        await _failing_commits(lambda: PostgresTransaction(DB, allow_nested=True), 1)
        return DB.current_transaction.get() is None

    assert not await asyncio.create_task(check())
    DB.pool.terminate()
    DB.pool = None
    await DB.start_connection_pool(min_size=1, max_size=2)


async def test_a_swallowed_database_error_does_not_pass_for_a_commit(table: None) -> None:
    with pytest.raises(TransactionMisuseError, match="swallowed"):
        async with unit_of_work() as work:
            await work.execute("INSERT INTO parent VALUES (1)")
            with pytest.raises(asyncpg.PostgresError):
                await work.execute("SELECT 1/0")
    assert await _pool_is_whole()


async def test_no_nesting(table: None) -> None:
    async with unit_of_work():
        with pytest.raises(TransactionMisuseError, match="already open"):
            unit_of_work()


async def test_a_child_task_cannot_use_its_parents_transaction(table: None) -> None:
    async with unit_of_work() as work:
        await work.execute("INSERT INTO parent VALUES (1)")

        async def child() -> None:
            await work.execute("INSERT INTO parent VALUES (2)")

        async def child_by_piccolo() -> None:
            from marketplace.platform.tables import EventTickRow

            await EventTickRow.select()

        for task in (child, child_by_piccolo):
            with pytest.raises(TransactionMisuseError, match="child task"):
                await asyncio.create_task(task())
    assert await DB.fetchval("SELECT count(*) FROM parent") == 1


@pytest.mark.parametrize("stop_at", range(12))
async def test_cancellation_at_each_await_is_all_or_nothing(table: None, stop_at: int) -> None:
    """Cancel after 0, 1, 2… turns of the loop: both rows or none, and the pool stays whole."""

    async def action() -> None:
        async with UnitOfWork(DB) as work:
            await work.execute("INSERT INTO parent VALUES (1)")
            await work.execute("INSERT INTO parent VALUES (2)")

    task = asyncio.create_task(action())
    for _ in range(stop_at):
        await asyncio.sleep(0.0003)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert await DB.fetchval("SELECT count(*) FROM parent") in {0, 2}
    assert await _pool_is_whole()


async def test_a_lost_connection_is_replaced(table: None) -> None:
    with pytest.raises(LOST):
        async with unit_of_work() as work:
            pid = await work.fetchval("SELECT pg_backend_pid()")
            other = await asyncpg.connect(**DB.config)
            await other.execute("SELECT pg_terminate_backend($1)", pid)
            await other.close()
            await work.execute("SELECT 1")
    assert await _pool_is_whole()


async def test_a_connection_lost_at_commit_is_told_as_that_and_leaves_the_pool_whole(dsn: str) -> None:
    """The pool takes a lost connection back by itself, and the connection then refuses to be asked anything."""
    async with proxied(dsn) as proxy:
        await DB.open(proxy.dsn, pool_size=2)
        await DB.fetch("CREATE TABLE parent (id int PRIMARY KEY)")
        for number, cut in enumerate((Cut.BEFORE, Cut.AFTER) * 3):
            proxy.cut(cut)
            work = unit_of_work()
            with pytest.raises(asyncpg.PostgresConnectionError) as reported:
                async with work:
                    await work.execute("INSERT INTO parent VALUES ($1)", number)
            assert work.in_doubt
            assert is_connection_lost(reported.value)
        assert await _pool_is_whole()
        assert await DB.fetchval("SELECT array_agg(id ORDER BY id) FROM parent") == [1, 3, 5]
        await DB.close()


async def test_the_first_error_counts_when_the_connection_is_lost_on_the_way(table: None) -> None:
    with pytest.raises(ZeroDivisionError):
        async with unit_of_work() as work:
            pid = await work.fetchval("SELECT pg_backend_pid()")
            async with DB.pool.acquire() as other:
                await other.execute("SELECT pg_terminate_backend($1)", pid)
            await asyncio.sleep(0.05)
            raise ZeroDivisionError
    with pytest.raises(LOST) as reported:
        async with unit_of_work() as work, work.nested():
            pid = await work.fetchval("SELECT pg_backend_pid()")
            async with DB.pool.acquire() as other:
                await other.execute("SELECT pg_terminate_backend($1)", pid)
            await work.execute("SELECT 1")
    assert is_connection_lost(reported.value)
    assert not work.in_doubt
    assert await _pool_is_whole()


async def test_a_commit_stays_a_commit_when_the_connection_dies_on_its_way_back(
    table: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def dies(_self: Any, **_options: Any) -> None:
        raise asyncpg.InternalClientError("cannot switch to state 15; another operation (2) is in progress")

    with monkeypatch.context() as patch:
        patch.setattr(asyncpg.Connection, "reset", dies)
        async with unit_of_work() as work:
            await work.execute("INSERT INTO parent VALUES (1)")
    assert await DB.fetchval("SELECT count(*) FROM parent") == 1
    assert await _pool_is_whole()


def test_what_counts_as_away() -> None:
    """A database that is gone for now; neither misuse nor a missing file of our own."""
    assert is_connection_lost(asyncpg.CannotConnectNowError("the database system is starting up"))
    assert is_connection_lost(asyncpg.InterfaceError("connection is closed"))
    assert is_connection_lost(ExceptionGroup("", [asyncpg.AdminShutdownError("terminating")]))
    assert not is_connection_lost(asyncpg.InterfaceError("cannot perform operation: another operation is in progress"))
    assert not is_connection_lost(asyncpg.DataError("invalid input"))
    assert not is_connection_lost(asyncpg.UniqueViolationError("key"))
    assert not is_connection_lost(FileNotFoundError(2, "No such file or directory"))


async def test_no_server_counts_as_away() -> None:
    with pytest.raises(OSError, match="No such file") as reported:
        await asyncpg.connect("postgresql://postgres@/x?host=/nowhere")
    assert is_connection_lost(reported.value)
