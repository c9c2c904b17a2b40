"""Redemptions, vouchers and limits used. Member-side: `bucket` leads every key."""

from piccolo.columns import JSON, UUID, Array, BigInt, Integer, SmallInt, Text, Timestamptz
from piccolo.constraints import Check, Unique
from piccolo.table import Table

from marketplace.platform.postgres.database import DB


class RedemptionRow(Table, db=DB, tablename="redemption"):
    """Points spent on an offer, with all that was in force when it was made."""

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
    settlement = JSON(null=False, default=None)
    status = Text(null=False, default=None)
    redeemed_at = Timestamptz(null=False, default=None)
    cancelled_at = Timestamptz(null=True, default=None)
    reason = Text(null=False, default="")
    voucher_id = UUID(null=False, default=None)

    redemption_bucket = Check("bucket BETWEEN 0 AND 1023")
    redemption_status = Check("status IN ('issued', 'cancelled')")
    redemption_positive = Check("quantity > 0 AND points > 0")


class VoucherRow(Table, db=DB, tablename="voucher"):
    """The right to the benefit, with its code."""

    bucket = SmallInt(primary_key=True, null=False, default=None)
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

    voucher_bucket = Check("bucket BETWEEN 0 AND 1023")
    voucher_status = Check("status IN ('issued', 'used', 'expired', 'cancelled')")
    voucher_code = Unique([bucket, code])
    voucher_used = Check("(status = 'used') = (used_at IS NOT NULL)")


class LimitUsedRow(Table, db=DB, tablename="limit_used"):
    """How many units of an offer a member has had in a window; locked through the member's wallet."""

    bucket = SmallInt(primary_key=True, null=False, default=None)
    member_id = UUID(primary_key=True, null=False, default=None)
    offer_id = UUID(primary_key=True, null=False, default=None)
    window = Text(primary_key=True, null=False, default=None)
    used = Integer(null=False, default=None)

    limit_used_bucket = Check("bucket BETWEEN 0 AND 1023")
    limit_used_not_negative = Check("used >= 0")
