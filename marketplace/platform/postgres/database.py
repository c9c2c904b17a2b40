"""The databases that this process has open, and the one engine that works on them."""

import contextlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextvars import Context, ContextVar
from typing import Any

import asyncpg
from piccolo.engine.postgres import PostgresEngine
from piccolo.querystring import QueryString

from marketplace.platform.postgres.transactions import (
    ACQUIRE_TIMEOUT_S,
    Busy,
    ChainedTransactions,
    Isolation,
    TransactionMisuseError,
    UnitOfWork,
)

__all__ = [
    "DB",
    "LIVE",
    "Busy",
    "ChainedTransactions",
    "DatabaseHandle",
    "Engine",
    "TransactionMisuseError",
    "UnitOfWork",
    "chained_transactions",
    "unit_of_work",
]

_BY_INDEX = {
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "plan_cache_mode": "force_generic_plan",
}
"""For the desks' sessions, which look up rows by their whole keys and do nothing else, again and again.

Their statements are planned once per connection, always by index. By default PostgreSQL replans a batch for its size, which takes
longer than a small batch itself, or keeps a plan that was made when a table was empty and reads the whole table until the next
ANALYZE (docs/performance.md).
"""

SERVER_SETTINGS = {
    "jit": "off",  # plans here are short; compiling them costs more than running them
    "application_name": "marketplace",
    "timezone": "UTC",
    "random_page_cost": "1.1",  # SSDs, and data in memory: an index in the requested order is worth its random reads
    "lock_timeout": "2s",
    "statement_timeout": "10s",
    "idle_in_transaction_session_timeout": "10s",
}


class DatabaseHandle:
    """One of the databases that this process has open, the live one or a sandbox's: its connection pools."""

    __slots__ = ("config", "desk_pool", "live", "pool")

    def __init__(self, *, live: bool) -> None:
        """Start with no pool."""
        self.live = live
        self.config: dict[str, Any] = {}
        self.pool: asyncpg.Pool | None = None
        self.desk_pool: asyncpg.Pool | None = None


LIVE = DatabaseHandle(live=True)
"""The database of every task that is not in a sandbox."""

_here: ContextVar[DatabaseHandle] = ContextVar("place", default=LIVE)


def is_live() -> bool:
    """Return whether this task works on the live database, not a sandbox's."""
    return _here.get().live


@contextlib.contextmanager
def using_database(place: DatabaseHandle) -> Iterator[None]:
    """Work on another database inside the block; tasks started in it stay there. Not inside a unit of work."""
    if DB.current() is not None:
        raise TransactionMisuseError("a unit of work is open; its transaction is on one database")
    before = _here.set(place)
    try:
        yield
    finally:
        _here.reset(before)


def fresh_context() -> Context:
    """Return a context for a task that belongs to no request: it inherits the database and nothing else."""
    context = Context()
    context.run(_here.set, _here.get())
    return context


