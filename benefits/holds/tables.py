"""Holds. Member-side: `bucket` leads the key."""

from piccolo.columns import JSON, UUID, Array, BigInt, Boolean, Integer, SmallInt, Text, Timestamptz
from piccolo.constraints import Check
from piccolo.table import Table

from marketplace.platform.postgres.database import DB


class HoldRow(Table, db=DB, tablename="hold"):
    """Points and units set aside until a deadline, with all that was in force when they were."""

    bucket = SmallInt(primary_key=True, null=False, default=None)
    id = UUID(primary_key=True, null=False, default=None)
    member_id = UUID(null=False, default=None)
    offer_id = UUID(null=False, default=None)
    revision = Integer(null=False, default=None)
    partner_id = UUID(null=False, default=None)
    quantity = Integer(null=False, default=None)
    points = BigInt(null=False, default=None)
    slice = SmallInt(null=True, default=None)
    windows = Array(base_column=Text(), null=False, default=None)
    voucher_days = Integer(null=False, default=None)
    coded = Boolean(null=False, default=None)
    settlements = JSON(null=False, default=None)
    reference = Text(null=False, default=None)
    status = Text(null=False, default=None)
    held_at = Timestamptz(null=False, default=None)
    deadline = Timestamptz(null=False, default=None)
    ended_at = Timestamptz(null=True, default=None)
    posted_quantity = Integer(null=False, default=0)
    redemption_id = UUID(null=True, default=None)
    reason = Text(null=False, default="")

    hold_bucket = Check("bucket BETWEEN 0 AND 1023")
    hold_status = Check("status IN ('held', 'posted', 'voided', 'expired')")
    hold_ended = Check("(status = 'held') = (ended_at IS NULL)")
    hold_positive = Check("quantity > 0 AND points > 0")
    hold_posted = Check(
        "posted_quantity BETWEEN 0 AND quantity AND (status = 'posted') = (posted_quantity > 0) AND (status = "
        "'posted') = (redemption_id IS NOT NULL)"
    )
