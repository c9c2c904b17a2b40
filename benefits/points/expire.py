"""Points whose lot's time is over, some wallets at a time, by a job. The desk sweeps a wallet that it meets first."""

from datetime import date

import msgspec

from benefits.desk.errands import PointsErrand, Sweep
from marketplace.kernel.calendar import Calendar
from marketplace.kernel.clock import Clock
from marketplace.kernel.ids import bucket_of, uuid7
from marketplace.platform.batching.executor import BatchExecutor
from marketplace.platform.postgres.database import DB

BATCH = 128
"""Wallets in one errand: half a batch, so that members at the desk wait a few milliseconds for the job at most."""


async def expire_points(desk: BatchExecutor[PointsErrand], calendar: Calendar, clock: Clock) -> int:
    """Expire every lot that is due and return how many points went."""
    total = 0
    while True:
        sweep = await due_wallets(calendar.day_of(clock.now()), clock.unix_ms())
        if sweep is None:
            return total
        outcome = await desk.submit(sweep)
        total += msgspec.json.decode(outcome.body)["points"]


async def due_wallets(today: date, unix_ms: int) -> Sweep | None:
    """Return the errand that expires the next wallets' points, or None if nothing is due."""
    rows = await DB.fetch(
        "SELECT DISTINCT member_id FROM lot WHERE unspent AND expires_on <= $1 LIMIT $2", today, BATCH
    )
    if not rows:
        return None
    members = tuple(row["member_id"] for row in rows)
    return Sweep(members, tuple(uuid7(bucket_of(member_id), unix_ms) for member_id in members))
