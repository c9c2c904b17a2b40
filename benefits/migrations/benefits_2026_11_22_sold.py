"""The count of units redeemed from stock, which goes along with the event log."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from marketplace.platform.database import DB

ID = "2026-11-22T00:00:00:000005"
VERSION = "1.38.0"
DESCRIPTION = "units redeemed from stock"

STATEMENTS = [
    # No CHECK on the sign: a count that is wrong must show as a breach, not stop the consumer.
    "CREATE TABLE offer_sold (offer_id uuid PRIMARY KEY, units bigint NOT NULL)",
]


async def forwards() -> MigrationManager:
    """Make the table; its consumer begins with the first event of the log."""
    manager = MigrationManager(migration_id=ID, app_name="benefits", description=DESCRIPTION)

    async def run() -> None:
        for statement in STATEMENTS:
            await DB.run_ddl(statement)

    manager.add_raw(run)
    return manager
