"""Statements. Their lines are the postings of their period; only their state changes after the close."""

from piccolo.columns import UUID, BigInt, Date, Integer, Text, Timestamptz
from piccolo.table import Table

from marketplace.platform.database import DB


class Statement(Table, db=DB):
    """What the OEM owes a partner for a closed month, in one currency."""

    partner_id = UUID(null=False, default=None)
    id = UUID(primary_key=True, null=False, default=None)
    currency = Text(null=False, default=None)
    period = Date(null=False, default=None)
    lines = Integer(null=False, default=None)
    gross_minor = BigInt(null=False, default=None)
    reversed_minor = BigInt(null=False, default=None)
    total_minor = BigInt(null=False, default=None)
    tax_minor = BigInt(null=False, default=None)
    content_hash = Text(null=False, default=None)
    status = Text(null=False, default=None)
    closed_by = Text(null=False, default=None)
    closed_at = Timestamptz(null=False, default=None)
    approved_by = Text(null=True, default=None)
    approved_at = Timestamptz(null=True, default=None)
    paid_at = Timestamptz(null=True, default=None)
