"""Small samples for the statistics of tables that grow by requests and are read by key."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from marketplace.platform.upkeep import sample_less

ID = "2026-11-26T00:00:00:000001"
VERSION = "1.38.0"
DESCRIPTION = "small samples of tables read by key"

TABLES = ("event", "idempotency")


async def forwards() -> MigrationManager:
    """Set the samples."""
    manager = MigrationManager(migration_id=ID, app_name="platform", description=DESCRIPTION)

    async def run() -> None:
        await sample_less(TABLES)

    manager.add_raw(run)
    return manager
