"""Wallets, lots and the book of points. Member-side: `bucket` leads every key."""

from piccolo.columns import UUID, BigInt, Date, SmallInt, Text, Timestamptz
from piccolo.table import Table

from marketplace.platform.database import DB


class Wallet(Table, db=DB):
    """A member's points: `balance` can be spent, `held` waits for a hold's end. Its row is the lock of all below."""

    bucket = SmallInt(null=False, default=None)
    member_id = UUID(primary_key=True, null=False, default=None)
    balance = BigInt(null=False, default=0)
    held = BigInt(null=False, default=0)


class Lot(Table, db=DB):
    """The member's points that are gone from `expires_on`: one row for each expiry month."""

    bucket = SmallInt(null=False, default=None)
    member_id = UUID(primary_key=True, null=False, default=None)
    expires_on = Date(null=False, default=None)
    points = BigInt(null=False, default=0)


class PointsPosting(Table, db=DB):
    """The book of points, append only: from `source` to `destination`, both sub-accounts of the member's bucket."""

    bucket = SmallInt(null=False, default=None)
    transaction_id = UUID(primary_key=True, null=False, default=None)
    line = SmallInt(null=False, default=None)
    member_id = UUID(null=False, default=None)
    code = Text(null=False, default=None)
    source = Text(null=False, default=None)
    destination = Text(null=False, default=None)
    counterparty = UUID(null=True, default=None)
    expires_on = Date(null=False, default=None)
    points = BigInt(null=False, default=None)
    reverses = UUID(null=True, default=None)
    occurred_at = Timestamptz(null=False, default=None)


class Earning(Table, db=DB):
    """What the OEM's systems credited, by their own reference: unique for each member."""

    bucket = SmallInt(null=False, default=None)
    member_id = UUID(null=False, default=None)
    reference = Text(primary_key=True, null=False, default=None)
    transaction_id = UUID(null=False, default=None)
    points = BigInt(null=False, default=None)
    kind = Text(null=False, default=None)
    occurred_at = Timestamptz(null=False, default=None)
    credited_at = Timestamptz(null=False, default=None)
    credited_by = Text(null=False, default=None)
