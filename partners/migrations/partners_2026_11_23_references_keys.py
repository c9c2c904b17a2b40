"""Keys of members' references: versions from 2 on, each under a number of its own."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from marketplace.platform.database import DB

ID = "2026-11-23T07:30:00:000002"
VERSION = "1.38.0"
DESCRIPTION = "keys of members' references: checks"

STATEMENTS = [
    "ALTER TABLE member_reference_key ADD CONSTRAINT member_reference_key_version CHECK (version BETWEEN 2 AND 9999)",
]


async def forwards() -> MigrationManager:
    """Run after the table was made: Piccolo runs raw SQL of the same migration before it."""
    manager = MigrationManager(migration_id=ID, app_name="partners", description=DESCRIPTION)

    async def run() -> None:
        for statement in STATEMENTS:
            await DB.run_ddl(statement)

    manager.add_raw(run)
    return manager