class Engine(PostgresEngine):
    """Piccolo's engine with our unit of work, with reads that need no transaction, and with the pool of the task's database."""

    @property
    def pool(self) -> asyncpg.Pool | None:
        """The pool of the database on which this task works."""
        return _here.get().pool

    @pool.setter
    def pool(self, pool: asyncpg.Pool | None) -> None:
        _here.get().pool = pool

    @property
    def desk_pool(self) -> asyncpg.Pool | None:
        """The desks' pool of that database."""
        return _here.get().desk_pool

    @property
    def config(self) -> dict[str, Any]:
        """The connection parameters of that database."""
        return _here.get().config

    @config.setter
    def config(self, config: dict[str, Any]) -> None:
        _here.get().config = config

    async def check_version(self) -> None:
        """Do nothing: the base class would connect while this module is imported; `doctor` checks the version."""

    def transaction(self, allow_nested: bool = False) -> UnitOfWork:  # noqa: ARG002 - the base class's signature
        """Return a unit of work: Piccolo's own helpers use it too."""
        return UnitOfWork(self)

    async def run_querystring(self, querystring: QueryString, in_pool: bool = True) -> Any:
        """Run a Piccolo query, inside this task's unit of work if it has one."""
        self._check()
        return await super().run_querystring(querystring, in_pool)

    async def run_ddl(self, ddl: str, in_pool: bool = True) -> Any:
        """Run DDL, inside this task's unit of work if it has one."""
        self._check()
        return await super().run_ddl(ddl, in_pool)

    async def _run_in_pool(self, query: str, args: Sequence[Any] | None = None) -> list[asyncpg.Record]:
        """Run a Piccolo query outside a unit of work. Raises Busy, as our own statements do; Piccolo would wait for ever."""
        return await self.fetch(query, *(args or ()))

    def current(self) -> UnitOfWork | None:
        """Return this task's open unit of work, or None."""
        found = self.current_transaction.get()
        return found if isinstance(found, UnitOfWork) else None

    def _check(self) -> None:
        current = self.current()
        if current is not None:
            current.check_owner()

    async def fetch(self, sql: str, *values: Any) -> list[asyncpg.Record]:
        """Run one statement and return its rows: inside this task's unit of work if it has one, else by itself."""
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

        `patient` is for migrations: a statement may take as long as a big table needs, but does not wait for locks.
        """
        self.config = connection_config(dsn, role)
        if patient:
            self.config["server_settings"] |= {"statement_timeout": "0", "idle_in_transaction_session_timeout": "0"}
        await self.start_connection_pool(min_size=2, max_size=pool_size, init=_prepare, reset=_leave)
        desks = self.config | {"server_settings": self.config["server_settings"] | _BY_INDEX}
        # No connection is opened before a desk has work; two per desk of the process are enough.
        _here.get().desk_pool = await asyncpg.create_pool(
            **desks, min_size=0, max_size=pool_size, init=_prepare, reset=_leave
        )

    async def close(self) -> None:
        """Close the pools, if they are open."""
        place = _here.get()
        if place.desk_pool is not None:
            await place.desk_pool.close()
            place.desk_pool = None
        if self.pool is not None:
            await self.close_connection_pool()


DB = Engine(config={})
"""The only engine; tables are bound to it. `open` sets the address of the task's database."""


def unit_of_work(isolation: Isolation = "READ COMMITTED") -> UnitOfWork:
    """Return a unit of work on the one engine: `async with unit_of_work() as work:`."""
    return UnitOfWork(DB, isolation)


def chained_transactions(has_next: Callable[[], bool]) -> ChainedTransactions:
    """Return a desk's chain of units of work on the one engine."""
    return ChainedTransactions(DB, has_next)


def connection_config(dsn: str, role: str = "") -> dict[str, Any]:
    """Return asyncpg's connection parameters, with the session settings of this program."""
    server_settings = SERVER_SETTINGS | ({"role": role} if role else {})
    return {"dsn": dsn, "server_settings": server_settings}


async def _prepare(connection: asyncpg.Connection) -> None:
    for kind in ("json", "jsonb"):
        await connection.set_type_codec(kind, schema="pg_catalog", encoder=_encode_json, decoder=json.loads)


async def _leave(connection: asyncpg.Connection) -> None:
    """Skip the reset of a connection that returns to the pool.

    The driver would ask the server to undo what a session may have changed, one more round trip per transaction. Here settings
    are SET LOCAL, no session listens, and only the migrators, on connections of their own, hold locks beyond a transaction.
    """


def _encode_json(value: Any) -> str:
    # Piccolo passes JSON that it has already encoded; our own statements pass values.
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def columns(rows: Sequence[Sequence[Any]], width: int) -> list[list[Any]]:
    """Return rows transposed into `width` columns, as `unnest` needs its parameters; no rows give empty columns."""
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in range(width)]
