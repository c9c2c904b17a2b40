"""Keys and checks of the running checks' state, and the place in the event log up to which they have noticed what happens."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from marketplace.platform.database import DB

ID = "2026-11-22T00:00:00:000002"
VERSION = "1.38.0"
DESCRIPTION = "running checks: keys, checks"

STATEMENTS = [
    # Ranges are compared as texts: in the order of their bytes, whatever the database's collation.
    'ALTER TABLE invariant_slice ALTER low TYPE text COLLATE "C", ALTER high TYPE text COLLATE "C"',
    "ALTER TABLE invariant_slice DROP CONSTRAINT invariant_slice_pkey, ADD PRIMARY KEY (name, low)",
    "ALTER TABLE invariant_slice ADD CONSTRAINT invariant_slice_range CHECK (low <= high)",
    "ALTER TABLE invariant_slice ADD CONSTRAINT invariant_slice_breaches"
    " CHECK ((broken > 0) = (jsonb_array_length(breaches) > 0) AND (broken > 0) = (broken_since IS NOT NULL))",
    "ALTER TABLE invariant_slice ALTER due_at SET DEFAULT now()",
    "ALTER TABLE invariant_slice SET (fillfactor = 50)",  # its rows change all the time, and stay where they are
    "CREATE TABLE invariant_watch (only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),"
    " snapshot pg_snapshot NOT NULL DEFAULT pg_current_snapshot(), noticed_at timestamptz NOT NULL DEFAULT now())",
    "INSERT INTO invariant_watch DEFAULT VALUES",
]


async def forwards() -> MigrationManager:
    """Run after the tables were made: Piccolo runs raw SQL of the same migration before them."""
    manager = MigrationManager(migration_id=ID, app_name="platform", description=DESCRIPTION)

    async def run() -> None:
        for statement in STATEMENTS:
            await DB.run_ddl(statement)

    manager.add_raw(run)
    return manager
