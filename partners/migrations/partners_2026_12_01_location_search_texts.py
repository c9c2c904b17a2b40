"""Locations that are there already get the text under which they are found."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from marketplace.kernel.search import folded
from marketplace.platform.database import DB

ID = "2026-12-01T01:00:00:000002"
VERSION = "1.38.0"
DESCRIPTION = "locations: fold the texts that are there"


async def fold() -> None:
    """Write the text of each location."""
    rows = await DB.fetch(
        "SELECT partner_id, id, concat_ws(' ', id, name_zh, name_en, region, city, address) AS words FROM partner_location"
    )
    await DB.fetch(
        "UPDATE partner_location l SET search_text = w.text FROM unnest($1::uuid[], $2::text[], $3::text[])"
        " AS w (partner_id, id, text) WHERE (l.partner_id, l.id) = (w.partner_id, w.id)",
        [row["partner_id"] for row in rows],
        [row["id"] for row in rows],
        [folded(row["words"]) for row in rows],
    )


async def forwards() -> MigrationManager:
    """Run after the column was added: Piccolo runs raw SQL of the same migration before it."""
    manager = MigrationManager(migration_id=ID, app_name="partners", description=DESCRIPTION)
    manager.add_raw(fold)
    return manager
