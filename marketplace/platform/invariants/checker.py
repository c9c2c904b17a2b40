"""The running checks: every invariant, one range at a time, all day long, at a load that nobody notices.

A step is three short transactions: claim the slice that is due, check it in a read-only snapshot without locks, and store the
result. docs/decisions/0009-running-invariants.md gives the reasons.
"""

import asyncio
import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import asyncpg
import msgspec
import structlog

from marketplace.kernel.refusals import Refusal
from marketplace.platform.eventlog.events import tick
from marketplace.platform.invariants.checks import AuditChain, Check, CheckRange, EventsConsumed, RangeResult
from marketplace.platform.invariants.report import Invariants, report
from marketplace.platform.packages import Package
from marketplace.platform.postgres.connection_errors import is_connection_lost
from marketplace.platform.postgres.database import DB, columns, unit_of_work
from marketplace.platform.postgres.database_time import began_at, database_time
from marketplace.platform.sleep import interruptible_sleep

ROUND = "5 minutes"
"""How often each slice is checked if nothing changes in it."""

SOON = "10 seconds"
"""Minimum interval between checks of a slice that changes."""

AGAIN = "30 seconds"
"""When a slice that is breached, or could not be checked, is checked next."""

LATE = "1 hour"
"""The age from which a slice is checked without a pause; otherwise the checks keep to their share of the machine."""

SHARE = 20
"""Checking takes one part in so many of the time."""

MOST_ROWS = 500_000
"""A slice of more rows is divided. Larger ones cost less in total, since a bucket's rows are scattered over the table's pages and
a check of few buckets reads most pages for few rows; but a check, and its snapshot, should end within a second.
"""

_LOOK_MS, _PATIENT_MS = 10_000, 60_000
"""A check that takes longer is cancelled and its slice divided; one that cannot be divided gets the longer time."""

_LEASE_S = 75
"""When a claim of a dead worker may be taken over: a little after the longest check."""

_PARTS = 8
"""Number of parts into which a slice is divided that could not be checked in time."""

_IDLE_S = 1.0
_RETRY_S = 2.0

logger = structlog.get_logger()


class Slice(msgspec.Struct, frozen=True):
    """A range of one invariant that is due."""

    name: str
    low: str
    high: str
    memo: dict[str, Any] | None
    urgent: bool
    patient: bool

    @property
    def range(self) -> CheckRange:
        """The range of keys."""
        return CheckRange(self.low, self.high)


class Seen(msgspec.Struct, frozen=True):
    """The result of a slice: as of which instant of the database's clock, and how long the check took."""

    at: datetime
    took_ms: int
    looked: RangeResult


def declared(packages: Sequence[Package]) -> list[Check]:
    """Return all checks: each package's in their order, then the platform's own."""
    consumers = tuple(consumer.name for package in packages for consumer in package.consumers())
    own: list[Check] = [EventsConsumed(consumers), AuditChain()]
    return [*(check for package in packages for check in package.invariants), *own]


async def check_now(checks: Sequence[Check], *, all_of_them: bool = False) -> Invariants:
    """Check every slice once, as of now, and return the results.

    Shares the work with other processes that check. `all_of_them` says that there are no other checks, so that leftovers of
    another version are deleted. A slice that cannot be checked is reported with its error, not raised.
    """
    by_name = {check.name: check for check in checks}
    await _declare(checks, all_of_them=all_of_them)
    since = await database_time()
    begun: set[tuple[str, str]] = set()
    while (found := await _claim(_CLAIM_OLDER, list(by_name), since)) is not None:
        key = (found.name, found.low)
        due = found if key in begun else msgspec.structs.replace(found, memo=None)
        begun.add(key)
        await _step(by_name[found.name], due)
    return await report(checks)


