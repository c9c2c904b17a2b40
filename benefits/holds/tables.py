"""Holds. Member-side: `bucket` leads the key."""

from piccolo.columns import JSON, UUID, Array, BigInt, Boolean, Integer, SmallInt, Text, Timestamptz
from piccolo.table import Table

from marketplace.platform.database import DB


class Hold(Table, db=DB):
    """Points and units set aside until a deadline, with all that was in force when they were."""

    bucket = SmallInt(null=False, default=None)
    id = UUID(primary_key=True, null=False, default=None)
    member_id = UUID(null=False, default=None)
    offer_id = UUID(null=False, default=None)
    revision = Integer(null=False, default=None)
    partner_id = UUID(null=False, default=None)
    quantity = Integer(null=False, default=None)
    points = BigInt(null=False, default=None)
    slice = SmallInt(null=True, default=None)
    windows = Array(base_column=Text(), null=False, default=list)
    voucher_days = Integer(null=False, default=None)
    coded = Boolean(null=False, default=False)
    settlement = JSON(null=False, default=None)
    reference = Text(null=False, default=None)
    status = Text(null=False, default=None)
    held_at = Timestamptz(null=False, default=None)
    deadline = Timestamptz(null=False, default=None)
    ended_at = Timestamptz(null=True, default=None)
    posted_quantity = Integer(null=False, default=0)
    redemption_id = UUID(null=True, default=None)
    reason = Text(null=False, default="")
