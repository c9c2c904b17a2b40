"""Secrets move to a table of their own; keys, references, checks and indexes of the OAuth server's tables."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from marketplace.platform.database import DB

ID = "2026-11-23T00:00:00:000032"
VERSION = "1.38.0"
DESCRIPTION = "oauth: secrets move, keys, references, checks"

STATEMENTS = [
    # A version 7 id of the instant at which the client was made, as `kernel/ids.py` makes them.
    "INSERT INTO oauth_secret (id, client_id, digest, created_at, created_by, revoked_at)"
    " SELECT (overlay(overlay(replace(gen_random_uuid()::text, '-', '')"
    " PLACING lpad(to_hex((extract(epoch FROM created_at) * 1000)::bigint), 12, '0') FROM 1 FOR 12) PLACING '7' FROM 13 FOR 1))"
    "::uuid, client_id, secret_hash, created_at, created_by, revoked_at FROM oauth_client WHERE secret_hash IS NOT NULL",
    "ALTER TABLE oauth_client DROP CONSTRAINT oauth_client_credential, DROP CONSTRAINT oauth_client_audience",
    "ALTER TABLE oauth_client ADD CONSTRAINT oauth_client_keys CHECK (CASE auth_method"
    " WHEN 'private_key_jwt' THEN (jwks IS NULL) <> (jwks_uri IS NULL)"
    " WHEN 'client_secret_basic' THEN jwks IS NULL AND jwks_uri IS NULL"
    " WHEN 'client_secret_post' THEN jwks IS NULL AND jwks_uri IS NULL"
    " WHEN 'none' THEN jwks IS NULL AND jwks_uri IS NULL AND NOT 'client_credentials' = ANY (grant_types) ELSE false END)",
    "ALTER TABLE oauth_client ADD CONSTRAINT oauth_client_kind CHECK (CASE kind"
    " WHEN 'own' THEN audience IN ('partner', 'points') AND (audience = 'partner') = (partner_id IS NOT NULL)"
    " WHEN 'integrator' THEN audience = 'partner' AND partner_id IS NULL AND NOT 'client_credentials' = ANY (grant_types)"
    " ELSE false END)",
    "ALTER TABLE oauth_client ADD CONSTRAINT oauth_client_grants CHECK (cardinality(grant_types) > 0"
    " AND grant_types <@ ARRAY['client_credentials', 'authorization_code', 'refresh_token']"
    " AND ('authorization_code' = ANY (grant_types)) = (cardinality(redirect_uris) > 0))",
    "ALTER TABLE oauth_client ADD CONSTRAINT oauth_client_application CHECK (application_type IN ('web', 'native'))",
    "ALTER TABLE oauth_secret ADD CONSTRAINT oauth_secret_client FOREIGN KEY (client_id) REFERENCES oauth_client (client_id)",
    "ALTER TABLE oauth_secret ADD CONSTRAINT oauth_secret_digest UNIQUE (client_id, digest)",
    "ALTER TABLE oauth_secret ADD CONSTRAINT oauth_secret_bytes CHECK (octet_length(digest) = 32)",
    "CREATE INDEX oauth_secret_expires_at ON oauth_secret (expires_at) WHERE expires_at IS NOT NULL",
    "ALTER TABLE oauth_grant ADD CONSTRAINT oauth_grant_client FOREIGN KEY (client_id) REFERENCES oauth_client (client_id)",
    "ALTER TABLE oauth_grant ADD CONSTRAINT oauth_grant_partner FOREIGN KEY (partner_id) REFERENCES partner (id)",
    "ALTER TABLE oauth_grant ADD CONSTRAINT oauth_grant_scopes CHECK (cardinality(scopes) > 0)",
    "ALTER TABLE oauth_grant ADD CONSTRAINT oauth_grant_revoked CHECK ((revoked_at IS NULL) = (revoked_for IS NULL))",
    "CREATE INDEX oauth_grant_by_partner ON oauth_grant (partner_id, id)",
    "CREATE INDEX oauth_grant_by_client ON oauth_grant (client_id)",
    "ALTER TABLE oauth_code ADD CONSTRAINT oauth_code_grant FOREIGN KEY (grant_id) REFERENCES oauth_grant (id)",
    "ALTER TABLE oauth_code ADD CONSTRAINT oauth_code_one UNIQUE (grant_id)",
    "CREATE INDEX oauth_code_expires_at ON oauth_code (expires_at)",
    "ALTER TABLE oauth_refresh_token ADD CONSTRAINT oauth_refresh_token_grant FOREIGN KEY (grant_id) REFERENCES oauth_grant (id)",
    "ALTER TABLE oauth_refresh_token ADD CONSTRAINT oauth_refresh_token_rotated"
    " CHECK ((rotated_at IS NULL) = (successor IS NULL) AND (rotated_at IS NULL) = (asked IS NULL))",
    # One family, one line: whatever happens, no token of it has two successors and no two lines go on side by side.
    "CREATE UNIQUE INDEX oauth_refresh_token_newest ON oauth_refresh_token (grant_id) WHERE rotated_at IS NULL",
    "CREATE UNIQUE INDEX oauth_refresh_token_successor ON oauth_refresh_token (successor) WHERE successor IS NOT NULL",
    "CREATE INDEX oauth_refresh_token_by_grant ON oauth_refresh_token (grant_id)",
    "CREATE INDEX oauth_refresh_token_expires_at ON oauth_refresh_token (expires_at)",
    "CREATE INDEX oauth_refresh_token_answer ON oauth_refresh_token (rotated_at) WHERE answer_sealed IS NOT NULL",
    "ALTER TABLE oauth_pushed_request ADD CONSTRAINT oauth_pushed_request_client FOREIGN KEY (client_id)"
    " REFERENCES oauth_client (client_id)",
    "CREATE INDEX oauth_pushed_request_expires_at ON oauth_pushed_request (expires_at)",
    "CREATE INDEX oauth_dpop_proof_expires_at ON oauth_dpop_proof (expires_at)",
    "CREATE INDEX oauth_revoked_token_expires_at ON oauth_revoked_token (expires_at)",
    "ALTER TABLE oauth_initial_token ADD CONSTRAINT oauth_initial_token_digest UNIQUE (digest)",
    "ALTER TABLE oauth_initial_token ADD CONSTRAINT oauth_initial_token_uses CHECK (uses_left >= 0)",
    "ALTER TABLE oauth_initial_token ADD CONSTRAINT oauth_initial_token_partner FOREIGN KEY (partner_id) REFERENCES partner (id)",
    "ALTER TABLE oauth_signing_key DROP CONSTRAINT oauth_signing_key_algorithm",
    "ALTER TABLE oauth_signing_key ADD CONSTRAINT oauth_signing_key_algorithms CHECK (algorithm IN ('RS256', 'ES256'))",
]


async def forwards() -> MigrationManager:
    """Run after the tables were made: Piccolo runs raw SQL of the same migration before what it does itself."""
    manager = MigrationManager(migration_id=ID, app_name="partners", description=DESCRIPTION)

    async def run() -> None:
        for statement in STATEMENTS:
            await DB.run_ddl(statement)

    manager.add_raw(run)
    manager.drop_column(
        table_class_name="OauthClient",
        tablename="oauth_client",
        column_name="secret_hash",
        db_column_name="secret_hash",
        schema=None,
    )
    return manager