async def run_checker(packages: Sequence[Package], stop: asyncio.Event) -> None:
    """Keep checking until `stop` is set; wait for a database that is unavailable. Any number of these may run."""
    checks = declared(packages)
    by_name = {check.name: check for check in checks}
    ready = False
    while not stop.is_set():
        try:
            if not ready:
                await _declare(checks, all_of_them=True)
                ready = True
            rest_s = await _go_on(by_name)
        except Exception as error:
            if _for_now(error):
                logger.warning("checker_interrupted", error=str(error))
            else:
                logger.exception("checker_failed")
            rest_s = _RETRY_S
        await interruptible_sleep(stop, rest_s)


async def _go_on(by_name: dict[str, Check]) -> float:
    """Check the slice that is due and return how many seconds to pause."""
    await _notice(list(by_name.values()))
    found = await _claim(_CLAIM_DUE, list(by_name))
    if found is None:
        return _IDLE_S
    took_s = await _step(by_name[found.name], found)
    return 0 if found.urgent else took_s * (SHARE - 1)


def _for_now(error: Exception) -> bool:
    """Return whether the database is unavailable now, or has no connection left, so that the check itself is not at fault."""
    return is_connection_lost(error) or isinstance(error, Refusal)


_FORGET = "DELETE FROM invariant_slice WHERE NOT name = ANY($1)"

# A check whose division has changed starts over; a known one keeps its slices.
_DECLARE = """
WITH wanted AS (
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::boolean[]) AS w (name, cut, low, high, stops_payouts)
), otherwise AS (
    DELETE FROM invariant_slice s USING wanted w WHERE s.name = w.name AND s.cut <> w.cut RETURNING s.name
), kept AS (
    UPDATE invariant_slice s SET stops_payouts = w.stops_payouts FROM wanted w
    WHERE s.name = w.name AND s.cut = w.cut AND s.stops_payouts <> w.stops_payouts
)
SELECT w.* FROM wanted w
WHERE NOT EXISTS (SELECT FROM invariant_slice s WHERE s.name = w.name AND s.cut = w.cut)
"""

_BEGIN = """
INSERT INTO invariant_slice (name, cut, low, high, stops_payouts, due_at)
SELECT w.*, $6::timestamptz FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::boolean[]) AS w ON CONFLICT DO NOTHING
"""


async def _declare(checks: Sequence[Check], *, all_of_them: bool) -> None:
    """Give each check without slices one that covers everything."""
    rows = [
        (check.name, check.cut.key, check.cut.everything.low, check.cut.everything.high, check.stops_payouts)
        for check in checks
    ]
    async with unit_of_work() as work:
        # Of two that start at the same time, both would find nothing, and one of them might find it divided.
        await work.execute("SELECT FROM invariant_watch FOR UPDATE")
        if all_of_them:
            await work.execute(_FORGET, [check.name for check in checks])
        new = await work.fetch(_DECLARE, *columns(rows, 5))
        if new:
            await work.execute(_BEGIN, *columns([tuple(row) for row in new], 5), await database_time(work))


_CLAIM = f"""
UPDATE invariant_slice s SET claimed_until = $2::timestamptz + interval '{_LEASE_S} s'
FROM (
    SELECT name, low FROM invariant_slice WHERE name = ANY($1) AND {{condition}}
    ORDER BY {{order}}due_at, name, low LIMIT 1 FOR UPDATE SKIP LOCKED
) AS next
WHERE s.name = next.name AND s.low = next.low
RETURNING s.name, s.low, s.high, s.memo, s.error IS NOT NULL OR s.took_ms > {_LOOK_MS // 2} AS patient,
          coalesce(s.checked_at < $2 - interval '{LATE}', true) AS urgent
"""

_UNCLAIMED = "(claimed_until IS NULL OR claimed_until <= $2)"

_CLAIM_DUE = _CLAIM.format(condition=f"due_at <= $2 AND {_UNCLAIMED}", order="")

# Claimed slices come last, but are not waited for: their worker may have died, and began before us in any case.
_CLAIM_OLDER = _CLAIM.format(
    condition="coalesce(checked_at < $3, true) AND coalesce(failed_at < $3, true)", order=f"NOT {_UNCLAIMED}, "
)


