"""Many set-based reads in one statement: a batch waits for one response instead of one per table.

While a batch waits, the event loop serves other requests, and each further response has to wait for them in turn; round trips
that cost the database nothing were a third of a batch's time (docs/performance.md).
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from marketplace.platform.postgres.database import UnitOfWork
from marketplace.platform.postgres.database_time import PRESENT
from marketplace.platform.postgres.rows import Columns


class Read:
    """One read of a batch: `sql` selects one ROW(…) and contains `{wanted}` where the wanted keys go, as a table of that name.

    A read that locks rows names its table in `locks`; a batch runs such reads in its lock order.

    A table that may grow from nothing while plans are cached is joined by `CROSS JOIN LATERAL (… OFFSET 0)`: key by key through
    its index. A plain join would be planned for the empty table that it was, and read the whole table for each batch.
    """

    def __init__(self, keys: str, sql: str, *, locks: str = "") -> None:
        """Take the columns of the keys as `Columns` defines them; none for a read without keys."""
        if ("FOR UPDATE" in sql) is not bool(locks):
            raise ValueError("a read that locks says what, and no other")
        self.keys = Columns(keys) if keys else None
        self.sql = sql
        self.locks = locks


NOW = (Read("", PRESENT), ((),))
"""Add it last: the database's time after the reads before it got their locks."""


async def read_all(work: UnitOfWork, wanted: Sequence[tuple[Read, Sequence[Sequence[Any]]]]) -> list[list[Any]]:
    """Return the rows of each read, as tuples, in their order. A read without keys finds nothing and costs nothing."""
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
