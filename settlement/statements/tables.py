"""Statements. Their lines are the postings of their period; only their state changes after the close."""

from piccolo.columns import UUID, BigInt, Date, Integer, Text, Timestamptz
from piccolo.constraints import Check, Unique
from piccolo.table import Table

from marketplace.platform.postgres.database import DB


class StatementRow(Table, db=DB, tablename="statement"):
    """What the OEM and a partner owe each other for a closed period, in one currency."""

    partner_id = UUID(primary_key=True, null=False, default=None)
    id = UUID(primary_key=True, null=False, default=None)
    currency = Text(null=False, default=None)
    period = Date(null=False, default=None)
    cycle = Text(null=False, default=None)
    lines = Integer(null=False, default=None)
    gross_minor = BigInt(null=False, default=None)
    reversed_minor = BigInt(null=False, default=None)
    total_minor = BigInt(null=False, default=None)
    tax_minor = BigInt(null=False, default=None)
    partner_share_minor = BigInt(null=False, default=None)
    dealer_share_minor = BigInt(null=False, default=None)
    commission_minor = BigInt(null=False, default=None)
    granted_minor = BigInt(null=False, default=None)
    content_hash = Text(null=False, default=None)
    status = Text(null=False, default=None)
    closed_by = Text(null=False, default=None)
    closed_at = Timestamptz(null=False, default=None)
    approved_by = Text(null=True, default=None)
    approved_at = Timestamptz(null=True, default=None)
    due_on = Date(null=True, default=None)
    paid_at = Timestamptz(null=True, default=None)

    statement_currency = Check("currency ~ '^[A-Z]{3}$'")
    statement_hash = Check("content_hash ~ '^[0-9a-f]{64}$'")
    statement_status = Check("status IN ('closed', 'approved', 'paid', 'settled')")
    statement_slice = Unique([partner_id, currency, cycle, period])
    statement_four_eyes = Check("approved_by <> closed_by")
    statement_period_day = Check(
        "CASE cycle WHEN 'monthly' THEN extract(day FROM period) = 1 WHEN 'ten_day' THEN extract(day FROM period) "
        "IN (1, 11, 21) WHEN 'weekly' THEN extract(isodow FROM period) = 1 ELSE false END"
    )
    statement_settled = Check(
        "CASE status WHEN 'closed' THEN true WHEN 'settled' THEN total_minor = 0 AND due_on IS NULL ELSE "
        "total_minor <> 0 END"
    )
    statement_steps = Check(
        "(approved_at IS NULL) = (status = 'closed') AND (approved_by IS NULL) = (approved_at IS NULL) AND "
        "(paid_at IS NOT NULL) = (status = 'paid')"
    )
    statement_totals = Check(
        "lines >= 0 AND gross_minor >= 0 AND reversed_minor >= 0 AND granted_minor >= 0 AND total_minor = "
        "gross_minor - reversed_minor - partner_share_minor - commission_minor - granted_minor"
    )
