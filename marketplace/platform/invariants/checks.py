"""Invariants, divided into ranges that can be checked one at a time.

`checker.py` checks them; `report.py` reports the results.
"""

from collections.abc import Awaitable, Callable, Sequence
from itertools import pairwise
from typing import Any, Protocol
from uuid import UUID

import asyncpg
import msgspec

from marketplace.kernel.clock import WALL
from marketplace.kernel.ids import BUCKETS
from marketplace.platform.eventlog import audit

SHOWN = 5
"""How many breaches are stored and shown; all are counted."""

LATE = "1 minute"
"""How long an event may wait for a consumer before the consumer counts as stalled."""

Fetch = Callable[..., Awaitable[Sequence[asyncpg.Record]]]
"""The `fetch` of an open unit of work; `DB.fetch` is enough for a single statement."""

Bound = int | UUID


class CheckRange(msgspec.Struct, frozen=True):
    """From `low` to `high`, both included, as texts that sort as the keys do; both empty for the whole."""

    low: str = ""
    high: str = ""


class Cut(msgspec.Struct, frozen=True):
    """How an invariant's rows are divided: by bucket, by an id, or not at all.

    `key` is the kind of a range: `bucket`, the name of an id in the events' payloads, or empty. `keys` selects the distinct ids
    from $1 to $2 in order; a range is divided between them, so that the parts are of similar size.
    """

    key: str = ""
    keys: str = ""

    @property
    def everything(self) -> CheckRange:
        """The one range that covers all possible keys."""
        if self.key == "bucket":
            return CheckRange(_bucket(0), _bucket(BUCKETS - 1))
        return CheckRange(str(UUID(int=0)), str(UUID(int=2**128 - 1))) if self.key else CheckRange()

    def bounds(self, part: CheckRange) -> tuple[Bound, ...]:
        """Return the range as parameters $1 and $2 of a statement; none for the whole."""
        if not self.key:
            return ()
        kind: Callable[[str], Bound] = int if self.key == "bucket" else UUID
        return kind(part.low), kind(part.high)

    def only(self, key: UUID) -> CheckRange:
        """Return the range of one id."""
        return CheckRange(str(key), str(key))

    async def divide(self, fetch: Fetch, part: CheckRange, parts: int) -> list[CheckRange]:
        """Return the range in as many parts of similar size, or in fewer if it has fewer keys."""
        if self.key == "bucket":
            low, high = int(part.low), int(part.high)
            keys: list[Bound] = list(range(low, high + 1))
        elif self.key:
            keys = [row[0] for row in await fetch(self.keys, *self.bounds(part))]
        else:
            return [part]
        count = max(1, min(parts, len(keys)))
        # Each part but the first begins with an existing key; the first and the last reach to the range's own ends.
        starts = [keys[len(keys) * place // count] for place in range(1, count)]
        ends = [part.low, *(_text(start) for start in starts)]
        befores = [*(_text(_before(start)) for start in starts), part.high]
        return [CheckRange(low, high) for low, high in zip(ends, befores, strict=True)]


def _bucket(bucket: int) -> str:
    return f"{bucket:04d}"


def _text(key: Bound) -> str:
    return _bucket(key) if isinstance(key, int) else str(key)


def _before(key: Bound) -> Bound:
    return key - 1 if isinstance(key, int) else UUID(int=key.int - 1)


BY_BUCKET = Cut("bucket")
WHOLE = Cut()


class RangeResult(msgspec.Struct, frozen=True):
    """The result of a range: how many rows, how many breaches, and the first of those.

    `memo` is passed to the next check. `finished` is false if that check has to continue from there before anything is known.
    """

    rows: int
    broken: int
    breaches: Sequence[dict[str, Any]] = ()
    memo: dict[str, Any] | None = None
    finished: bool = True


class Check(Protocol):
    """An invariant, and a way to check it."""

    @property
    def name(self) -> str:
        """What holds, in a few words: the name under which it is reported."""

    @property
    def cut(self) -> Cut:
        """How its rows are divided."""

    @property
    def stops_payouts(self) -> bool:
        """Whether no money is paid out while it is breached."""

    async def inspect(self, fetch: Fetch, part: CheckRange, memo: dict[str, Any] | None = None) -> RangeResult:
        """Check one range: read-only, and in one snapshot if `fetch` belongs to a transaction with one."""


class Invariant(msgspec.Struct, frozen=True):
    """A check that is one statement.

    `compares` returns a row for each comparison: `holds`; `rows`, how many database rows were read for it; and the columns that a
    breach shows. It takes the range as $1 and $2, and must not read beyond the range.

    With `consumer` the statement also gets, as $3 to $5, how far that consumer has read; see CONSUMED and WAITING.
    """

    name: str
    compares: str
    cut: Cut = WHOLE
    consumer: str = ""
    stops_payouts: bool = True

    async def inspect(self, fetch: Fetch, part: CheckRange, memo: dict[str, Any] | None = None) -> RangeResult:  # noqa: ARG002 - the protocol's
        """Check one range, in one statement."""
        values: list[Any] = [*self.cut.bounds(part)]
        if self.consumer:
            values += await _reached(fetch, self.consumer)
        (row,) = await fetch(_LOOK.format(compares=self.compares), *values)
        return RangeResult(row["rows"], row["broken"], row["breaches"] or ())


_LOOK = f"""
SELECT coalesce(sum(line.rows), 0)::bigint AS rows, count(*) FILTER (WHERE line.holds IS NOT TRUE) AS broken,
       (array_agg(to_jsonb(line) - ARRAY['holds', 'rows']) FILTER (WHERE line.holds IS NOT TRUE))[1:{SHOWN}] AS breaches
FROM ({{compares}}) AS line
"""

CONSUMED = (
    "(pg_visible_in_snapshot(e.xid, $3::text::pg_snapshot)"
    " OR (e.seq <= $5 AND pg_visible_in_snapshot(e.xid, $4::text::pg_snapshot)))"
)
"""Whether the Invariant's consumer has processed the event `e`: it is before its window, or in what it has read of it."""

WAITING = f"(e.xid >= pg_snapshot_xmin($3::text::pg_snapshot) AND NOT {CONSUMED})"
"""The negation of CONSUMED, in a form that uses the index on `xid`."""

_REACHED = """
SELECT coalesce(begins.snapshot::text, '3:3:'), coalesce(ends.snapshot::text, '3:3:'), p.seq
FROM consumer_position p LEFT JOIN event_tick begins ON begins.id = p.tick
LEFT JOIN LATERAL (SELECT t.snapshot FROM event_tick t WHERE t.id > p.tick ORDER BY t.id LIMIT 1) ends ON true
WHERE p.consumer = $1
"""


async def _reached(fetch: Fetch, consumer: str) -> Sequence[Any]:
    rows = await fetch(_REACHED, consumer)
    return tuple(rows[0]) if rows else ("3:3:", "3:3:", 0)


class EventsConsumed(msgspec.Struct, frozen=True):
    """Each consumer of the log keeps up: it has no error, and nothing waits for longer than a minute.

    Rows are the events that the consumers processed. A lag alone stops no payout: a month is closed after its consumer caught up.
    """

    consumers: tuple[str, ...]
    name: str = "events consumed"
    cut: Cut = WHOLE
    stops_payouts: bool = False

    async def inspect(self, fetch: Fetch, part: CheckRange, memo: dict[str, Any] | None = None) -> RangeResult:  # noqa: ARG002 - the protocol's
        """Check every consumer's position."""
        (row,) = await fetch(_LOOK.format(compares=_POSITIONS), list(self.consumers), WALL.now())
        return RangeResult(row["rows"], row["broken"], row["breaches"] or ())


# A tick is cut when something was committed: the first one past a position says since when that waits.
_POSITIONS = f"""
SELECT p.error IS NULL AND (waiting.since IS NULL OR waiting.since >= $2::timestamptz - interval '{LATE}') AS holds,
       coalesce(p.handled, 0) AS rows, wanted.consumer, p.error, waiting.since AS waiting_since
FROM unnest($1::text[]) AS wanted (consumer) LEFT JOIN consumer_position p USING (consumer)
CROSS JOIN LATERAL (SELECT min(t.at) AS since FROM event_tick t WHERE t.id > coalesce(p.tick, 0)) AS waiting
"""


class AuditChain(msgspec.Struct, frozen=True):
    """Each entry of the audit follows from the one before, and the last one is the head.

    A check continues where the last one ended; once a day, and whenever no `memo` is passed, it starts with the first entry.
    """

    name: str = "audit chain"
    cut: Cut = WHOLE
    stops_payouts: bool = True

    async def inspect(self, fetch: Fetch, part: CheckRange, memo: dict[str, Any] | None = None) -> RangeResult:  # noqa: ARG002 - the protocol's
        """Verify some thousand entries; unfinished until the last one is reached."""
        begun = audit.Followed() if memo is None else msgspec.convert(memo, audit.Followed)
        found = await audit.follow(fetch, begun)
        if found.broken is not None:
            # No memo: the next check starts over, so that the breach is reported until it is repaired.
            return RangeResult(found.entries, 1, [{"entry": found.broken}])
        return RangeResult(found.entries, 0, memo=msgspec.to_builtins(found), finished=found.finished)


def bucket_of_sql(column: str) -> str:
    """Return the SQL expression of `kernel.ids.bucket_of` for a column of ids."""
    return f"((get_byte(uuid_send({column}), 14) & 3) << 8 | get_byte(uuid_send({column}), 15))"


def gapless(parts: Sequence[CheckRange], cut: Cut) -> bool:
    """Return whether the ranges, in order, cover everything without gap or overlap."""
    whole = cut.everything
    if not parts or (parts[0].low, parts[-1].high) != (whole.low, whole.high):
        return False
    if not cut.key:
        return len(parts) == 1
    return all(_before(cut.bounds(after)[0]) == cut.bounds(before)[1] for before, after in pairwise(parts))
