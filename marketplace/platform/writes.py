"""Many set-based writes in one statement: one round trip for a whole batch, and only for the tables that it touches."""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

import msgspec

from marketplace.platform.arrays import arrays
from marketplace.platform.database import UnitOfWork


class Write(msgspec.Struct, frozen=True):
    """One write of a batch: `sql` says `{rows}` where its rows stand, as columns of `types`, and `{now}` for the instant.

    It ends in RETURNING, so that what it changed can be counted; no two writes of a batch may touch the same row.
    """

    name: str
    types: tuple[str, ...]
    sql: str


class MissedRowsError(RuntimeError):
    """A write met other rows than were loaded under lock; the transaction must not commit."""


class Writes:
    """The writes of one batch, at one instant."""

    def __init__(self, now: datetime) -> None:
        """Begin with none."""
        self._now = now
        self._wanted: list[tuple[Write, Sequence[Sequence[Any]]]] = []

    def add(self, write: Write, rows: Sequence[Sequence[Any]]) -> None:
        """Add a write of these rows; nothing for no rows."""
        if rows:
            self._wanted.append((write, rows))

    async def run(self, work: UnitOfWork) -> None:
        """Write everything in one statement. Raises MissedRowsError unless each write changed as many rows as it has."""
        if not self._wanted:
            return
        values: list[Any] = [self._now]
        for write, rows in self._wanted:
            values += arrays(write.types, rows)
        counts = await work.fetchrow(_statement(tuple(write for write, _ in self._wanted)), *values)
        for (write, rows), count in zip(self._wanted, counts or (), strict=True):
            if count != len(rows):
                raise MissedRowsError(f"{write.name}: {len(rows)} rows were to be written, {count} were")


@lru_cache(maxsize=512)
def _statement(writes: tuple[Write, ...]) -> str:
    parts, number = [], 2
    for write in writes:
        places = ", ".join(f"${place}::text::{kind}[]" for place, kind in enumerate(write.types, start=number))
        number += len(write.types)
        parts.append(f"{write.name} AS ({write.sql.format(rows=f'unnest({places})', now='$1::timestamptz')})")
    counts = ", ".join(f"(SELECT count(*) FROM {write.name})" for write in writes)
    return (
        f"WITH at AS (SELECT $1::timestamptz), {', '.join(parts)} SELECT {counts}"  # `at`: $1 has a type, used or not
    )
