"""Composite keys, defaults and checks of the platform's tables (Piccolo knows single-column keys only)."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from marketplace.platform.database import DB

ID = "2026-11-21T20:00:00:000002"
VERSION = "1.38.0"
DESCRIPTION = "composite keys, defaults, checks"

STATEMENTS = [
    # The log: numbered by one identity, settled by transaction id, kept by bucket.
    "ALTER TABLE event DROP CONSTRAINT event_pkey, ADD PRIMARY KEY (bucket, seq)",
    "ALTER TABLE event ALTER seq ADD GENERATED ALWAYS AS IDENTITY",
    "ALTER TABLE event ALTER xid TYPE xid8 USING xid::text::xid8, ALTER xid SET DEFAULT pg_current_xact_id()",
    "ALTER TABLE event ADD CONSTRAINT event_bucket CHECK (bucket BETWEEN 0 AND 1023)",
    "CREATE INDEX event_xid ON event (xid)",
    "ALTER TABLE event_tick ALTER id ADD GENERATED ALWAYS AS IDENTITY, ALTER at SET DEFAULT now()",
    "ALTER TABLE event_tick ALTER snapshot TYPE pg_snapshot USING snapshot::pg_snapshot",
    # Its one row is the lock under which ticks follow each other.
    "CREATE TABLE event_ticker (only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row))",
    "INSERT INTO event_ticker DEFAULT VALUES",
    "ALTER TABLE idempotency DROP CONSTRAINT idempotency_pkey, ADD PRIMARY KEY (bucket, caller, key)",
    "ALTER TABLE idempotency ADD CONSTRAINT idempotency_bucket CHECK (bucket BETWEEN 0 AND 1023)",
    "CREATE INDEX idempotency_created_at ON idempotency (created_at)",
    "ALTER TABLE audit_entry ALTER seq ADD GENERATED ALWAYS AS IDENTITY",
    # One row: the last entry's hash, and the lock under which entries follow each other.
    "CREATE TABLE audit_head (only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row), hash bytea)",
    "INSERT INTO audit_head DEFAULT VALUES",
    "CREATE INDEX web_session_expires_at ON web_session (expires_at)",
]


async def forwards() -> MigrationManager:
    """Run after the tables were made: Piccolo runs raw SQL of the same migration before them."""
    manager = MigrationManager(migration_id=ID, app_name="platform", description=DESCRIPTION)

    async def run() -> None:
        for statement in STATEMENTS:
            await DB.run_ddl(statement)

    manager.add_raw(run)
    return manager
