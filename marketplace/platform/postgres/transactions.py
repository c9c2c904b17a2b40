"""One transaction, on one connection, of one task: the unit of work, and units that follow each other.

Piccolo's own transaction leaks its connection and its context variable when COMMIT raises, turns nested blocks into
no-ops, and is inherited by child tasks; `UnitOfWork` replaces it (ruff bans the stock one).
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from contextvars import Context
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar

import asyncpg
import structlog
from piccolo.engine.postgres import PostgresTransaction  # noqa: TID251 - replaced here

from marketplace.kernel.refusals import ServiceUnavailable
from marketplace.platform.postgres.connection_errors import LOST, is_connection_lost

if TYPE_CHECKING:
    from marketplace.platform.postgres.database import Engine

ACQUIRE_TIMEOUT_S = 5.0
"""How long a unit of work waits for a connection before the request is refused as busy."""

logger = structlog.get_logger()

_Result = TypeVar("_Result")

Isolation = Literal["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"]


class Busy(ServiceUnavailable):
    """No connection became free in time."""

    zh = "系统繁忙，请稍后再试。"
    en = "The service is busy; try again shortly."


class TransactionMisuseError(RuntimeError):
    """A programming error: a nested unit of work, a child task in one, or a query after the transaction was aborted."""


class ChainedTransactions:
    """Units of work that follow each other on one connection of the desks' pool: the COMMIT of one begins the next.

    This saves each a round trip, and the way to the pool and back. `has_next` is called at each COMMIT: whether another unit of
    work follows at once. If none follows after all, `end` returns the connection.
    """

    __slots__ = ("_connection", "_engine", "has_next")

    def __init__(self, engine: "Engine", has_next: Callable[[], bool]) -> None:
        """Prepare; the first unit of work acquires the connection."""
        self._engine = engine
        self.has_next = has_next
        self._connection: Any = None

    @property
    def pool(self) -> asyncpg.Pool | None:
        """The desks' pool of the database on which the task works."""
        return self._engine.desk_pool

    def next(self) -> "UnitOfWork":
        """Return the next unit of work."""
        return UnitOfWork(self._engine, chain=self)

    def keep(self, connection: Any) -> None:
        """Keep the connection, whose transaction has begun, for the next unit of work."""
        self._connection = connection

    def take(self) -> Any:
        """Return the connection that the previous unit of work left, or None; it is the caller's now."""
        connection, self._connection = self._connection, None
        return connection

    def end(self) -> None:
        """Return a connection that is left with a transaction in which nothing was done."""
        connection = self.take()
        if connection is not None:
            _give_back(self.pool, connection, unused=True)


