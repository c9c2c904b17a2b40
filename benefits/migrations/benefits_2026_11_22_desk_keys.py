"""Keys, checks and indexes for holds, uploaded codes, limit windows and gifts."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from marketplace.platform.database import DB

ID = "2026-11-22T00:00:00:000002"
VERSION = "1.38.0"
DESCRIPTION = "holds, codes, windows: keys, checks, indexes"

_ACCOUNTS = "('wallet', 'held', 'programme', 'partner', 'expired', 'gift')"
_CODES = "('earning', 'redemption', 'cancellation', 'forfeiture', 'expiry', 'hold', 'release', 'gift')"

STATEMENTS = [
    "ALTER TABLE hold DROP CONSTRAINT hold_pkey, ADD PRIMARY KEY (bucket, id)",
    "ALTER TABLE hold ADD CONSTRAINT hold_bucket CHECK (bucket BETWEEN 0 AND 1023)",
    "ALTER TABLE hold ADD CONSTRAINT hold_status CHECK (status IN ('held', 'posted', 'voided', 'expired'))",
    "ALTER TABLE hold ADD CONSTRAINT hold_positive CHECK (quantity > 0 AND points > 0)",
    "ALTER TABLE hold ADD CONSTRAINT hold_posted CHECK (posted_quantity BETWEEN 0 AND quantity"
    " AND (status = 'posted') = (posted_quantity > 0) AND (status = 'posted') = (redemption_id IS NOT NULL))",
    "ALTER TABLE hold ADD CONSTRAINT hold_ended CHECK ((status = 'held') = (ended_at IS NULL))",
    "CREATE INDEX hold_due ON hold (deadline) WHERE status = 'held'",
    "CREATE INDEX hold_member ON hold (bucket, member_id) WHERE status = 'held'",
    # Codes are handed out in upload order, and found again by the partner that uploaded them.
    "ALTER TABLE offer_code DROP CONSTRAINT offer_code_pkey, ADD PRIMARY KEY (offer_id, seq)",
    "ALTER TABLE offer_code ALTER seq ADD GENERATED ALWAYS AS IDENTITY",
    "ALTER TABLE offer_code ADD CONSTRAINT offer_code_state CHECK (state IN ('free', 'held', 'issued')"
    " AND (state = 'held') = (hold_id IS NOT NULL) AND (state = 'issued') = (voucher_id IS NOT NULL)"
    " AND (bucket IS NULL) = (voucher_id IS NULL))",
    "CREATE UNIQUE INDEX offer_code_once ON offer_code (partner_id, code)",
    "CREATE INDEX offer_code_free ON offer_code (offer_id, seq) WHERE state = 'free'",
    "CREATE INDEX offer_code_hold ON offer_code (hold_id) WHERE state = 'held'",
    "ALTER TABLE points_posting DROP CONSTRAINT points_posting_accounts, DROP CONSTRAINT points_posting_code",
    f"ALTER TABLE points_posting ADD CONSTRAINT points_posting_accounts_2 CHECK (source IN {_ACCOUNTS}"
    f" AND destination IN {_ACCOUNTS} AND source <> destination)",
    f"ALTER TABLE points_posting ADD CONSTRAINT points_posting_code_2 CHECK (code IN {_CODES})",
    # What was redeemed before there were windows was counted for ever.
    "UPDATE redemption SET windows = ARRAY['ever']",
]


async def forwards() -> MigrationManager:
    """Run after the tables were made: Piccolo runs raw SQL of the same migration before them."""
    manager = MigrationManager(migration_id=ID, app_name="benefits", description=DESCRIPTION)

    async def run() -> None:
        for statement in STATEMENTS:
            await DB.run_ddl(statement)

    manager.add_raw(run)
    return manager
