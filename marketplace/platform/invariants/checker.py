"""The running checks: every invariant, a range at a time, all day long, so lightly that nobody notices.

A step is three short transactions: claim the slice whose turn it is, look at it in a read-only snapshot without any lock on
what is looked at, and keep what was found. docs/decisions/0009-running-invariants.md says why.
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
"""How often each slice has its turn when nothing happens in it."""

SOON = "10 seconds"
"""How often at the most, when something does."""

AGAIN = "30 seconds"
"""When a slice that is breached, or could not be looked at, has its next turn."""

LATE = "1 hour"
"""From which age on a slice is looked at without a pause: otherwise the checks keep to their share of the machine."""

SHARE = 20
"""Of the time between the looks at slices, one part in so many goes into looking."""

MOST_ROWS = 500_000
"""A slice of more rows is divided. Larger ones cost less in all, since a bucket's rows lie scattered over the table's pages and a
look at few buckets reads most pages for few rows; but a look should be over in a second, and its snapshot with it."""

_LOOK_MS, _PATIENT_MS = 10_000, 60_000
"""A look that takes longer is given up and its slice divided; one that cannot be divided gets the longer time."""

_LEASE_S = 75
"""When a claim whose worker has died is open to others: a little after the longest look."""

_PARTS = 8
"""Into how many parts a slice is divided that could not be looked at in time."""

_IDLE_S = 1.0
_RETRY_S = 2.0

logger = structlog.get_logger()


class Slice(msgspec.Struct, frozen=True):
    """A range of one invariant whose turn it is."""

    name: str
    low: str
    high: str
    memo: dict[str, Any] | None
    urgent: bool
    patient: bool

    @property
    def range(self) -> CheckRange:
        """Its range."""
        return CheckRange(self.low, self.high)


class Seen(msgspec.Struct, frozen=True):
    """What was found in a slice: as of which instant of the database's clock, and how long the look took."""

    at: datetime
    took_ms: int
    looked: RangeResult


def declared(packages: Sequence[Package]) -> list[Check]:
    """Return all checks: each package's in their order, then the platform's own."""
    consumers = tuple(consumer.name for package in packages for consumer in package.consumers())
    own: list[Check] = [EventsConsumed(consumers), AuditChain()]
    return [*(check for package in packages for check in package.invariants), *own]


async def check_now(checks: Sequence[Check], *, all_of_them: bool = False) -> Invariants:
    """Look at every slice of the checks once, as of now, and return what is known then.

    Shares the work with whoever else is at it. `all_of_them` says that there are no other checks, so that what is left of
    those of another version is forgotten. A slice that cannot be looked at is reported with its error, not raised.
    """
    by_name = {check.name: check for check in checks}
    await _declare(checks, all_of_them=all_of_them)
    since = await database_time()
    begun: set[tuple[str, str]] = set()
    while (found := await _claim(_CLAIM_OLDER, list(by_name), since)) is not None:
        key = (found.name, found.low)
        anew = found if key in begun else msgspec.structs.replace(found, memo=None)
        begun.add(key)
        await _step(by_name[found.name], anew)
    return await report(checks)


async def run_checker(packages: Sequence[Package], stop: asyncio.Event) -> None:
    """Keep checking until `stop` is set; a database that goes away is waited for. Any number of these may run."""
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
    """Look at the slice whose turn it is and return how many seconds to rest."""
    await _notice(list(by_name.values()))
    found = await _claim(_CLAIM_DUE, list(by_name))
    if found is None:
        return _IDLE_S
    took_s = await _step(by_name[found.name], found)
    return 0 if found.urgent else took_s * (SHARE - 1)


def _for_now(error: Exception) -> bool:
    """Tell whether it is the database that cannot be had now, or has no connection left, and not the check that is wrong."""
    return is_connection_lost(error) or isinstance(error, Refusal)


_FORGET = "DELETE FROM invariant_slice WHERE NOT name = ANY($1)"

