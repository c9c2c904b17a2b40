"""What serving may do with this package's tables (marketplace/platform/postgres/rights.py)."""

from collections.abc import Mapping

from marketplace.platform.postgres.rights import ADD

TABLES: Mapping[str, str] = {
    "money_posting": ADD,
    "payout": ADD,
    "settlement_period": f"{ADD}, UPDATE (open_from)",
    # What a statement says is closed; it goes from closed to approved to paid.
    "statement": f"{ADD}, UPDATE (status, approved_by, approved_at, due_on, paid_at)",
}
