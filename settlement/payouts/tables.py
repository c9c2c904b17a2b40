"""Payouts: one for each paid statement."""

from piccolo.columns import UUID, BigInt, Date, Text, Timestamptz
from piccolo.constraints import Check, Unique
from piccolo.table import Table

from marketplace.platform.postgres.columns import References
from marketplace.platform.postgres.database import DB


class PayoutRow(Table, db=DB, tablename="payout"):
    """A statement's total, paid to the partner."""

    partner_id = UUID(primary_key=True, null=False, default=None)
    id = UUID(primary_key=True, null=False, default=None)
    statement_id = UUID(null=False, default=None)
    amount_minor = BigInt(null=False, default=None)
    currency = Text(null=False, default=None)
    rail = Text(null=False, default=None)
    reference = Text(null=False, default=None)
    paid_on = Date(null=False, default=None)
    recorded_by = Text(null=False, default=None)
    recorded_at = Timestamptz(null=False, default=None)

    payout_amount = Check("amount_minor BETWEEN 1 AND 1000000000000000")
    payout_currency = Check("currency ~ '^[A-Z]{3}$'")
    payout_rail = Check("rail IN ('manual')")
    payout_statement = Unique([partner_id, statement_id])
    payout_of = References([partner_id, statement_id], "statement", ["partner_id", "id"])
