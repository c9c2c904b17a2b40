"""Checks and indexes of the messages that wait."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from marketplace.platform.database import DB

ID = "2026-11-23T05:00:00:000012"
VERSION = "1.38.0"
DESCRIPTION = "mail: checks, indexes"

STATEMENTS = [
    "ALTER TABLE outgoing_mail ADD CONSTRAINT outgoing_mail_status CHECK (status IN ('waiting', 'sent', 'failed')"
    " AND (status = 'waiting') = (due_at IS NOT NULL) AND (status = 'waiting') = (text_sealed IS NOT NULL)"
    " AND (status = 'waiting') = (ended_at IS NULL))",
    "ALTER TABLE outgoing_mail ADD CONSTRAINT outgoing_mail_claim CHECK ((claim IS NULL) = (claimed_until IS NULL))",
    "CREATE INDEX outgoing_mail_due ON outgoing_mail (due_at) WHERE status = 'waiting'",
    "CREATE INDEX outgoing_mail_ended_at ON outgoing_mail (ended_at)",
]


async def forwards() -> MigrationManager:
    """Run after the table was made: Piccolo runs raw SQL of the same migration before it."""
    manager = MigrationManager(migration_id=ID, app_name="platform", description=DESCRIPTION)

    async def run() -> None:
        for statement in STATEMENTS:
            await DB.run_ddl(statement)

    manager.add_raw(run)
    return manager
