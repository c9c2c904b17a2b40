"""VACUUM comes late to rows that are only added (docs/performance.md)."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from marketplace.platform.upkeep import vacuum_late

ID = "2026-11-26T00:00:00:000003"
VERSION = "1.38.0"
DESCRIPTION = "late vacuum of what is only added"

TABLES = ("points_posting", "redemption", "voucher", "limit_used", "earning")


async def forwards() -> MigrationManager:
    """Set the thresholds."""
    manager = MigrationManager(migration_id=ID, app_name="benefits", description=DESCRIPTION)

    async def run() -> None:
        await vacuum_late(TABLES)

    manager.add_raw(run)
    return manager
