"""One pool, one unit of work.

Piccolo's own transaction leaks its connection and its context variable when COMMIT raises, turns nested blocks into
no-ops, and is inherited by child tasks; `UnitOfWork` replaces it (ruff bans the stock one).
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from contextvars import Context, ContextVar
from types import TracebackType
from typing import Any, Literal, Self

import asyncpg
import structlog
from piccolo.engine.postgres import PostgresEngine, PostgresTransaction  # noqa: TID251 - replaced here
from piccolo.querystring import QueryString

from marketplace.kernel.facts import Fact, Kind
from marketplace.platform.away import LOST, is_away

ACQUIRE_TIMEOUT_S = 5.0
"""How long a unit of work waits for a connection before it says that the program is busy."""

logger = structlog.get_logger()

Isolation = Literal["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"]

BY_INDEX = (
    "SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off;"
    " SET LOCAL plan_cache_mode = force_generic_plan"
)
"""For a transaction that looks up rows by their whole keys and does nothing else, again and again: the desks'.

Its statements are planned once for each connection, always by index. Left alone, PostgreSQL plans a batch anew for its size,
which takes longer than a small batch itself, or keeps a plan that was made when a table was empty and reads the whole of
it until the next ANALYZE (docs/performance.md).
"""

SERVER_SETTINGS = {
    "jit": "off",  # plans here are short; compiling them costs more than running them
    "application_name": "marketplace",
    "timezone": "UTC",
    "random_page_cost": "1.1",  # disks without heads, and memory: an index in the order that is asked for is worth its jumps
    "lock_timeout": "2s",
    "statement_timeout": "10s",
    "idle_in_transaction_session_timeout": "10s",
}


class Busy(Fact):
    """No connection came free in time."""

    kind = Kind.UNAVAILABLE
    code = "busy"
    zh = "系统繁忙，请稍后再试。"
    en = "The service is busy; try again shortly."


class TransactionMisuseError(RuntimeError):
    """A programming error: a nested unit of work, a child task in one, or a query after the transaction was aborted."""


class UnitOfWork(PostgresTransaction):
    """One transaction, on one connection, of one task.

    Commits when the block ends and rolls back when it raises; whatever happens (a failing COMMIT, a cancellation at any
    await) the connection goes back to the pool whole and the context is restored.

    `in_doubt` tells, after an exception, that the connection was lost at COMMIT: it may or may not have been carried out.
    `committed` may be set to what is to be called, at once, when it was.
    """

    __slots__ = ("_acquire_timeout_s", "_begin", "committed", "in_doubt", "owner")

    def __init__(
        self,
        engine: "Engine",
        isolation: Isolation = "READ COMMITTED",
        acquire_timeout_s: float = ACQUIRE_TIMEOUT_S,
        settings: str = "",
    ) -> None:
        """Prepare; nothing is acquired before the block is entered. `settings` are SET LOCALs, sent along with BEGIN."""
        if engine.current_transaction.get() is not None:
            raise TransactionMisuseError("a unit of work is already open here; pass it on instead of nesting one")
        super().__init__(engine, allow_nested=False)
        self._begin = f"BEGIN ISOLATION LEVEL {isolation}; {settings}"
        self._acquire_timeout_s = acquire_timeout_s
        self.owner: asyncio.Task[Any] | None = None
        self.in_doubt = False
        self.committed: Callable[[], None] | None = None

    async def __aenter__(self) -> Self:
        pool = self.engine.pool
        if pool is None:
            raise TransactionMisuseError("the connection pool is not open")
        self.owner = asyncio.current_task()
        try:
            self.connection = await pool.acquire(timeout=self._acquire_timeout_s)
        except TimeoutError as error:
            raise Busy from error
        try:
            await self.connection.execute(self._begin)
        except BaseException:
            self._give_back()
            raise
        self.context = self.engine.current_transaction.set(self)
        return self

    async def __aexit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> Literal[False]:
        self.engine.current_transaction.reset(self.context)
        try:
            if exception_type is None:
                # An aborted transaction answers COMMIT with "ROLLBACK" and no error: that must not pass for a commit.
                status = await self.connection.execute("COMMIT")
                if status != "COMMIT":
                    raise TransactionMisuseError(
                        f"an error inside the unit of work was swallowed: COMMIT said {status}"
                    )
                if self.committed is not None:
                    self.committed()
            elif not self._is_lost():
                await self.connection.execute("ROLLBACK")
        except LOST as error:
            if exception_type is None:
                self.in_doubt = is_away(error)
                raise
            # The rollback failed because the connection is gone, and with it the transaction; the first error counts.
            if not self._is_lost():
                self.connection.terminate()
        finally:
            self._give_back()
        return False

    def _give_back(self) -> None:
        """Return the connection to the pool, beside what comes next: what the transaction did is decided, and the pool takes two
        rounds of the event loop, each of them behind other requests.
        """
        pool, connection = self.engine.pool, self.connection
        # Without a pool, it was closed under us; in a transaction, we were cancelled in the middle of COMMIT or ROLLBACK.
        if not self._is_lost() and (pool is None or connection.is_in_transaction()):
            connection.terminate()
        if pool is None:
            return
        returning = asyncio.get_running_loop().create_task(_release(pool, connection), context=Context())
        _RETURNING.add(returning)
        returning.add_done_callback(_RETURNING.discard)

    def _is_lost(self) -> bool:
        """Tell whether the connection is gone. The pool may have taken it back by itself: then it answers no question."""
        try:
            return bool(self.connection.is_closed())
        except asyncpg.InterfaceError:
            return True

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

    @asynccontextmanager
    async def nested(self) -> AsyncIterator[None]:
        """Run a block that may fail alone: on an exception what it did is undone and the exception goes on."""
        self.check_owner()
        await self.connection.execute("SAVEPOINT nested")
        try:
            yield
        except BaseException:
            with contextlib.suppress(*LOST):  # then the whole transaction is undone; the first error counts
                await self.connection.execute("ROLLBACK TO SAVEPOINT nested; RELEASE SAVEPOINT nested")
            raise
        await self.connection.execute("RELEASE SAVEPOINT nested")


_RETURNING: set[asyncio.Task[None]] = set()
"""Connections on their way back; a task that nobody holds may be collected before it has run."""


async def _release(pool: asyncpg.Pool, connection: Any) -> None:
    try:
        await pool.release(connection)
    except LOST as error:
        # Killed just now, and dropped by the pool. What the transaction did is decided: a COMMIT stays carried out.
        logger.warning("connection_lost_after_use", error=repr(error))


class Place:
    """One of the databases that this process has open: the live one, or a sandbox's. Its pool is all that there is to it."""

    __slots__ = ("config", "live", "pool")

    def __init__(self, *, live: bool) -> None:
        """Begin with no pool."""
        self.live = live
        self.config: dict[str, Any] = {}
        self.pool: asyncpg.Pool | None = None


