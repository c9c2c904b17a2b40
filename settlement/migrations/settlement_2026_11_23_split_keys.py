"""The codes of shares, commissions and undone uses; books, statements and postings by cycle."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from marketplace.platform.database import DB

ID = "2026-11-23T04:00:00:000002"
VERSION = "1.38.0"
DESCRIPTION = "funding split, commission, cycles: keys and checks"

_REVERSIBLE = {
    "benefit_on_issue": ("oem:benefits", "partner:payable"),
    "benefit_on_use": ("oem:benefits", "partner:payable"),
    "dealer_share": ("dealer:receivable", "partner:payable"),
    "partner_share": ("partner:payable", "oem:benefits"),
    "commission": ("partner:payable", "oem:commission"),
}
_ACCOUNTS = [(code, *accounts) for code, accounts in _REVERSIBLE.items()]
_ACCOUNTS += [(f"{code}_reversed", *reversed(accounts)) for code, accounts in _REVERSIBLE.items()]
_ACCOUNTS.append(("payout", "partner:payable", "oem:bank"))

_KNOWN = ", ".join(f"('{code}', '{source}', '{destination}')" for code, source, destination in _ACCOUNTS)


def _period(name: str) -> str:
    return (
        f"CASE cycle WHEN 'monthly' THEN extract(day FROM {name}) = 1 WHEN 'ten_day' THEN extract(day FROM {name})"
        f" IN (1, 11, 21) WHEN 'weekly' THEN extract(isodow FROM {name}) = 1 ELSE false END"
    )


STATEMENTS = [
    "ALTER TABLE money_posting DROP CONSTRAINT money_posting_code",
    f"ALTER TABLE money_posting ADD CONSTRAINT money_posting_code_2 CHECK ((code, source, destination) IN ({_KNOWN}))",
    "ALTER TABLE money_posting DROP CONSTRAINT money_posting_reversal",
    r"ALTER TABLE money_posting ADD CONSTRAINT money_posting_reversal_2"
    r" CHECK ((code LIKE '%\_reversed') = (reverses IS NOT NULL))",
    "ALTER TABLE money_posting ADD CONSTRAINT money_posting_occasion CHECK (occasion > 0)",
    # A use that was undone can happen again: each occasion stands in the book once.
    "CREATE UNIQUE INDEX money_posting_redemption_2 ON money_posting (partner_id, redemption_id, code, occasion)",
    "DROP INDEX money_posting_redemption",
    "ALTER TABLE money_posting DROP CONSTRAINT money_posting_period",
    f"ALTER TABLE money_posting ADD CONSTRAINT money_posting_period_2 CHECK ({_period('period')})",
    "DROP INDEX money_posting_slice",
    "CREATE INDEX money_posting_slice ON money_posting (partner_id, currency, cycle, period, occurred_at, id)"
    " WHERE code <> 'payout'",
    "ALTER TABLE settlement_period DROP CONSTRAINT settlement_period_pkey, ADD PRIMARY KEY (partner_id, currency, cycle)",
    "ALTER TABLE settlement_period DROP CONSTRAINT settlement_period_open_from",
    f"ALTER TABLE settlement_period ADD CONSTRAINT settlement_period_open_from_2"
    f" CHECK (open_from IS NULL OR {_period('open_from')})",
    "CREATE UNIQUE INDEX statement_slice_2 ON statement (partner_id, currency, cycle, period)",
    "DROP INDEX statement_slice",
    "ALTER TABLE statement DROP CONSTRAINT statement_period_day",
    f"ALTER TABLE statement ADD CONSTRAINT statement_period_day_2 CHECK ({_period('period')})",
    "ALTER TABLE statement DROP CONSTRAINT statement_totals",
    "ALTER TABLE statement ADD CONSTRAINT statement_totals CHECK (lines >= 0 AND gross_minor >= 0 AND reversed_minor >= 0"
    " AND total_minor = gross_minor - reversed_minor - partner_share_minor - commission_minor)",
]


async def forwards() -> MigrationManager:
    """Run after the columns were made: Piccolo runs raw SQL of the same migration before them."""
    manager = MigrationManager(migration_id=ID, app_name="settlement", description=DESCRIPTION)

    async def run() -> None:
        for statement in STATEMENTS:
            await DB.run_ddl(statement)

    manager.add_raw(run)
    return manager
