"""Fewer and cheaper indexes for what a redemption writes (docs/performance.md)."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from marketplace.platform.database import DB

ID = "2026-11-22T00:00:00:000006"
VERSION = "1.38.0"
DESCRIPTION = "cheaper indexes"

STATEMENTS = [
    # An index that speaks of `points` has to be written anew whenever they change, and the row's key with it. `unspent`
    # changes twice in a lot's life.
    "ALTER TABLE lot ADD COLUMN unspent boolean GENERATED ALWAYS AS (points > 0) STORED",
    "CREATE INDEX lot_unspent ON lot (expires_on) WHERE unspent",
    "DROP INDEX lot_expires_on",
    # A member's vouchers are found through the redemptions: one index by member, which is written all over the place.
    "DROP INDEX voucher_member",
    # Nobody searches by them, and they cost ANALYZE most of its time.
    "ALTER TABLE redemption ALTER settlement SET STATISTICS 0, ALTER windows SET STATISTICS 0",
    "ALTER TABLE voucher ALTER partner_codes SET STATISTICS 0",
]


async def forwards() -> MigrationManager:
    """Change the indexes."""
    manager = MigrationManager(migration_id=ID, app_name="benefits", description=DESCRIPTION)

    async def run() -> None:
        for statement in STATEMENTS:
            await DB.run_ddl(statement)

    manager.add_raw(run)
    return manager