LIVE = Place(live=True)
"""Where everybody is who was not led into a sandbox."""

_here: ContextVar[Place] = ContextVar("place", default=LIVE)


def is_live() -> bool:
    """Return whether this task works on the live database, and not on a sandbox's."""
    return _here.get().live


@contextlib.contextmanager
def in_place(place: Place) -> Iterator[None]:
    """Work on another database inside the block; tasks begun in it stay there. Not inside a unit of work."""
    if DB.current() is not None:
        raise TransactionMisuseError("a unit of work is open; its transaction is on one database")
    before = _here.set(place)
    try:
        yield
    finally:
        _here.reset(before)


def fresh_context() -> Context:
    """Return a context for a task that belongs to no request: it has the database of this one, and nothing else of it."""
    context = Context()
    context.run(_here.set, _here.get())
    return context


class Engine(PostgresEngine):
    """Piccolo's engine with our unit of work, with reads that need no transaction, and with the pool of the task's place."""

    @property
    def pool(self) -> asyncpg.Pool | None:
        """The pool of the database on which this task works."""
        return _here.get().pool

    @pool.setter
    def pool(self, pool: asyncpg.Pool | None) -> None:
        _here.get().pool = pool

    @property
    def config(self) -> dict[str, Any]:
        """How that database is reached."""
        return _here.get().config

    @config.setter
    def config(self, config: dict[str, Any]) -> None:
        _here.get().config = config

    async def check_version(self) -> None:
        """Do nothing: the base class would connect while this module is imported; `doctor` checks the version."""

    def transaction(self, allow_nested: bool = False) -> UnitOfWork:  # noqa: ARG002 - the base class's signature
        """Return a unit of work: Piccolo's own helpers get ours too."""
        return UnitOfWork(self)

    async def run_querystring(self, querystring: QueryString, in_pool: bool = True) -> Any:
        """Run a Piccolo query, inside the unit of work if this task opened one."""
        self._check()
        return await super().run_querystring(querystring, in_pool)

    async def run_ddl(self, ddl: str, in_pool: bool = True) -> Any:
        """Run DDL, inside the unit of work if this task opened one."""
        self._check()
        return await super().run_ddl(ddl, in_pool)

    def current(self) -> UnitOfWork | None:
        """Return the unit of work that is open here, or None."""
        found = self.current_transaction.get()
        return found if isinstance(found, UnitOfWork) else None

    def _check(self) -> None:
        current = self.current()
        if current is not None:
            current.check_owner()

    async def fetch(self, sql: str, *values: Any) -> list[asyncpg.Record]:
        """Run one statement and return its rows: inside the unit of work if this task has one open, else by itself."""
        current = self.current()
        if current is not None:
            return list(await current.fetch(sql, *values))
        try:
            async with self._pool().acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
                rows: list[asyncpg.Record] = await connection.fetch(sql, *values)
                return rows
        except TimeoutError as error:
            raise Busy from error

    async def fetchrow(self, sql: str, *values: Any) -> asyncpg.Record | None:
        """Run one reading statement and return its first row, or None."""
        rows = await self.fetch(sql, *values)
        return rows[0] if rows else None

    async def fetchval(self, sql: str, *values: Any) -> Any:
        """Run one reading statement and return the first column of its first row, or None."""
        row = await self.fetchrow(sql, *values)
        return None if row is None else row[0]

    def _pool(self) -> asyncpg.Pool:
        if self.pool is None:
            raise TransactionMisuseError("the connection pool is not open")
        return self.pool

    async def open(self, dsn: str, role: str = "", pool_size: int = 10, *, patient: bool = False) -> None:
        """Open the pool. With `role` every connection acts as that role, which cannot change a posting.

        `patient` is for migrations: a statement may take as long as a big table needs, though not wait for locks.
        """
        self.config = connection_config(dsn, role)
        if patient:
            self.config["server_settings"] |= {"statement_timeout": "0", "idle_in_transaction_session_timeout": "0"}
        await self.start_connection_pool(min_size=2, max_size=pool_size, init=_prepare, reset=_leave)

    async def close(self) -> None:
        """Close the pool, if it is open."""
        if self.pool is not None:
            await self.close_connection_pool()


