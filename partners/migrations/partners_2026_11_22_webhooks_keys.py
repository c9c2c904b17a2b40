"""Keys, references, checks and indexes of the webhooks' tables."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from marketplace.platform.database import DB

ID = "2026-11-22T00:00:00:000022"
VERSION = "1.38.0"
DESCRIPTION = "webhooks: keys, references, checks"

STATEMENTS = [
    "ALTER TABLE webhook_endpoint ADD CONSTRAINT webhook_endpoint_partner FOREIGN KEY (partner_id) REFERENCES partner (id)",
    "ALTER TABLE webhook_endpoint ADD CONSTRAINT webhook_endpoint_status CHECK (status IN ('enabled', 'disabled')"
    " AND (status = 'disabled') = (disabled_reason IS NOT NULL))",
    "ALTER TABLE webhook_endpoint ADD CONSTRAINT webhook_endpoint_old_keys"
    " CHECK ((old_keys_sealed IS NULL) = (old_keys_until IS NULL))",
    "ALTER TABLE webhook_endpoint ADD CONSTRAINT webhook_endpoint_types CHECK (cardinality(event_types) > 0)",
    "ALTER TABLE webhook_endpoint ADD CONSTRAINT webhook_endpoint_version CHECK (version > 0)",
    "CREATE INDEX webhook_endpoint_by_partner ON webhook_endpoint (partner_id, id)",
    "ALTER TABLE partner_event ALTER seq ADD GENERATED ALWAYS AS IDENTITY",
    "ALTER TABLE partner_event ADD CONSTRAINT partner_event_id UNIQUE (id)",
    # An event of the log is told once, whatever becomes of a consumer's position.
    "ALTER TABLE partner_event ADD CONSTRAINT partner_event_log_seq UNIQUE (log_seq)",
    "ALTER TABLE partner_event ADD CONSTRAINT partner_event_sequence UNIQUE (partner_id, aggregate_id, sequence)",
    "CREATE INDEX partner_event_by_partner ON partner_event (partner_id, seq)",
    "CREATE INDEX partner_event_created_at ON partner_event (created_at)",
    "ALTER TABLE partner_event_number DROP CONSTRAINT partner_event_number_pkey,"
    " ADD PRIMARY KEY (partner_id, aggregate_id)",
    "ALTER TABLE webhook_delivery ADD CONSTRAINT webhook_delivery_endpoint FOREIGN KEY (endpoint_id)"
    " REFERENCES webhook_endpoint (id) ON DELETE CASCADE",
    "ALTER TABLE webhook_delivery ADD CONSTRAINT webhook_delivery_message UNIQUE (endpoint_id, message_id)",
    "ALTER TABLE webhook_delivery ADD CONSTRAINT webhook_delivery_status CHECK (status IN ('pending', 'delivered', 'failed')"
    " AND (status = 'pending') = (due_at IS NOT NULL) AND (status = 'pending') = (ended_at IS NULL))",
    "ALTER TABLE webhook_delivery ADD CONSTRAINT webhook_delivery_claim CHECK ((claim IS NULL) = (claimed_until IS NULL))",
    "CREATE INDEX webhook_delivery_due ON webhook_delivery (endpoint_id, due_at) WHERE status = 'pending'",
    "CREATE INDEX webhook_delivery_by_endpoint ON webhook_delivery (endpoint_id, id)",
    "CREATE INDEX webhook_delivery_created_at ON webhook_delivery (created_at)",
    "ALTER TABLE webhook_attempt DROP CONSTRAINT webhook_attempt_pkey, ADD PRIMARY KEY (delivery_id, number)",
    "ALTER TABLE webhook_attempt ADD CONSTRAINT webhook_attempt_delivery FOREIGN KEY (delivery_id)"
    " REFERENCES webhook_delivery (id) ON DELETE CASCADE",
]


async def forwards() -> MigrationManager:
    """Run after the tables were made: Piccolo runs raw SQL of the same migration before them."""
    manager = MigrationManager(migration_id=ID, app_name="partners", description=DESCRIPTION)

    async def run() -> None:
        for statement in STATEMENTS:
            await DB.run_ddl(statement)

    manager.add_raw(run)
    return manager
