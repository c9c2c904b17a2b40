"""Holds to look at, and those whose time is over."""

import asyncio
from datetime import datetime
from uuid import UUID

from benefits.desk.context import PointsCommand
from benefits.holds.commands import EndHold, new_end
from benefits.holds.schemas import HoldRedemption, HoldView
from benefits.redemptions.schemas import VoucherRef
from marketplace.kernel.clock import Clock
from marketplace.kernel.ids import bucket_of
from marketplace.kernel.refusals import NotFound
from marketplace.platform.batching.executor import BatchExecutor
from marketplace.platform.postgres.database import DB

BATCH = 128

_HOLD = """
SELECT h.id, h.status, h.member_id, h.offer_id, h.quantity, h.points, h.reference, h.held_at, h.deadline, h.posted_quantity,
       r.id AS redemption_id, r.points AS redeemed, v.id AS voucher_id, v.code, v.status AS voucher_status, v.expires_at,
       v.partner_codes
FROM hold h LEFT JOIN redemption r ON r.bucket = h.bucket AND r.id = h.redemption_id
LEFT JOIN voucher v ON v.bucket = r.bucket AND v.id = r.voucher_id
WHERE h.bucket = $1 AND h.id = $2
"""


async def hold_view(hold_id: UUID) -> HoldView:
    """Return the hold, with its redemption if it was posted. Raises NotFound."""
    row = await DB.fetchrow(_HOLD, bucket_of(hold_id), hold_id)
    if row is None:
        raise NotFound
    fields = {name: row[name] for name in HoldView.__struct_fields__ if name != "redemption"}
    redemption = None
    if row["redemption_id"] is not None:
        voucher = VoucherRef(
            row["voucher_id"], row["code"], row["voucher_status"], row["expires_at"], row["partner_codes"]
        )
        redemption = HoldRedemption(row["redemption_id"], row["redeemed"], voucher)
    return HoldView(**fields, redemption=redemption)


async def holder(hold_id: UUID) -> UUID:
    """Return whose points the hold set aside; that never changes. Raises NotFound."""
    found: UUID | None = await DB.fetchval(
        "SELECT member_id FROM hold WHERE bucket = $1 AND id = $2", bucket_of(hold_id), hold_id
    )
    if found is None:
        raise NotFound
    return found


async def due_holds(now: datetime, limit: int = BATCH) -> list[EndHold]:
    """Return the commands that expire holds whose deadline has passed.

    Nothing is locked here: whichever process comes first ends the hold at its desk, and the others find it ended.
    """
    rows = await DB.fetch(
        "SELECT id, member_id FROM hold WHERE status = 'held' AND deadline <= $1 ORDER BY deadline LIMIT $2", now, limit
    )
    unix_ms = int(now.timestamp() * 1000)
    return [new_end(row["member_id"], row["id"], "expire", None, "en", unix_ms) for row in rows]


async def expire_holds(desk: BatchExecutor[PointsCommand], clock: Clock) -> int:
    """Expire every hold that is due and return how many were."""
    total = 0
    while True:
        due = await due_holds(clock.now())
        await asyncio.gather(*(desk.submit(command) for command in due))
        total += len(due)
        if len(due) < BATCH:
            return total
