"""ANALYZE comes when a table that grows by requests has doubled (docs/performance.md)."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from marketplace.platform.upkeep import analyze_late, sample_less

ID = "2026-11-26T00:00:00:000004"
VERSION = "1.38.0"
DESCRIPTION = "late statistics of what grows by requests"

TABLES = ("points_posting", "redemption", "voucher", "limit_used", "lot", "wallet", "earning", "hold")

BY_KEY_ALONE = ("voucher", "limit_used")
"""No report goes through these: that they are big is all that PostgreSQL needs to know."""


async def forwards() -> MigrationManager:
    """Set the shares and the samples."""
    manager = MigrationManager(migration_id=ID, app_name="benefits", description=DESCRIPTION)

    async def run() -> None:
        await analyze_late(TABLES)
        await sample_less(BY_KEY_ALONE, 1)

    manager.add_raw(run)
    return manager
