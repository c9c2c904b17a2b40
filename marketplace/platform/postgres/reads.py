"""Many set-based reads in one statement: a batch waits for one answer instead of one for each table.

While a batch waits, the event loop serves other requests, and each further answer has to wait for them in turn; round trips
that cost the database nothing were a third of a batch's time (docs/performance.md).
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from marketplace.platform.postgres.database import UnitOfWork
from marketplace.platform.postgres.database_time import PRESENT
from marketplace.platform.postgres.rows import Columns


class Read:
    """One read of a batch: `sql` selects one ROW(…) and says `{wanted}` where the wanted keys stand, a table of that name.

    One that locks what it reads names it in `locks`; a batch runs such reads in its lock order.

    A table that may grow from nothing while plans are kept is looked into by `CROSS JOIN LATERAL (… OFFSET 0)`: key by key
    through its index. Joined, it would be planned as the empty table that it was, and read whole for each batch.
    """

    def __init__(self, keys: str, sql: str, *, locks: str = "") -> None:
        """Take the columns of the keys as `Columns` defines them, none for a read that asks for nothing by key."""
        if ("FOR UPDATE" in sql) is not bool(locks):
            raise ValueError("a read that locks says what, and no other")
        self.keys = Columns(keys) if keys else None
        self.sql = sql
        self.locks = locks


NOW = (Read("", PRESENT), ((),))
"""To be asked for last: the database's time after the locks of the reads before it were had."""


async def read_all(work: UnitOfWork, wanted: Sequence[tuple[Read, Sequence[Sequence[Any]]]]) -> list[list[Any]]:
    """Return what each read finds, as tuples, in their order. A read of no keys finds nothing and costs nothing."""
    asked = [(read, rows) for read, rows in wanted if rows]
    if not asked:
        return [[] for _ in wanted]
    values = [read.keys.json(rows) for read, rows in asked if read.keys is not None]
    found = iter(await work.fetchrow(_statement(tuple(read for read, _ in asked)), *values) or ())
    return [next(found) if rows else [] for _, rows in wanted]


@lru_cache(maxsize=256)
def _statement(reads: tuple[Read, ...]) -> str:
    parts, place = [], 0
    for read in reads:
        place += read.keys is not None
        table = "" if read.keys is None else read.keys.table(place, "wanted")
        parts.append(f"ARRAY({read.sql.format(wanted=table)})")
    return f"SELECT {', '.join(parts)}"
