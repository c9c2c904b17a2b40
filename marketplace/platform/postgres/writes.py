"""Many set-based writes in one statement: one round trip for a whole batch, and only for the tables that it changes."""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from marketplace.platform.postgres.database import UnitOfWork
from marketplace.platform.postgres.rows import Columns

_NOW = "$1::timestamptz"


class Write:
    """One write of a batch: its SQL contains `{rows}` where its rows go, as a table `d`, and `{now}` for the instant.

    An UPDATE, which may find fewer rows than it should, ends in `RETURNING 1`, and its rows are counted; an INSERT writes all its
    rows or fails, and is not counted: that was 4 to 6 % of the statement. No two writes of a batch may change the same row.
    Several tables may be written from the same rows, which are then read once.
    """

    def __init__(self, name: str, columns: str, *sql: str) -> None:
        """Take a name, unique among the writes of a batch, and the columns as `Columns` defines them."""
        self.name = name
        self.columns = Columns(columns)
        self.sql = sql
        self.counted = not all(one.startswith("INSERT") for one in sql)
        if self.counted and len(sql) > 1:
            raise ValueError(f"{name}: what is counted stands alone")

    def parts(self, place: int) -> list[str]:
        """Return the WITH clauses that write the rows of the parameter at this position."""
        rows, parts = self.columns.table(place, "d"), []
        if len(self.sql) > 1:
            parts.append(f"{self.name}_rows AS MATERIALIZED (SELECT * FROM {rows})")
            rows = f"{self.name}_rows AS d"
        names = [self.name, *(f"{self.name}_{number}" for number in range(2, len(self.sql) + 1))]
        parts += [f"{name} AS ({sql.format(rows=rows, now=_NOW)})" for name, sql in zip(names, self.sql, strict=True)]
        return parts


class MissedRowsError(RuntimeError):
    """A write matched other rows than were loaded under lock; the transaction must not commit."""


class Writes:
    """The writes of one batch, at one instant."""

    def __init__(self, now: datetime) -> None:
        """Start with no writes at this instant."""
        self._now = now
        self._wanted: list[tuple[Write, Sequence[Sequence[Any]]]] = []

    def add(self, write: Write, rows: Sequence[Sequence[Any]]) -> None:
        """Add a write of these rows; without rows nothing is added."""
        if rows:
            self._wanted.append((write, rows))

    async def run(self, work: UnitOfWork) -> None:
        """Write everything in one statement. Raises MissedRowsError unless each UPDATE changed as many rows as it has."""
        if not self._wanted:
            return
        values = [write.columns.json(rows) for write, rows in self._wanted]
        statement = _statement(tuple(write for write, _ in self._wanted))
        counts = await work.fetchrow(statement, self._now, *values)
        counted = [(write, rows) for write, rows in self._wanted if write.counted]
        for (write, rows), count in zip(counted, counts or (), strict=True):
            if count != len(rows):
                raise MissedRowsError(f"{write.name}: {len(rows)} rows were to be written, {count} were")


@lru_cache(maxsize=512)
def _statement(writes: tuple[Write, ...]) -> str:
    parts = [part for place, write in enumerate(writes, start=2) for part in write.parts(place)]
    counts = ", ".join(f"(SELECT count(*) FROM {write.name})" for write in writes if write.counted)
    return f"WITH at AS (SELECT {_NOW}), {', '.join(parts)} SELECT {counts}"  # `at` gives $1 a type
