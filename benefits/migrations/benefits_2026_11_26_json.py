"""What nobody searches by is kept as the JSON that came: `json` instead of `jsonb` (docs/performance.md)."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from marketplace.platform.database import DB

ID = "2026-11-26T00:00:00:000002"
VERSION = "1.38.0"
DESCRIPTION = "json as it came"

STATEMENTS = [
    "ALTER TABLE redemption ALTER settlement TYPE json",
    "ALTER TABLE hold ALTER settlement TYPE json",
]


async def forwards() -> MigrationManager:
    """Change the columns; a table is written anew for that."""
    manager = MigrationManager(migration_id=ID, app_name="benefits", description=DESCRIPTION)

    async def run() -> None:
        for statement in STATEMENTS:
            await DB.run_ddl(statement)

    manager.add_raw(run)
    return manager
