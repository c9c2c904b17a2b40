"""Messages are found by what they tell of."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from marketplace.platform.database import DB

ID = "2026-12-01T00:00:00:000002"
VERSION = "1.38.0"
DESCRIPTION = "mail: an index on what a message tells of"


async def forwards() -> MigrationManager:
    """Run after the column was added: Piccolo runs raw SQL of the same migration before it."""
    manager = MigrationManager(migration_id=ID, app_name="platform", description=DESCRIPTION)

    async def run() -> None:
        await DB.run_ddl(
            "CREATE INDEX outgoing_mail_about ON outgoing_mail (about, created_at) WHERE about IS NOT NULL"
        )

    manager.add_raw(run)
    return manager
