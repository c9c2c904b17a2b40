"""What a sandbox's database says of itself; the live one's says nothing."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from marketplace.platform.database import DB

ID = "2026-11-23T00:00:00:000101"
VERSION = "1.38.0"
DESCRIPTION = "the state of a sandbox"

STATEMENTS = [
    "CREATE TABLE sandbox_state (only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),"
    " ahead interval NOT NULL DEFAULT '0' CHECK (ahead >= '0'), made jsonb NOT NULL, made_at timestamptz NOT NULL DEFAULT now())",
]


async def forwards() -> MigrationManager:
    """Make the table."""
    manager = MigrationManager(migration_id=ID, app_name="platform", description=DESCRIPTION)

    async def run() -> None:
        for statement in STATEMENTS:
            await DB.run_ddl(statement)

    manager.add_raw(run)
    return manager
