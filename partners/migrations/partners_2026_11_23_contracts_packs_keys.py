"""Prepaid packs: whose, and that a balance is what was bought less what was granted, never below zero."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from marketplace.platform.database import DB

ID = "2026-11-23T04:00:00:000007"
VERSION = "1.38.0"
DESCRIPTION = "prepaid packs: keys, checks"

STATEMENTS = [
    "ALTER TABLE point_pack ADD CONSTRAINT point_pack_partner FOREIGN KEY (partner_id) REFERENCES partner (id)",
    "ALTER TABLE point_pack ADD CONSTRAINT point_pack_sum CHECK (balance >= 0 AND granted >= 0 AND balance = bought - granted)",
    "ALTER TABLE point_pack_entry DROP CONSTRAINT point_pack_entry_pkey, ADD PRIMARY KEY (partner_id, id)",
    "ALTER TABLE point_pack_entry ADD CONSTRAINT point_pack_entry_contract FOREIGN KEY (contract_id) REFERENCES contract (id)",
    "ALTER TABLE point_pack_entry ADD CONSTRAINT point_pack_entry_says CHECK (packs > 0 AND points > 0 AND price_minor >= 0)",
]


async def forwards() -> MigrationManager:
    """Run after the table was made: Piccolo runs raw SQL of the same migration before it."""
    manager = MigrationManager(migration_id=ID, app_name="partners", description=DESCRIPTION)

    async def run() -> None:
        for statement in STATEMENTS:
            await DB.run_ddl(statement)

    manager.add_raw(run)
    return manager