class UnitOfWork(PostgresTransaction):
    """One transaction, on one connection, of one task.

    Commits when the block ends and rolls back when it raises. Whatever happens (a failing COMMIT, a cancellation at any await),
    the connection returns to the pool intact, or passes to the next unit of its chain, and the context is restored.

    `in_doubt` says, after an exception, that the connection was lost at COMMIT: the transaction may or may not be committed.
    `committed` may be set to a function that is called right after COMMIT.
    """

    __slots__ = ("_acquire_timeout_s", "_chain", "_isolation", "committed", "in_doubt", "owner")

    def __init__(
        self,
        engine: "Engine",
        isolation: Isolation = "READ COMMITTED",
        acquire_timeout_s: float = ACQUIRE_TIMEOUT_S,
        chain: ChainedTransactions | None = None,
    ) -> None:
        """Prepare; nothing is acquired before the block is entered. All units of work of a chain have one isolation level."""
        if engine.current_transaction.get() is not None:
            raise TransactionMisuseError("a unit of work is already open here; pass it on instead of nesting one")
        super().__init__(engine, allow_nested=False)
        self._isolation = isolation
        self._acquire_timeout_s = acquire_timeout_s
        self._chain = chain
        self.owner: asyncio.Task[Any] | None = None
        self.in_doubt = False
        self.committed: Callable[[], None] | None = None

    async def __aenter__(self) -> Self:
        self.owner = asyncio.current_task()
        self.connection = None if self._chain is None else self._chain.take()
        if self.connection is None:
            await self._begin()
        self.context = self.engine.current_transaction.set(self)
        return self

    @property
    def _pool(self) -> asyncpg.Pool | None:
        pool: asyncpg.Pool | None = self.engine.pool if self._chain is None else self._chain.pool
        return pool

    async def _begin(self) -> None:
        pool = self._pool
        if pool is None:
            raise TransactionMisuseError("the connection pool is not open")
        try:
            self.connection = await pool.acquire(timeout=self._acquire_timeout_s)
        except TimeoutError as error:
            raise Busy from error
        try:
            await self.connection.execute(f"BEGIN ISOLATION LEVEL {self._isolation}")
        except BaseException:
            self._give_back()
            raise

    async def __aexit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> Literal[False]:
        self.engine.current_transaction.reset(self.context)
        try:
            if exception_type is None:
                await self._commit()
            elif not _is_lost(self.connection):
                await self.connection.execute("ROLLBACK")
        except LOST as error:
            if exception_type is None:
                self.in_doubt = is_connection_lost(error)
                raise
            # The rollback failed because the connection is lost, and with it the transaction; report the first error.
            if not _is_lost(self.connection):
                self.connection.terminate()
        finally:
            if self.connection is not None:
                self._give_back()
        return False

    async def _commit(self) -> None:
        chain = self._chain
        has_next = chain is not None and chain.has_next()
        # An aborted transaction answers COMMIT with "ROLLBACK" and no error: that must not pass for a commit.
        status = await self.connection.execute("COMMIT AND CHAIN" if has_next else "COMMIT")
        if status != "COMMIT":
            raise TransactionMisuseError(f"an error inside the unit of work was swallowed: COMMIT said {status}")
        if chain is not None and has_next:
            chain.keep(self.connection)
            self.connection = None
        if self.committed is not None:
            self.committed()

    def _give_back(self) -> None:
        _give_back(self._pool, self.connection)

    def check_owner(self) -> None:
        """Raise TransactionMisuseError in any task but the one that opened the unit of work."""
        if asyncio.current_task() is not self.owner:
            raise TransactionMisuseError("a child task used its parent's unit of work; open one of its own")

    async def fetch(self, sql: str, *values: Any) -> list[asyncpg.Record]:
        """Run a statement with `$1…` parameters inside the transaction and return its rows."""
        self.check_owner()
        rows: list[asyncpg.Record] = await self.connection.fetch(sql, *values)
        return rows

    async def fetchrow(self, sql: str, *values: Any) -> asyncpg.Record | None:
        """Run a statement and return its first row, or None."""
        self.check_owner()
        return await self.connection.fetchrow(sql, *values)

    async def fetchval(self, sql: str, *values: Any) -> Any:
        """Run a statement and return the first column of its first row, or None."""
        self.check_owner()
        return await self.connection.fetchval(sql, *values)

    async def execute(self, sql: str, *values: Any) -> str:
        """Run a statement and return its status, such as `UPDATE 3`."""
        self.check_owner()
        status: str = await self.connection.execute(sql, *values)
        return status

    async def run(self, query: Awaitable[_Result]) -> _Result:
        """Run a query of Piccolo's builder inside the transaction and return its result.

        Raises TransactionMisuseError if this unit of work is not the open one: the query would run elsewhere.
        """
        self.check_owner()
        if self.engine.current_transaction.get() is not self:
            raise TransactionMisuseError("the unit of work is not open here; the query would run outside of it")
        return await query

    @asynccontextmanager
    async def nested(self) -> AsyncIterator[None]:
        """Run a block that may fail alone: an exception rolls back its changes (to a savepoint) and propagates."""
        self.check_owner()
        await self.connection.execute("SAVEPOINT nested")
        try:
            yield
        except BaseException:
            with contextlib.suppress(*LOST):  # then the whole transaction is rolled back; report the first error
                await self.connection.execute("ROLLBACK TO SAVEPOINT nested; RELEASE SAVEPOINT nested")
            raise
        await self.connection.execute("RELEASE SAVEPOINT nested")


_RETURNING: set[asyncio.Task[None]] = set()
"""Connections on their way back to the pool; without a reference a task may be collected before it has run."""


def _give_back(pool: asyncpg.Pool | None, connection: Any, *, unused: bool = False) -> None:
    """Return the connection to the pool concurrently: the transaction is decided, and the way back takes rounds of the event
    loop, each behind other requests. `unused`: a transaction has begun that is not needed.
    """
    # Without a pool, it was closed under us; in a transaction, we were cancelled in the middle of COMMIT or ROLLBACK.
    if not _is_lost(connection) and (pool is None or (connection.is_in_transaction() and not unused)):
        connection.terminate()
    if pool is None:
        return
    returning = asyncio.get_running_loop().create_task(_release(pool, connection, unused), context=Context())
    _RETURNING.add(returning)
    returning.add_done_callback(_RETURNING.discard)


def _is_lost(connection: Any) -> bool:
    """Return whether the connection is lost. The pool may have taken it back already: then it raises on any use."""
    try:
        return bool(connection.is_closed())
    except asyncpg.InterfaceError:
        return True


async def _release(pool: asyncpg.Pool, connection: Any, unused: bool) -> None:
    try:
        if unused and not _is_lost(connection):
            await connection.execute("ROLLBACK")
        await pool.release(connection)
    except LOST as error:
        # Killed just now, and dropped by the pool. The transaction is decided: a COMMIT stays committed.
        logger.warning("connection_lost_after_use", error=repr(error))