DB = Engine(config={})
"""The one engine; tables are bound to it, `open` gives the place where the task is its address."""


def unit_of_work(isolation: Isolation = "READ COMMITTED", settings: str = "") -> UnitOfWork:
    """Return a unit of work on the one engine: `async with unit_of_work() as work:`. `settings`: such as BY_INDEX."""
    return UnitOfWork(DB, isolation, settings=settings)


def connection_config(dsn: str, role: str = "") -> dict[str, Any]:
    """Return what asyncpg needs to connect, with the session settings of this program."""
    server_settings = SERVER_SETTINGS | ({"role": role} if role else {})
    return {"dsn": dsn, "server_settings": server_settings}


async def _prepare(connection: asyncpg.Connection) -> None:
    await connection.set_type_codec("jsonb", schema="pg_catalog", encoder=_encode_json, decoder=json.loads)


async def _leave(connection: asyncpg.Connection) -> None:
    """Leave a connection that comes back as it is.

    The driver would ask the server to undo what a session may have changed, one more round trip for each transaction; here
    settings are SET LOCAL, nobody listens, and only the migrators, on a connection of their own, lock beyond a transaction.
    """


def _encode_json(value: Any) -> str:
    # Piccolo hands over JSON that it has already encoded; our own statements hand over values.
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def columns(rows: Sequence[Sequence[Any]], width: int) -> list[list[Any]]:
    """Return rows turned into `width` columns, as `unnest` wants its parameters; no rows give empty columns."""
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in range(width)]
