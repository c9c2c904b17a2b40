"""Old keys move to rows of their own; a bank reference is recorded once; what nobody could meet is asked later."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from marketplace.platform.database import DB

ID = "2026-11-25T23:00:00:000002"
VERSION = "1.38.0"
DESCRIPTION = "old keys of webhooks, references of packs, gates of computed requirements"

STATEMENTS = [
    "ALTER TABLE webhook_old_keys ADD CONSTRAINT webhook_old_keys_endpoint FOREIGN KEY (endpoint_id)"
    " REFERENCES webhook_endpoint (id) ON DELETE CASCADE",
    "CREATE INDEX webhook_old_keys_of_endpoint ON webhook_old_keys (endpoint_id, until)",
    "INSERT INTO webhook_old_keys (id, endpoint_id, keys_sealed, until)"
    " SELECT gen_random_uuid(), id, old_keys_sealed, old_keys_until FROM webhook_endpoint WHERE old_keys_sealed IS NOT NULL",
    # What was recorded twice stays in the book, under a reference of its own; which it was, the audit says as well.
    "UPDATE point_pack_entry e SET reference = e.reference || ' · ' || e.id FROM point_pack_entry first"
    " WHERE first.partner_id = e.partner_id AND first.reference = e.reference AND first.id < e.id",
    "ALTER TABLE point_pack_entry ADD CONSTRAINT point_pack_entry_reference UNIQUE (partner_id, reference)",
    # A contract and an account are made with who has applied: at `submit`, every application was refused.
    "UPDATE requirement SET gate = 'approve', version = version + 1"
    " WHERE code IN ('contract_signed', 'payout_account') AND gate = 'submit'",
]


async def forwards() -> MigrationManager:
    """Copy before the columns go: Piccolo runs raw SQL of a migration first."""
    manager = MigrationManager(migration_id=ID, app_name="partners", description=DESCRIPTION)

    async def run() -> None:
        for statement in STATEMENTS:
            await DB.run_ddl(statement)

    manager.add_raw(run)
    manager.drop_column(
        table_class_name="WebhookEndpoint",
        tablename="webhook_endpoint",
        column_name="old_keys_sealed",
        db_column_name="old_keys_sealed",
        schema=None,
    )

    manager.drop_column(
        table_class_name="WebhookEndpoint",
        tablename="webhook_endpoint",
        column_name="old_keys_until",
        db_column_name="old_keys_until",
        schema=None,
    )
    return manager
