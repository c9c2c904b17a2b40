"""Contracts. Their checks stand in the migration that follows."""

from piccolo.columns import UUID, BigInt, Date, Integer, Text, Timestamptz
from piccolo.table import Table

from marketplace.platform.database import DB


class Contract(Table, db=DB):
    """One version of a partner's terms, in force on `[starts_on, ends_on)`. Nothing but `ends_on` ever changes."""

    id = UUID(primary_key=True, null=False, default=None)
    partner_id = UUID(null=False, default=None)
    version = Integer(null=False, default=None)
    starts_on = Date(null=False, default=None)
    ends_on = Date(null=True, default=None)
    settlement_basis = Text(null=False, default=None)
    settlement_price_minor = BigInt(null=True, default=None)
    max_settlement_price_minor = BigInt(null=True, default=None)
    commission_ppm = Integer(null=False, default=None)
    tax_rate_ppm = Integer(null=False, default=None)
    currency = Text(null=False, default=None)
    cycle = Text(null=False, default=None)
    payment_terms_days = Integer(null=False, default=None)
    signed_at = Timestamptz(null=False, default=None)
    signed_by = Text(null=False, default=None)
