"""A package's schema: one readable file, `schema.sql`, or a folder of them, which the package's one migration runs.

Until 0.1.0 the files are edited in place, and the migration is named after their content. A database that another edit created
lacks that migration and has one that this version does not know (docs/decisions/0031-schema-files.md).
"""

import hashlib
import re
from pathlib import Path

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from marketplace.platform.postgres.database import DB

VERSION = "1.38.0"
"""Piccolo's version, which each migration must state."""


class SchemaFiles:
    """The schema of the package in a folder."""

    def __init__(self, app_name: str, package: Path) -> None:
        """Read the files, sorted by name. Raises FileNotFoundError if there is none."""
        self.app_name = app_name
        self.paths = sorted([*package.glob("schema.sql"), *package.glob("schema/*.sql")])
        if not self.paths:
            raise FileNotFoundError(f"{package}: neither schema.sql nor schema/*.sql")
        self.sql = "\n".join(path.read_text(encoding="utf-8") for path in self.paths)
        self.id = f"schema-{digest(self.sql)}"

    def migration(self) -> MigrationManager:
        """Return the migration that creates the whole schema, in one transaction."""
        manager = MigrationManager(migration_id=self.id, app_name=self.app_name, description="the package's schema")

        async def run() -> None:
            work = DB.current()
            if work is None:
                raise RuntimeError("Piccolo runs a migration inside a transaction")
            await work.execute(self.sql)

        manager.add_raw(run)
        return manager


def digest(sql: str) -> str:
    """Return twelve hexadecimal digits of the statements' hash; comments, line breaks and indents do not count."""
    said = " ".join(re.sub(r"--[^\n]*", "", sql).split())
    return hashlib.sha256(said.encode()).hexdigest()[:12]
