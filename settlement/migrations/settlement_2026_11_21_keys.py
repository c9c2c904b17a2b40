"""Composite keys by partner, checks and indexes of settlement's tables."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from marketplace.platform.database import DB

ID = "2026-11-21T20:00:00:000002"
VERSION = "1.38.0"
DESCRIPTION = "composite keys, checks, indexes"

_KEYS = {
    "money_posting": "partner_id, id",
    "settlement_period": "partner_id, currency",
    "statement": "partner_id, id",
    "payout": "partner_id, id",
}

# No amount of ours comes near; it keeps sums inside a bigint and inside what JSON readers hold exactly (2^53).
_MAX_MINOR = 10**15

_OF_REDEMPTION = "redemption_id, voucher_id, offer_id, revision, quantity, contract_id, contract_version"

STATEMENTS = [
    *(f"ALTER TABLE {table} DROP CONSTRAINT {table}_pkey, ADD PRIMARY KEY ({key})" for table, key in _KEYS.items()),
    *(
        f"ALTER TABLE {table} ADD CONSTRAINT {table}_currency CHECK (currency ~ '^[A-Z]{{3}}$')"
        for table in ("money_posting", "settlement_period", "statement", "payout")
    ),
    # The book: each code has its accounts, and names what it is about.
    (
        "ALTER TABLE money_posting ADD CONSTRAINT money_posting_code CHECK ("
        "(code IN ('benefit_on_issue', 'benefit_on_use')"
        " AND source = 'oem:benefits' AND destination = 'partner:payable')"
        " OR (code = 'benefit_on_issue_reversed' AND source = 'partner:payable' AND destination = 'oem:benefits')"
        " OR (code = 'payout' AND source = 'partner:payable' AND destination = 'oem:bank'))"
    ),
    (
        f"ALTER TABLE money_posting ADD CONSTRAINT money_posting_amount CHECK (amount_minor BETWEEN 1 AND {_MAX_MINOR}"
        " AND tax_minor BETWEEN 0 AND amount_minor)"
    ),
    "ALTER TABLE money_posting ADD CONSTRAINT money_posting_period CHECK (extract(day FROM period) = 1)",
    (
        "ALTER TABLE money_posting ADD CONSTRAINT money_posting_subject CHECK (CASE WHEN code = 'payout'"
        f" THEN payout_id IS NOT NULL AND num_nonnulls({_OF_REDEMPTION}) = 0"
        f" ELSE payout_id IS NULL AND num_nulls({_OF_REDEMPTION}) = 0"
        " AND quantity > 0 END)"
    ),
    (
        "ALTER TABLE money_posting ADD CONSTRAINT money_posting_reversal"
        " CHECK ((code = 'benefit_on_issue_reversed') = (reverses IS NOT NULL))"
    ),
    # Exactly once: whatever told us of a redemption or a payout, each code stands in the book once.
    "CREATE UNIQUE INDEX money_posting_redemption ON money_posting (partner_id, redemption_id, code)",
    "CREATE UNIQUE INDEX money_posting_payout ON money_posting (partner_id, payout_id, code)",
    "CREATE UNIQUE INDEX money_posting_reverses ON money_posting (partner_id, reverses)",
    (
        "ALTER TABLE money_posting ADD CONSTRAINT money_posting_original"
        " FOREIGN KEY (partner_id, reverses) REFERENCES money_posting (partner_id, id)"
    ),
    (
        "CREATE INDEX money_posting_slice ON money_posting (partner_id, currency, period, occurred_at, id)"
        " WHERE code <> 'payout'"
    ),
    (
        "ALTER TABLE settlement_period ADD CONSTRAINT settlement_period_open_from"
        " CHECK (open_from IS NULL OR extract(day FROM open_from) = 1)"
    ),
    # Statements: one for each slice; the second pair of eyes is another's.
    "CREATE UNIQUE INDEX statement_slice ON statement (partner_id, currency, period)",
    "CREATE INDEX statement_period ON statement (period DESC, id DESC)",
    "ALTER TABLE statement ADD CONSTRAINT statement_status CHECK (status IN ('closed', 'approved', 'paid'))",
    "ALTER TABLE statement ADD CONSTRAINT statement_period_day CHECK (extract(day FROM period) = 1)",
    (
        "ALTER TABLE statement ADD CONSTRAINT statement_totals CHECK (lines >= 0 AND gross_minor >= 0"
        " AND reversed_minor >= 0 AND total_minor = gross_minor - reversed_minor)"
    ),
    "ALTER TABLE statement ADD CONSTRAINT statement_hash CHECK (content_hash ~ '^[0-9a-f]{64}$')",
    "ALTER TABLE statement ADD CONSTRAINT statement_four_eyes CHECK (approved_by <> closed_by)",
    (
        "ALTER TABLE statement ADD CONSTRAINT statement_steps CHECK ((approved_at IS NULL) = (status = 'closed')"
        " AND (approved_by IS NULL) = (approved_at IS NULL) AND (paid_at IS NOT NULL) = (status = 'paid'))"
    ),
    # Payouts
    "CREATE UNIQUE INDEX payout_statement ON payout (partner_id, statement_id)",
    "CREATE INDEX payout_recorded ON payout (recorded_at DESC, id DESC)",
    (
        "ALTER TABLE payout ADD CONSTRAINT payout_of"
        " FOREIGN KEY (partner_id, statement_id) REFERENCES statement (partner_id, id)"
    ),
    f"ALTER TABLE payout ADD CONSTRAINT payout_amount CHECK (amount_minor BETWEEN 1 AND {_MAX_MINOR})",
    "ALTER TABLE payout ADD CONSTRAINT payout_rail CHECK (rail IN ('manual'))",
]


async def forwards() -> MigrationManager:
    """Run after the tables were made: Piccolo runs raw SQL of the same migration before them."""
    manager = MigrationManager(migration_id=ID, app_name="settlement", description=DESCRIPTION)

    async def run() -> None:
        for statement in STATEMENTS:
            await DB.run_ddl(statement)

    manager.add_raw(run)
    return manager
