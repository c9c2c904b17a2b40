"""Wallets, lots and the book of points. Member-side: `bucket` leads every key."""

from piccolo.columns import UUID, BigInt, Date, SmallInt, Text, Timestamptz
from piccolo.constraints import Check
from piccolo.table import Table

from marketplace.platform.postgres.columns import GeneratedBoolean
from marketplace.platform.postgres.database import DB


class WalletRow(Table, db=DB, tablename="wallet"):
    """A member's points: `balance` can be spent, `held` waits for a hold's end. Its row is the lock of all below."""

    bucket = SmallInt(primary_key=True, null=False, default=None)
    member_id = UUID(primary_key=True, null=False, default=None)
    balance = BigInt(null=False, default=0)
    held = BigInt(null=False, default=0)

    wallet_bucket = Check("bucket BETWEEN 0 AND 1023")
    wallet_not_overdrawn = Check("balance >= 0 AND held >= 0")


class LotRow(Table, db=DB, tablename="lot"):
    """The member's points that are gone from `expires_on`: one row for each expiry month."""

    bucket = SmallInt(primary_key=True, null=False, default=None)
    member_id = UUID(primary_key=True, null=False, default=None)
    expires_on = Date(primary_key=True, null=False, default=None)
    points = BigInt(null=False, default=0)
    unspent = GeneratedBoolean("points > 0")

    lot_bucket = Check("bucket BETWEEN 0 AND 1023")
    lot_not_overdrawn = Check("points >= 0")


class PointsPostingRow(Table, db=DB, tablename="points_posting"):
    """The book of points, append only: from `source` to `destination`, both sub-accounts of the member's bucket."""

    bucket = SmallInt(primary_key=True, null=False, default=None)
    transaction_id = UUID(primary_key=True, null=False, default=None)
    line = SmallInt(primary_key=True, null=False, default=None)
    member_id = UUID(null=False, default=None)
    code = Text(null=False, default=None)
    source = Text(null=False, default=None)
    destination = Text(null=False, default=None)
    counterparty = UUID(null=True, default=None)
    expires_on = Date(null=False, default=None)
    points = BigInt(null=False, default=None)
    reverses = UUID(null=True, default=None)
    occurred_at = Timestamptz(null=False, default=None)

    points_posting_bucket = Check("bucket BETWEEN 0 AND 1023")
    points_posting_code = Check(
        "code IN ('earning', 'redemption', 'cancellation', 'forfeiture', 'expiry', 'hold', 'release', 'gift')"
    )
    points_posting_positive = Check("points > 0")
    points_posting_accounts = Check(
        "source IN ('wallet', 'held', 'programme', 'partner', 'expired', 'gift') AND destination IN ('wallet', "
        "'held', 'programme', 'partner', 'expired', 'gift') AND source <> destination"
    )


class EarningRow(Table, db=DB, tablename="earning"):
    """What the OEM's systems credited, by their own reference: unique for each member."""

    bucket = SmallInt(primary_key=True, null=False, default=None)
    member_id = UUID(primary_key=True, null=False, default=None)
    reference = Text(primary_key=True, null=False, default=None)
    transaction_id = UUID(null=False, default=None)
    points = BigInt(null=False, default=None)
    kind = Text(null=False, default=None)
    occurred_at = Timestamptz(null=False, default=None)
    credited_at = Timestamptz(null=False, default=None)
    credited_by = Text(null=False, default=None)

    earning_bucket = Check("bucket BETWEEN 0 AND 1023")
    earning_positive = Check("points > 0")
