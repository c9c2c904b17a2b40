"""A statement of zero is settled by its approval: those that were approved before are settled, too."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from marketplace.platform.database import DB

ID = "2026-12-01T04:00:00:000001"
VERSION = "1.38.0"
DESCRIPTION = "settled statements"

STATEMENTS = [
    "ALTER TABLE statement DROP CONSTRAINT statement_status",
    "ALTER TABLE statement ADD CONSTRAINT statement_status CHECK (status IN ('closed', 'approved', 'paid', 'settled'))",
    "UPDATE statement SET status = 'settled', due_on = NULL WHERE status = 'approved' AND total_minor = 0",
    "ALTER TABLE statement ADD CONSTRAINT statement_settled CHECK (CASE status WHEN 'closed' THEN true"
    " WHEN 'settled' THEN total_minor = 0 AND due_on IS NULL ELSE total_minor <> 0 END)",
]


async def forwards() -> MigrationManager:
    """Change the checks."""
    manager = MigrationManager(migration_id=ID, app_name="settlement", description=DESCRIPTION)

    async def run() -> None:
        for statement in STATEMENTS:
            await DB.run_ddl(statement)

    manager.add_raw(run)
    return manager
