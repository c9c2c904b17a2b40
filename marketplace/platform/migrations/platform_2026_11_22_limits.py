"""How often each caller asked in the minute that runs."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from marketplace.platform.database import DB

ID = "2026-11-22T00:00:00:000004"
VERSION = "1.38.0"
DESCRIPTION = "counts of requests"

STATEMENTS = [
    # Not logged: nothing is lost with a minute's counts, and a commit need not wait for the disk.
    "CREATE UNLOGGED TABLE rate_window (caller text PRIMARY KEY, starts_at timestamptz NOT NULL,"
    " used int NOT NULL CHECK (used >= 0), granted int NOT NULL CHECK (granted >= 0)) WITH (fillfactor = 50)",
]


async def forwards() -> MigrationManager:
    """Make the table."""
    manager = MigrationManager(migration_id=ID, app_name="platform", description=DESCRIPTION)

    async def run() -> None:
        for statement in STATEMENTS:
            await DB.run_ddl(statement)

    manager.add_raw(run)
    return manager
