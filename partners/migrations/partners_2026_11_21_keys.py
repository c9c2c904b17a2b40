"""Composite keys, references, checks and indexes of the partners' tables."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from marketplace.platform.database import DB

ID = "2026-11-21T20:00:00:000002"
VERSION = "1.38.0"
DESCRIPTION = "keys, references, checks"

STATEMENTS = [
    "ALTER TABLE partner ADD CONSTRAINT partner_status CHECK"
    " (status IN ('applied', 'approved', 'active', 'suspended', 'terminated', 'rejected'))",
    "ALTER TABLE partner ADD CONSTRAINT partner_version CHECK (version > 0)",
    "ALTER TABLE partner ADD CONSTRAINT partner_kind CHECK (kind IN ('hotel_group', 'drone_maker', 'restaurant', 'insurer',"
    " 'school', 'dealer', 'retailer', 'mobility', 'wellness', 'entertainment', 'bank', 'travel_agency', 'other'))",
    "ALTER TABLE partner ADD CONSTRAINT partner_scenarios CHECK (cardinality(scenarios) > 0 AND scenarios <@ ARRAY["
    "'clothing', 'dining', 'lodging', 'mobility', 'entertainment', 'learning', 'shopping', 'wellness', 'finance', 'travel'])",
    "CREATE INDEX partner_by_status ON partner (status, id)",
    "ALTER TABLE partner_history ALTER seq ADD GENERATED ALWAYS AS IDENTITY",
    "ALTER TABLE partner_history ADD CONSTRAINT partner_history_partner FOREIGN KEY (partner_id) REFERENCES partner (id)",
    "CREATE INDEX partner_history_by_partner ON partner_history (partner_id, seq)",
    "ALTER TABLE partner_location DROP CONSTRAINT partner_location_pkey, ADD PRIMARY KEY (partner_id, id)",
    "ALTER TABLE partner_location ADD CONSTRAINT partner_location_partner FOREIGN KEY (partner_id) REFERENCES partner (id)",
    "ALTER TABLE contract ADD CONSTRAINT contract_partner FOREIGN KEY (partner_id) REFERENCES partner (id)",
    "ALTER TABLE contract ADD CONSTRAINT contract_version UNIQUE (partner_id, version)",
    "ALTER TABLE contract ADD CONSTRAINT contract_version_positive CHECK (version > 0)",
    "ALTER TABLE contract ADD CONSTRAINT contract_dates CHECK (ends_on > starts_on)",
    "ALTER TABLE contract ADD CONSTRAINT contract_basis CHECK (settlement_basis IN ('on_use', 'on_issue'))",
    "ALTER TABLE contract ADD CONSTRAINT contract_cycle CHECK (cycle IN ('monthly'))",
    "ALTER TABLE contract ADD CONSTRAINT contract_currency CHECK (currency ~ '^[A-Z]{3}$')",
    "ALTER TABLE contract ADD CONSTRAINT contract_price CHECK (settlement_price_minor BETWEEN 0 AND 10000000000000)",
    "ALTER TABLE contract ADD CONSTRAINT contract_max_price CHECK (max_settlement_price_minor BETWEEN 0 AND 10000000000000"
    " AND max_settlement_price_minor >= coalesce(settlement_price_minor, 0))",
    "ALTER TABLE contract ADD CONSTRAINT contract_commission CHECK (commission_ppm BETWEEN 0 AND 1000000)",
    "ALTER TABLE contract ADD CONSTRAINT contract_tax CHECK (tax_rate_ppm BETWEEN 0 AND 1000000)",
    "ALTER TABLE contract ADD CONSTRAINT contract_payment_terms CHECK (payment_terms_days BETWEEN 0 AND 365)",
    "ALTER TABLE oauth_client ADD CONSTRAINT oauth_client_partner FOREIGN KEY (partner_id) REFERENCES partner (id)",
    "ALTER TABLE oauth_client ADD CONSTRAINT oauth_client_audience CHECK (audience IN ('partner', 'points')"
    " AND (audience = 'partner') = (partner_id IS NOT NULL))",
    "ALTER TABLE oauth_client ADD CONSTRAINT oauth_client_credential CHECK (CASE auth_method"
    " WHEN 'private_key_jwt' THEN jwks IS NOT NULL AND secret_hash IS NULL"
    " WHEN 'client_secret_basic' THEN jwks IS NULL AND secret_hash IS NOT NULL"
    " WHEN 'client_secret_post' THEN jwks IS NULL AND secret_hash IS NOT NULL ELSE false END)",
    "ALTER TABLE oauth_client ADD CONSTRAINT oauth_client_status CHECK (status IN ('active', 'revoked')"
    " AND (status = 'revoked') = (revoked_at IS NOT NULL))",
    "CREATE INDEX oauth_client_by_partner ON oauth_client (partner_id, client_id)",
    "ALTER TABLE oauth_signing_key ADD CONSTRAINT oauth_signing_key_algorithm CHECK (algorithm IN ('RS256'))",
    # At most one key is current, however many processes start at once.
    "CREATE UNIQUE INDEX oauth_signing_key_current ON oauth_signing_key ((true)) WHERE retired_at IS NULL",
    "ALTER TABLE oauth_assertion DROP CONSTRAINT oauth_assertion_pkey, ADD PRIMARY KEY (client_id, jti)",
    "CREATE INDEX oauth_assertion_expires_at ON oauth_assertion (expires_at)",
]


async def forwards() -> MigrationManager:
    """Run after the tables were made: Piccolo runs raw SQL of the same migration before them."""
    manager = MigrationManager(migration_id=ID, app_name="partners", description=DESCRIPTION)

    async def run() -> None:
        for statement in STATEMENTS:
            await DB.run_ddl(statement)

    manager.add_raw(run)
    return manager
