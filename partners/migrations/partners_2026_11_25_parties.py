"""A contract's text names its parties, in a second format; what was signed in the first stays as it was signed."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from marketplace.platform.database import DB

ID = "2026-11-25T23:30:00:000001"
VERSION = "1.38.0"
DESCRIPTION = "contracts: parties"

STATEMENTS = [
    "ALTER TABLE contract DROP CONSTRAINT contract_says",
    "ALTER TABLE contract ADD CONSTRAINT contract_says CHECK ((content::json ->> 'partner_id')::uuid = partner_id"
    " AND (content::json ->> 'version')::int = version AND CASE (content::json ->> 'format')::int WHEN 1 THEN true"
    " WHEN 2 THEN content::json #>> '{parties,partner}' IS NOT NULL ELSE false END)",
]


async def forwards() -> MigrationManager:
    """Replace the check."""
    manager = MigrationManager(migration_id=ID, app_name="partners", description=DESCRIPTION)

    async def run() -> None:
        for statement in STATEMENTS:
            await DB.run_ddl(statement)

    manager.add_raw(run)
    return manager
