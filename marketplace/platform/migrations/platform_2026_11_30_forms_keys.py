"""Checks and indexes of what sent forms led to."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from marketplace.platform.database import DB

ID = "2026-11-30T20:40:00:000002"
VERSION = "1.38.0"
DESCRIPTION = "form answers: checks, indexes"

STATEMENTS = [
    "ALTER TABLE form_answer ADD CONSTRAINT form_answer_lengths CHECK (octet_length(id) = 32 AND octet_length(owner) = 32)",
    # Running: neither. Answered: an address, or a page; the body of a page that is shown once goes when it is shown.
    "ALTER TABLE form_answer ADD CONSTRAINT form_answer_state CHECK ("
    "(answered_at IS NOT NULL) = (location IS NOT NULL OR status IS NOT NULL)"
    " AND NOT (location IS NOT NULL AND status IS NOT NULL)"
    " AND (body_sealed IS NOT NULL) = (status IS NOT NULL AND NOT (once AND shown_at IS NOT NULL)))",
    "CREATE UNIQUE INDEX form_answer_answer ON form_answer (answer)",
    "CREATE INDEX form_answer_expires_at ON form_answer (expires_at)",
]


async def forwards() -> MigrationManager:
    """Run after the table was made: Piccolo runs raw SQL of the same migration before it."""
    manager = MigrationManager(migration_id=ID, app_name="platform", description=DESCRIPTION)

    async def run() -> None:
        for statement in STATEMENTS:
            await DB.run_ddl(statement)

    manager.add_raw(run)
    return manager
