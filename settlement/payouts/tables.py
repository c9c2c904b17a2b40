"""Payouts: one for each paid statement."""

from piccolo.columns import UUID, BigInt, Date, Text, Timestamptz
from piccolo.table import Table

from marketplace.platform.database import DB


class Payout(Table, db=DB):
    """A statement's total, paid to the partner."""

    partner_id = UUID(null=False, default=None)
    id = UUID(primary_key=True, null=False, default=None)
    statement_id = UUID(null=False, default=None)
    amount_minor = BigInt(null=False, default=None)
    currency = Text(null=False, default=None)
    rail = Text(null=False, default=None)
    reference = Text(null=False, default=None)
    paid_on = Date(null=False, default=None)
    recorded_by = Text(null=False, default=None)
    recorded_at = Timestamptz(null=False, default=None)
