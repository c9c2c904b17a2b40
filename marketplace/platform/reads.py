"""Many set-based reads in one statement: a batch waits for one answer instead of one for each table.

While a batch waits, the event loop serves other requests, and each further answer has to wait for them in turn; round trips
that cost the database nothing were a third of a batch's time (docs/performance.md).
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import msgspec

from marketplace.platform.arrays import arrays
from marketplace.platform.database import UnitOfWork


class Read(msgspec.Struct, frozen=True):
    """One read of a batch: `sql` selects one ROW(…) and says `{rows}` where the wanted keys stand, as columns of `types`.

    A table that may grow from nothing while plans are kept is looked into by `CROSS JOIN LATERAL (… OFFSET 0)`: key by key
    through its index. Joined, it would be planned as the empty table that it was, and read whole for each batch.
    """

    types: tuple[str, ...]
    sql: str


NOW = (Read(("bool",), "SELECT clock_timestamp() FROM {rows} AS asked"), ((True,),))
"""To be asked for last: the database's time after the locks of the reads before it were had."""


async def read_all(work: UnitOfWork, wanted: Sequence[tuple[Read, Sequence[Sequence[Any]]]]) -> list[list[Any]]:
    """Return what each read finds, as tuples, in their order. A read of no keys finds nothing and costs nothing."""
    asked = [(read, rows) for read, rows in wanted if rows]
    if not asked:
        return [[] for _ in wanted]
    values = [value for read, rows in asked for value in arrays(read.types, rows)]
    found = iter(await work.fetchrow(_statement(tuple(read for read, _ in asked)), *values) or ())
    return [next(found) if rows else [] for _, rows in wanted]


@lru_cache(maxsize=256)
def _statement(reads: tuple[Read, ...]) -> str:
    parts, number = [], 1
    for read in reads:
        places = ", ".join(f"${place}::text::{kind}[]" for place, kind in enumerate(read.types, start=number))
        number += len(read.types)
        parts.append(f"ARRAY({read.sql.format(rows=f'unnest({places})')})")
    return f"SELECT {', '.join(parts)}"
