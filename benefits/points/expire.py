"""Points whose lot's time is over, wallet by wallet, by a job. The desk sweeps a wallet that it meets first."""

from datetime import datetime

from benefits.points.domain import sweep, wallet_change
from benefits.points.events import PointsExpired
from benefits.points.ledger import lock_members, post
from marketplace.kernel.calendar import Calendar
from marketplace.kernel.ids import bucket_of, uuid7
from marketplace.platform.database import DB, unit_of_work
from marketplace.platform.events import publish

BATCH = 500
"""Wallets in one transaction: a member at the desk waits a few milliseconds for the job at most."""


async def expire_points(calendar: Calendar, now: datetime) -> int:
    """Expire every lot that is due and return how many points went."""
    total = 0
    today = calendar.day_of(now)
    while True:
        due = await DB.fetch(
            "SELECT DISTINCT member_id FROM lot WHERE points > 0 AND expires_on <= $1 LIMIT $2", today, BATCH
        )
        if not due:
            return total
        async with unit_of_work() as work:
            members, _ = await lock_members(work, [row["member_id"] for row in due])
            postings, events = [], []
            for member_id, state in members.items():
                transaction_id = uuid7(bucket_of(member_id), int(now.timestamp() * 1000))
                swept = sweep(state.wallet, transaction_id, today, now)
                points = -wallet_change(swept)
                if points:
                    postings += swept
                    events.append(
                        PointsExpired(member_id=member_id, transaction_id=transaction_id, points=points, expired_at=now)
                    )
                    total += points
            await post(work, postings, {member_id: state.wallet for member_id, state in members.items()})
            await publish(work, events, now)
