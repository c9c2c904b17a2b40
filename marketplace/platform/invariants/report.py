"""The results of the running checks: read from their stored state, at the same cost however much there is to check."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from marketplace.kernel.clock import WALL
from marketplace.platform.invariants.checks import SHOWN, Check, Fetch
from marketplace.platform.postgres.database import DB

TRUSTED_H = 2
"""For how many hours a check is trusted: each is repeated within minutes, or within an hour for very large data."""


class InvariantResult(msgspec.Struct, frozen=True):
    """One invariant, over all its slices.

    `holds` says that no breach is known; `last_true` is the latest instant at which every slice is known to have been true (null
    if a slice was never found true). `checked_at` is the oldest check of a slice, `due` the number of slices that are due. `rows`
    is what the checks read, `broken` how many breaches there are, `breaches` shows up to five of them.
    """

    name: str
    holds: bool
    breaches: list[dict[str, Any]]
    broken: int
    broken_since: datetime | None
    last_true: datetime | None
    checked_at: datetime | None
    rows: int
    slices: int
    due: int
    error: str | None
    """Why a slice could not be checked at the last attempt."""


class Invariants(msgspec.Struct, frozen=True):
    """The latest results of all invariants."""

    holds: bool
    invariants: list[InvariantResult]


class Breach(msgspec.Struct, frozen=True):
    """An invariant that does not hold, and since when that is known."""

    name: str
    since: datetime


class Age(msgspec.Struct, frozen=True):
    """The invariant that was checked longest ago: when, and the whole hours since; None if it never was."""

    name: str
    checked_at: datetime | None
    hours: int | None


_REPORT = f"""
SELECT name, bool_and(s.broken = 0) AS holds, sum(s.broken)::bigint AS broken, min(s.broken_since) AS broken_since,
       CASE WHEN bool_and(s.last_true_at IS NOT NULL) THEN min(s.last_true_at) END AS last_true,
       CASE WHEN bool_and(s.checked_at IS NOT NULL) THEN min(s.checked_at) END AS checked_at,
       sum(s.rows)::bigint AS rows, count(s.name) AS slices, count(*) FILTER (WHERE s.due_at <= $2) AS due,
       min(s.error) AS error,
       ARRAY(SELECT jsonb_array_elements(b.breaches) FROM invariant_slice b
             WHERE b.name = wanted.name AND b.broken > 0 ORDER BY b.low LIMIT {SHOWN}) AS breaches
FROM unnest($1::text[]) WITH ORDINALITY AS wanted (name, place) LEFT JOIN invariant_slice s USING (name)
GROUP BY wanted.name, name, place ORDER BY place
"""


async def report(checks: Sequence[Check]) -> Invariants:
    """Return the result of each check, in their order."""
    rows = await DB.fetch(_REPORT, [check.name for check in checks], WALL.now())
    results = [_result(dict(row)) for row in rows]
    return Invariants(all(result.holds for result in results), results)


def _result(row: dict[str, Any]) -> InvariantResult:
    # A check without a slice was declared a moment ago and is checked next: no breach is known yet.
    nothing = {"holds": row["holds"] is not False, "broken": row["broken"] or 0, "rows": row["rows"] or 0}
    return InvariantResult(**row | nothing)


async def standing_breach(fetch: Fetch) -> Breach | None:
    """Return the oldest known breach among the invariants that stop payouts, or None."""
    rows = await fetch(
        "SELECT name, broken_since AS since FROM invariant_slice WHERE stops_payouts AND broken > 0"
        " ORDER BY broken_since LIMIT 1"
    )
    return Breach(**rows[0]) if rows else None


async def oldest_check(fetch: Fetch, names: Sequence[str], now: datetime) -> Age:
    """Return which of the invariants was checked longest before `now`."""
    (row,) = await fetch(
        "SELECT name, s.checked_at, floor(extract(epoch FROM $2 - s.checked_at) / 3600)::int AS hours"
        " FROM unnest($1::text[]) AS wanted (name) LEFT JOIN invariant_slice s USING (name)"
        " ORDER BY s.checked_at NULLS FIRST LIMIT 1",
        list(names),
        now,
    )
    return Age(**row)
