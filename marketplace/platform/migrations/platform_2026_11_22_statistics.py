"""No statistics for what nobody searches by: they cost ANALYZE most of its time, in the middle of a member day."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from marketplace.platform.database import DB

ID = "2026-11-22T00:00:00:000003"
VERSION = "1.38.0"
DESCRIPTION = "no statistics of payloads"

STATEMENTS = [
    "ALTER TABLE event ALTER payload SET STATISTICS 0",
    "ALTER TABLE idempotency ALTER fingerprint SET STATISTICS 0, ALTER body SET STATISTICS 0",
]


async def forwards() -> MigrationManager:
    """Change the columns."""
    manager = MigrationManager(migration_id=ID, app_name="platform", description=DESCRIPTION)

    async def run() -> None:
        for statement in STATEMENTS:
            await DB.run_ddl(statement)

    manager.add_raw(run)
    return manager
