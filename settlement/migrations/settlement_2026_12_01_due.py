"""Of a statement below zero nothing is due: those that were approved before have no day of payment, either."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from marketplace.platform.database import DB

ID = "2026-12-01T05:00:00:000001"
VERSION = "1.38.0"
DESCRIPTION = "statements below zero are not due"


async def forwards() -> MigrationManager:
    """Change the rows."""
    manager = MigrationManager(migration_id=ID, app_name="settlement", description=DESCRIPTION)

    async def run() -> None:
        await DB.run_ddl("UPDATE statement SET due_on = NULL WHERE total_minor < 0 AND due_on IS NOT NULL")

    manager.add_raw(run)
    return manager
