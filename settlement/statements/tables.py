"""Statements. Their lines are the postings of their period; only their state changes after the close."""

from piccolo.columns import UUID, BigInt, Date, Integer, Text, Timestamptz
from piccolo.table import Table

from marketplace.platform.database import DB


class Statement(Table, db=DB):
    """What the OEM and a partner owe each other for a closed period, in one currency."""

    partner_id = UUID(null=False, default=None)
    id = UUID(primary_key=True, null=False, default=None)
    currency = Text(null=False, default=None)
    period = Date(null=False, default=None)
    cycle = Text(null=False, default="monthly")
    lines = Integer(null=False, default=None)
    gross_minor = BigInt(null=False, default=None)
    reversed_minor = BigInt(null=False, default=None)
    total_minor = BigInt(null=False, default=None)
    tax_minor = BigInt(null=False, default=None)
    partner_share_minor = BigInt(null=False, default=0)
    dealer_share_minor = BigInt(null=False, default=0)
    commission_minor = BigInt(null=False, default=0)
    granted_minor = BigInt(null=False, default=0)
    content_hash = Text(null=False, default=None)
    status = Text(null=False, default=None)
    closed_by = Text(null=False, default=None)
    closed_at = Timestamptz(null=False, default=None)
    approved_by = Text(null=True, default=None)
    approved_at = Timestamptz(null=True, default=None)
    due_on = Date(null=True, default=None)
    paid_at = Timestamptz(null=True, default=None)
