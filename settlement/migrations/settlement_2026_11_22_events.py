"""The money book by the bucket of what it tells of, so that it can be held against the event log a few buckets at a time."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from marketplace.platform.database import DB

ID = "2026-11-22T00:00:00:000001"
VERSION = "1.38.0"
DESCRIPTION = "money postings by bucket"

STATEMENTS = [
    (
        "CREATE INDEX money_posting_bucket ON money_posting"
        " (((get_byte(uuid_send(redemption_id), 14) & 3) << 8 | get_byte(uuid_send(redemption_id), 15)))"
        " WHERE redemption_id IS NOT NULL"
    ),
]


async def forwards() -> MigrationManager:
    """Make the index; on a book of a million postings in about a second."""
    manager = MigrationManager(migration_id=ID, app_name="settlement", description=DESCRIPTION)

    async def run() -> None:
        for statement in STATEMENTS:
            await DB.run_ddl(statement)

    manager.add_raw(run)
    return manager
