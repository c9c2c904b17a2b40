"""A redemption names its voucher: found by the voucher's own key, without an index that each redemption paid for."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from marketplace.platform.database import DB

ID = "2026-11-27T00:00:00:000001"
VERSION = "1.38.0"
DESCRIPTION = "a redemption names its voucher"

STATEMENTS = [
    "ALTER TABLE redemption ADD COLUMN voucher_id uuid",
    "UPDATE redemption r SET voucher_id = v.id FROM voucher v WHERE v.bucket = r.bucket AND v.redemption_id = r.id",
    "ALTER TABLE redemption ALTER voucher_id SET NOT NULL, ALTER voucher_id SET STATISTICS 0",
    # A second voucher of a redemption is one that its redemption does not name: the running checks see it.
    "DROP INDEX voucher_redemption",
]


async def forwards() -> MigrationManager:
    """Change column and index."""
    manager = MigrationManager(migration_id=ID, app_name="benefits", description=DESCRIPTION)

    async def run() -> None:
        for statement in STATEMENTS:
            await DB.run_ddl(statement)

    manager.add_raw(run)
    return manager
