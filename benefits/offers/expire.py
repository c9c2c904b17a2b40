"""Offers whose sale is over, ended by a job. Members cannot redeem them from their instant on, job or no job."""

from datetime import datetime

from benefits.offers.register import take_step
from marketplace.kernel.states import TransitionRefusedError
from marketplace.platform.postgres.database import DB, unit_of_work


async def end_offers(now: datetime) -> int:
    """End every live or paused offer whose sale is over and return how many there were."""
    rows = await DB.fetch("SELECT id FROM offer WHERE status IN ('live', 'paused') AND ends_at <= $1 ORDER BY id", now)
    ended = 0
    for row in rows:
        try:
            async with unit_of_work() as work:
                await take_step(work, row["id"], "end", now, reason="sale over")
        except TransitionRefusedError:
            continue  # its partner or another worker ended it a moment ago
        ended += 1
    return ended
