"""Points granted postpaid: their posting's accounts, what it is about, once each; and the total that deducts them."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from marketplace.platform.database import DB

ID = "2026-11-25T23:00:00:000002"
VERSION = "1.38.0"
DESCRIPTION = "points granted postpaid: keys and checks"

_REVERSIBLE = {
    "benefit_on_issue": ("oem:benefits", "partner:payable"),
    "benefit_on_use": ("oem:benefits", "partner:payable"),
    "dealer_share": ("dealer:receivable", "partner:payable"),
    "partner_share": ("partner:payable", "oem:benefits"),
    "commission": ("partner:payable", "oem:commission"),
}
_ACCOUNTS = [(code, *accounts) for code, accounts in _REVERSIBLE.items()]
_ACCOUNTS += [(f"{code}_reversed", *reversed(accounts)) for code, accounts in _REVERSIBLE.items()]
_ACCOUNTS += [("payout", "partner:payable", "oem:bank"), ("points_granted", "partner:payable", "oem:points")]

_KNOWN = ", ".join(f"('{code}', '{source}', '{destination}')" for code, source, destination in _ACCOUNTS)
_OF_OFFER = "redemption_id, voucher_id, offer_id, revision, quantity"
_OF_CONTRACT = "contract_id, contract_version"

STATEMENTS = [
    "ALTER TABLE money_posting DROP CONSTRAINT money_posting_code_2",
    f"ALTER TABLE money_posting ADD CONSTRAINT money_posting_code_3 CHECK ((code, source, destination) IN ({_KNOWN}))",
    "ALTER TABLE money_posting DROP CONSTRAINT money_posting_subject",
    "ALTER TABLE money_posting ADD CONSTRAINT money_posting_subject_2 CHECK (CASE code"
    f" WHEN 'payout' THEN payout_id IS NOT NULL AND num_nonnulls({_OF_OFFER}, {_OF_CONTRACT}) = 0"
    f" WHEN 'points_granted' THEN num_nonnulls(payout_id, {_OF_OFFER}) = 0 AND num_nulls({_OF_CONTRACT}) = 0"
    f" ELSE payout_id IS NULL AND num_nulls({_OF_OFFER}, {_OF_CONTRACT}) = 0 AND quantity > 0 END)",
    # Exactly once: each grant stands in the book once, whatever told us of it. By the bucket of what told of it, like all others.
    "CREATE UNIQUE INDEX money_posting_grant ON money_posting"
    " (((get_byte(uuid_send(partner_id), 14) & 3) << 8 | get_byte(uuid_send(partner_id), 15)), partner_id, transaction_id)"
    " WHERE code = 'points_granted'",
    "ALTER TABLE statement DROP CONSTRAINT statement_totals",
    "ALTER TABLE statement ADD CONSTRAINT statement_totals CHECK (lines >= 0 AND gross_minor >= 0 AND reversed_minor >= 0"
    " AND granted_minor >= 0"
    " AND total_minor = gross_minor - reversed_minor - partner_share_minor - commission_minor - granted_minor)",
]


async def forwards() -> MigrationManager:
    """Run after the column was made: Piccolo runs raw SQL of the same migration before it."""
    manager = MigrationManager(migration_id=ID, app_name="settlement", description=DESCRIPTION)

    async def run() -> None:
        for statement in STATEMENTS:
            await DB.run_ddl(statement)

    manager.add_raw(run)
    return manager
