"""Where a client may take vouchers: a till of one store is not a till of another."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from marketplace.platform.database import DB

ID = "2026-11-23T06:00:00:000001"
VERSION = "1.38.0"
DESCRIPTION = "clients' locations"

STATEMENTS = [
    "CREATE TABLE oauth_client_location (client_id text NOT NULL REFERENCES oauth_client (client_id), partner_id uuid NOT NULL,"
    " location_id text NOT NULL, PRIMARY KEY (client_id, location_id),"
    " FOREIGN KEY (partner_id, location_id) REFERENCES partner_location (partner_id, id))",
]


async def forwards() -> MigrationManager:
    """Make the table."""
    manager = MigrationManager(migration_id=ID, app_name="partners", description=DESCRIPTION)

    async def run() -> None:
        for statement in STATEMENTS:
            await DB.run_ddl(statement)

    manager.add_raw(run)
    return manager
