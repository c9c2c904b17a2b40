"""Points whose lot's time is over, some wallets at a time, by a job. The desk does it for each wallet that it meets first."""

from datetime import date

import msgspec

from benefits.desk.context import PointsCommand
from benefits.points.commands import ExpirePoints, new_expiry
from marketplace.kernel.calendar import Calendar
from marketplace.kernel.clock import Clock
from marketplace.platform.batching.executor import BatchExecutor
from marketplace.platform.postgres.database import DB

BATCH = 128
"""Wallets in one command: half a batch, so that members at the desk wait a few milliseconds for the job at most."""


async def expire_points(desk: BatchExecutor[PointsCommand], calendar: Calendar, clock: Clock) -> int:
    """Expire every lot that is due and return how many points went."""
    total = 0
    while True:
        command = await next_expiry(calendar.day_of(clock.now()), clock.unix_ms())
        if command is None:
            return total
        outcome = await desk.submit(command)
        total += msgspec.json.decode(outcome.body)["points"]


async def next_expiry(today: date, unix_ms: int) -> ExpirePoints | None:
    """Return the command that expires the next wallets' points, or None if nothing is due."""
    rows = await DB.fetch(
        "SELECT DISTINCT member_id FROM lot WHERE unspent AND expires_on <= $1 LIMIT $2", today, BATCH
    )
    if not rows:
        return None
    return new_expiry([row["member_id"] for row in rows], unix_ms)
