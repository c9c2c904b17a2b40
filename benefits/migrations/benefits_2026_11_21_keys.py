"""Composite keys by bucket, checks and indexes of the benefits' tables."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from marketplace.platform.database import DB

ID = "2026-11-21T20:00:00:000002"
VERSION = "1.38.0"
DESCRIPTION = "composite keys, checks, indexes"

_KEYS = {
    "member": "bucket, id",
    "wallet": "bucket, member_id",
    "lot": "bucket, member_id, expires_on",
    "points_posting": "bucket, transaction_id, line",
    "earning": "bucket, member_id, reference",
    "redemption": "bucket, id",
    "voucher": "bucket, id",
    "limit_used": 'bucket, member_id, offer_id, "window"',
    "offer_revision": "offer_id, revision",
    "stock": "offer_id, slice",
}

_ACCOUNTS = "('wallet', 'held', 'programme', 'partner', 'expired')"

STATEMENTS = [
    *(f"ALTER TABLE {table} DROP CONSTRAINT {table}_pkey, ADD PRIMARY KEY ({key})" for table, key in _KEYS.items()),
    *(
        f"ALTER TABLE {table} ADD CONSTRAINT {table}_bucket CHECK (bucket BETWEEN 0 AND 1023)"
        for table, key in _KEYS.items()
        if key.startswith("bucket")
    ),
    # Members and points
    "ALTER TABLE member ADD CONSTRAINT member_status CHECK (status IN ('active', 'blocked'))",
    "ALTER TABLE wallet ADD CONSTRAINT wallet_not_overdrawn CHECK (balance >= 0 AND held >= 0)",
    "ALTER TABLE lot ADD CONSTRAINT lot_not_overdrawn CHECK (points >= 0)",
    "ALTER TABLE points_posting ADD CONSTRAINT points_posting_positive CHECK (points > 0)",
    f"ALTER TABLE points_posting ADD CONSTRAINT points_posting_accounts CHECK (source IN {_ACCOUNTS}"
    f" AND destination IN {_ACCOUNTS} AND source <> destination)",
    "ALTER TABLE points_posting ADD CONSTRAINT points_posting_code"
    " CHECK (code IN ('earning', 'redemption', 'cancellation', 'forfeiture', 'expiry'))",
    "CREATE INDEX points_posting_member ON points_posting (bucket, member_id, transaction_id)",
    "ALTER TABLE earning ADD CONSTRAINT earning_positive CHECK (points > 0)",
    "CREATE INDEX lot_expires_on ON lot (expires_on) WHERE points > 0",
    # Rows that change with every redemption keep room on their page, so that the change stays there (HOT).
    "ALTER TABLE wallet SET (fillfactor = 80)",
    "ALTER TABLE lot SET (fillfactor = 80)",
    "ALTER TABLE stock SET (fillfactor = 50)",
    # Offers
    "ALTER TABLE offer ADD CONSTRAINT offer_status"
    " CHECK (status IN ('draft', 'in_review', 'live', 'rejected', 'paused', 'ended'))",
    "ALTER TABLE offer ADD CONSTRAINT offer_scenario CHECK (scenario IN ('clothing', 'dining', 'lodging', 'mobility',"
    " 'entertainment', 'learning', 'shopping', 'wellness', 'finance', 'travel'))",
    "ALTER TABLE offer ADD CONSTRAINT offer_price CHECK (price_points > 0)",
    "ALTER TABLE offer ADD CONSTRAINT offer_sale CHECK (ends_at IS NULL OR ends_at > starts_at)",
    "CREATE UNIQUE INDEX offer_sku ON offer (partner_id, sku)",
    "CREATE INDEX offer_live ON offer (scenario, published_at DESC, id DESC) WHERE status = 'live'",
    "CREATE INDEX offer_live_all ON offer (published_at DESC, id DESC) WHERE status = 'live'",
    "CREATE INDEX offer_terms ON offer USING gin (terms) WHERE status = 'live'",
    "CREATE INDEX offer_partner ON offer (partner_id, id)",
    "CREATE INDEX offer_review ON offer (status, id)",
    "ALTER TABLE stock ADD CONSTRAINT stock_not_oversold CHECK (remaining >= 0 AND held >= 0 AND sold >= 0)",
    "ALTER TABLE stock ADD CONSTRAINT stock_conserved CHECK (initial = remaining + held + sold)",
    # Redemptions and vouchers
    "ALTER TABLE redemption ADD CONSTRAINT redemption_status CHECK (status IN ('issued', 'cancelled'))",
    "ALTER TABLE redemption ADD CONSTRAINT redemption_positive CHECK (quantity > 0 AND points > 0)",
    "CREATE INDEX redemption_member ON redemption (bucket, member_id, id)",
    "CREATE INDEX redemption_partner ON redemption (partner_id, id)",
    "ALTER TABLE voucher ADD CONSTRAINT voucher_status CHECK (status IN ('issued', 'used', 'expired', 'cancelled'))",
    "ALTER TABLE voucher ADD CONSTRAINT voucher_used CHECK ((status = 'used') = (used_at IS NOT NULL))",
    "CREATE UNIQUE INDEX voucher_code ON voucher (bucket, code)",
    "CREATE UNIQUE INDEX voucher_redemption ON voucher (bucket, redemption_id)",
    "CREATE INDEX voucher_member ON voucher (bucket, member_id, id)",
    "CREATE INDEX voucher_due ON voucher (expires_at) WHERE status = 'issued'",
    "ALTER TABLE limit_used ADD CONSTRAINT limit_used_not_negative CHECK (used >= 0)",
]


async def forwards() -> MigrationManager:
    """Run after the tables were made: Piccolo runs raw SQL of the same migration before them."""
    manager = MigrationManager(migration_id=ID, app_name="benefits", description=DESCRIPTION)

    async def run() -> None:
        for statement in STATEMENTS:
            await DB.run_ddl(statement)

    manager.add_raw(run)
    return manager
