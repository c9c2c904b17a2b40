"""Vouchers whose time is over, in batches, by a job. A voucher counts as expired from its instant on, job or no job."""

from datetime import datetime

import msgspec

from benefits.redemptions.domain import VOUCHER_TRANSITIONS, VoucherStatus
from benefits.redemptions.events import SettlementTerms, VoucherExpired
from marketplace.platform.eventlog.events import publish
from marketplace.platform.postgres.database import unit_of_work

BATCH = 1000
"""Vouchers in one transaction: locks are short, and a counter never waits for the job."""

# SKIP LOCKED: a voucher that a counter or a member is deciding over is left for the next round.
_EXPIRE = """
UPDATE voucher v SET status = $3
FROM (SELECT bucket, id FROM voucher WHERE status = 'issued' AND expires_at <= $1
      ORDER BY bucket, id LIMIT $2 FOR UPDATE SKIP LOCKED) AS due,
     redemption r
WHERE v.bucket = due.bucket AND v.id = due.id AND r.bucket = v.bucket AND r.id = v.redemption_id
RETURNING v.id AS voucher_id, v.redemption_id, v.member_id, v.partner_id, v.offer_id, v.expires_at, r.settlement
"""


async def expire_vouchers(now: datetime) -> int:
    """Expire every voucher that is due and return how many there were."""
    total = 0
    while True:
        async with unit_of_work() as work:
            status = VOUCHER_TRANSITIONS.after(VoucherStatus.ISSUED, "expire")
            rows = await work.fetch(_EXPIRE, now, BATCH, str(status))
            events = [
                VoucherExpired(
                    redemption_id=row["redemption_id"],
                    voucher_id=row["voucher_id"],
                    member_id=row["member_id"],
                    partner_id=row["partner_id"],
                    offer_id=row["offer_id"],
                    settlement=msgspec.convert(row["settlement"], SettlementTerms),
                    expired_at=row["expires_at"],
                )
                for row in rows
            ]
            await publish(work, events, now)
        total += len(rows)
        if len(rows) < BATCH:
            return total
