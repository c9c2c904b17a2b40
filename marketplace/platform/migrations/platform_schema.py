"""Creates the package's tables from its schema.sql."""

from pathlib import Path

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from marketplace.platform.postgres import schema_files

SCHEMA = schema_files.SchemaFiles("platform", Path(__file__).parent.parent)
ID = SCHEMA.id
VERSION = schema_files.VERSION
DESCRIPTION = "the package's schema"


async def forwards() -> MigrationManager:
    """Return the migration, in the form that Piccolo requires."""
    return SCHEMA.migration()