async def _claim(statement: str, names: Sequence[str], *since: datetime) -> Slice | None:
    rows = await DB.fetch(statement, names, await database_time(), *since)
    return Slice(**rows[0]) if rows else None


async def _step(check: Check, found: Slice) -> float:
    """Check the claimed slice, store the result, and return the seconds that it took."""
    began = time.perf_counter()
    try:
        seen = await _check(check, found)
    except asyncpg.QueryCanceledError as error:
        await _divide(check, found, _PARTS, error)
    except Exception as error:
        if _for_now(error):
            raise
        # A check that fails by its own error must not block others; it is reported as never true.
        logger.exception("check_failed", invariant=found.name, low=found.low)
        await _fail(found, error)
    else:
        if await _keep(found, seen) and seen.looked.rows > MOST_ROWS and not seen.looked.broken:
            await _divide(check, found, -(-seen.looked.rows * 2 // MOST_ROWS), None)
    return time.perf_counter() - began


# Plan for the given range: generic plans expect few rows, and would loop over many.
_SNAPSHOT = (
    "SET TRANSACTION READ ONLY; SET LOCAL plan_cache_mode = force_custom_plan; SET LOCAL work_mem = '16MB';"
    " SET LOCAL max_parallel_workers_per_gather = 0; SET LOCAL statement_timeout = {timeout}"
)


async def _check(check: Check, found: Slice) -> Seen:
    if isinstance(check, EventsConsumed):
        await tick()  # what was committed until now counts, even if nobody else cuts the log any more
    began = time.perf_counter()
    async with unit_of_work("REPEATABLE READ") as work:
        await work.execute(_SNAPSHOT.format(timeout=_PATIENT_MS if found.patient else _LOOK_MS))
        at = await began_at(work)
        looked = await check.inspect(work.fetch, found.range, found.memo)
    return Seen(at, int((time.perf_counter() - began) * 1000), looked)


# Discard a check that began before a stored one. Changes in the slice since then bring its next turn.
_KEEP = f"""
UPDATE invariant_slice s SET checked_at = found.at, rows = found.rows, broken = found.broken, breaches = $7::jsonb,
    memo = $8::jsonb, took_ms = $9,
    last_true_at = CASE WHEN found.broken = 0 THEN found.at ELSE s.last_true_at END,
    broken_since = CASE WHEN found.broken > 0 THEN coalesce(s.broken_since, found.at) END,
    error = NULL, failed_at = NULL, claimed_until = NULL,
    due_at = found.at + CASE WHEN found.broken > 0 THEN interval '{AGAIN}' WHEN s.changed_at >= found.at THEN interval '{SOON}'
                             ELSE interval '{ROUND}' END
FROM (SELECT $4::timestamptz AS at, $5::bigint AS rows, $6::bigint AS broken) AS found
WHERE s.name = $1 AND s.low = $2 AND s.high = $3 AND coalesce(s.checked_at <= found.at, true) RETURNING 1
"""

_KEEP_MEMO = """
UPDATE invariant_slice SET memo = $4, claimed_until = NULL WHERE name = $1 AND low = $2 AND high = $3 RETURNING 1
"""

_FAIL = f"""
UPDATE invariant_slice SET error = $4, failed_at = $5, claimed_until = NULL, memo = NULL,
    due_at = $5::timestamptz + interval '{AGAIN}'
WHERE name = $1 AND low = $2 AND high = $3 RETURNING 1
"""


async def _keep(found: Slice, seen: Seen) -> bool:
    """Store the result, and return whether the slice is known as far as `seen` says."""
    looked, slice_ = seen.looked, (found.name, found.low, found.high)
    if not looked.finished:
        await DB.fetch(_KEEP_MEMO, *slice_, looked.memo)
        return False
    breaches = list(looked.breaches)
    if breaches:
        logger.error("invariant_broken", invariant=found.name, broken=looked.broken, breaches=breaches)
    return bool(
        await DB.fetch(_KEEP, *slice_, seen.at, looked.rows, looked.broken, breaches, looked.memo, seen.took_ms)
    )


async def _fail(found: Slice, error: Exception) -> None:
    text = f"{type(error).__name__}: {error}"[:500]
    await DB.fetch(_FAIL, found.name, found.low, found.high, text, await database_time())


# The parts inherit the whole's result: dividing makes nothing unknown. Each part's number of rows is known after its check.
_DIVIDE = """
WITH gone AS (DELETE FROM invariant_slice WHERE name = $1 AND low = $2 AND high = $3 RETURNING *)
INSERT INTO invariant_slice (name, cut, low, high, stops_payouts, due_at, changed_at, checked_at, last_true_at, broken_since,
                             rows, broken, breaches, took_ms)
SELECT g.name, g.cut, part.low, part.high, g.stops_payouts, g.due_at, g.changed_at, g.checked_at, g.last_true_at, g.broken_since,
       g.rows * part.place / cardinality($4) - g.rows * (part.place - 1) / cardinality($4), g.broken, g.breaches,
       g.took_ms / cardinality($4)
FROM gone g CROSS JOIN unnest($4::text[], $5::text[]) WITH ORDINALITY AS part (low, high, place)
"""


async def _divide(check: Check, found: Slice, parts: int, error: Exception | None) -> None:
    """Divide the slice; if it cannot be divided, store the `error` that made it necessary."""
    ranges = await check.cut.divide(DB.fetch, found.range, parts)
    if len(ranges) > 1:
        lows, highs = [part.low for part in ranges], [part.high for part in ranges]
        await DB.fetch(_DIVIDE, found.name, found.low, found.high, lows, highs)
    elif error is not None:
        await _fail(found, error)


# A slice is marked once as changed, and again while it is being checked: that check may have begun before the change. After a
# round's pause no mark is needed, since everything is due. A time in the future is from a clock that was set back.
_NEWS = f"""
WITH last AS (
    SELECT snapshot, noticed_at FROM invariant_watch
    WHERE noticed_at NOT BETWEEN $2::timestamptz - interval '{_IDLE_S} s' AND $2 FOR UPDATE SKIP LOCKED
), news AS MATERIALIZED (
    SELECT e.bucket, e.payload FROM event e, last
    WHERE e.xid >= pg_snapshot_xmin(last.snapshot) AND NOT pg_visible_in_snapshot(e.xid, last.snapshot)
      AND last.noticed_at > $2 - interval '{ROUND}'
), touched AS (
    SELECT DISTINCT 'bucket' AS cut, lpad(bucket::text, 4, '0') AS key FROM news
    UNION SELECT key, payload ->> key FROM news CROSS JOIN unnest($1::text[]) AS key WHERE payload ->> key IS NOT NULL
    UNION SELECT '', '' FROM news
), watched AS (
    UPDATE invariant_watch w SET snapshot = pg_current_snapshot(), noticed_at = $2 FROM last
)
SELECT s.name, s.low FROM invariant_slice s
WHERE (coalesce(s.changed_at < s.checked_at, true) OR s.claimed_until > $2)
  AND EXISTS (SELECT FROM touched t WHERE t.cut = s.cut AND t.key BETWEEN s.low AND s.high)
"""

_TELL = f"""
UPDATE invariant_slice s SET changed_at = $3, due_at = least(s.due_at, s.checked_at + interval '{SOON}')
FROM unnest($1::text[], $2::text[]) AS touched (name, low) WHERE s.name = touched.name AND s.low = touched.low
"""


async def _notice(checks: Sequence[Check]) -> None:
    """Mark the slices that changed since the last call, by any process, as due."""
    ids = sorted({check.cut.key for check in checks} - {"", "bucket"})
    async with unit_of_work() as work:
        touched = await work.fetch(_NEWS, ids, await database_time(work))
        if touched:
            # Take the time of the change after reading the changes: a check that does not see them began before it.
            await work.execute(_TELL, *columns([tuple(row) for row in touched], 2), await database_time(work))
