"""Redemptions, vouchers and limits used. Member-side: `bucket` leads every key."""

from piccolo.columns import JSON, UUID, Array, BigInt, Integer, SmallInt, Text, Timestamptz
from piccolo.table import Table

from marketplace.platform.database import DB


class Redemption(Table, db=DB):
    """Points spent on an offer, with all that was in force when it was made."""

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
    settlement = JSON(null=False, default=None)
    status = Text(null=False, default=None)
    redeemed_at = Timestamptz(null=False, default=None)
    cancelled_at = Timestamptz(null=True, default=None)
    reason = Text(null=False, default="")
    voucher_id = UUID(null=False, default=None)


class Voucher(Table, db=DB):
    """The right to the benefit, with its code."""

    bucket = SmallInt(null=False, default=None)
    id = UUID(primary_key=True, null=False, default=None)
    code = Text(null=False, default=None)
    redemption_id = UUID(null=False, default=None)
    member_id = UUID(null=False, default=None)
    partner_id = UUID(null=False, default=None)
    offer_id = UUID(null=False, default=None)
    revision = Integer(null=False, default=None)
    quantity = Integer(null=False, default=None)
    status = Text(null=False, default=None)
    expires_at = Timestamptz(null=False, default=None)
    used_at = Timestamptz(null=True, default=None)
    partner_codes = Array(base_column=Text(), null=False, default=list)
    location_id = Text(null=False, default="")
    reference = Text(null=False, default="")
    occasion = Integer(null=False, default=1)


class LimitUsed(Table, db=DB):
    """How many units of an offer a member has had in a window; locked through the member's wallet."""

    bucket = SmallInt(null=False, default=None)
    member_id = UUID(primary_key=True, null=False, default=None)
    offer_id = UUID(null=False, default=None)
    window = Text(null=False, default="ever")
    used = Integer(null=False, default=None)