# A check that is divided in another way than it was begins anew; one that is known keeps its slices.
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
    """Give each check that has no slice yet the one that holds everything."""
    rows = [
        (check.name, check.cut.key, check.cut.everything.low, check.cut.everything.high, check.stops_payouts)
        for check in checks
    ]
    async with unit_of_work() as work:
        # Two that begin at the same time would otherwise both find nothing, and one of them might find it divided.
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

# What is claimed comes last, but does not wait: its worker may have died, and began before us in any case.
_CLAIM_OLDER = _CLAIM.format(
    condition="coalesce(checked_at < $3, true) AND coalesce(failed_at < $3, true)", order=f"NOT {_UNCLAIMED}, "
)


async def _claim(statement: str, names: Sequence[str], *since: datetime) -> Slice | None:
    rows = await DB.fetch(statement, names, await database_time(), *since)
    return Slice(**rows[0]) if rows else None


async def _step(check: Check, found: Slice) -> float:
    """Look at the claimed slice, keep what was found, and return the seconds that it took."""
    began = time.perf_counter()
    try:
        seen = await _look(check, found)
    except asyncpg.QueryCanceledError as error:
        await _divide(check, found, _PARTS, error)
    except Exception as error:
        if _for_now(error):
            raise
        # A check that is wrong in itself stands in nobody else's way; it shows as never true.
        logger.exception("check_failed", invariant=found.name, low=found.low)
        await _fail(found, error)
    else:
        if await _keep(found, seen) and seen.looked.rows > MOST_ROWS and not seen.looked.broken:
            await _divide(check, found, -(-seen.looked.rows * 2 // MOST_ROWS), None)
    return time.perf_counter() - began


# Plans are made for the range at hand: those for any range expect few rows, and would loop over many.
_SNAPSHOT = (
    "SET TRANSACTION READ ONLY; SET LOCAL plan_cache_mode = force_custom_plan; SET LOCAL work_mem = '16MB';"
    " SET LOCAL max_parallel_workers_per_gather = 0; SET LOCAL statement_timeout = {timeout}"
)


async def _look(check: Check, found: Slice) -> Seen:
    if isinstance(check, EventsConsumed):
        await tick()  # what was committed until now counts, also where nobody else cuts the log any more
    began = time.perf_counter()
    async with unit_of_work("REPEATABLE READ") as work:
        await work.execute(_SNAPSHOT.format(timeout=_PATIENT_MS if found.patient else _LOOK_MS))
        at = await began_at(work)
        looked = await check.inspect(work.fetch, found.range, found.memo)
    return Seen(at, int((time.perf_counter() - began) * 1000), looked)


# A look that began earlier than one that is kept already comes too late. What happened in the slice since brings its next turn.
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
    """Keep what was found, and return whether the slice is known as far as `seen` says."""
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


# The parts know what the whole knew: nothing becomes unknown by being divided. How many rows each has comes out at its turn.
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
    """Divide the slice, or say why it must be (`error`) where it cannot be."""
    ranges = await check.cut.divide(DB.fetch, found.range, parts)
    if len(ranges) > 1:
        lows, highs = [part.low for part in ranges], [part.high for part in ranges]
        await DB.fetch(_DIVIDE, found.name, found.low, found.high, lows, highs)
    elif error is not None:
        await _fail(found, error)


# A slice is told once that something happened, and again while it is being looked at: that look may have begun before. After a
# round's pause nothing need be said, since everything has its turn. A time that lies ahead is of a clock that was set back.
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
    """Bring forward the slices in which something happened since this was last done, by whomever."""
    ids = sorted({check.cut.key for check in checks} - {"", "bucket"})
    async with unit_of_work() as work:
        touched = await work.fetch(_NEWS, ids, await database_time(work))
        if touched:
            # The time of the change is asked for after the news were read: a look that does not know them began before it.
            await work.execute(_TELL, *columns([tuple(row) for row in touched], 2), await database_time(work))
