"""Offers that are there already are found as new ones are: accents, kana, Hangul, Cyrillic and rare Han make terms now."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from marketplace.kernel.search import search_terms
from marketplace.platform.database import DB
from partners.fields import SCENARIOS

ID = "2026-12-01T01:00:00:000003"
VERSION = "1.38.0"
DESCRIPTION = "offers: the terms of those that are there"


async def fold() -> None:
    """Write the terms of each offer: title, partner and scenario, in both languages."""
    rows = await DB.fetch(
        "SELECT o.id, o.scenario, concat_ws(' ', r.content #>> '{title,zh-CN}', r.content #>> '{title,en}', p.name_zh, p.name_en)"
        " AS words FROM offer o JOIN offer_revision r ON (r.offer_id, r.revision) = (o.id, o.revision)"
        " JOIN partner p ON p.id = o.partner_id"
    )
    for row in rows:
        sign, name = SCENARIOS[row["scenario"]]
        terms = search_terms(f"{row['words']} {sign} {name}")
        await DB.fetch("UPDATE offer SET terms = $2 WHERE id = $1 AND terms <> $2", row["id"], terms)


async def forwards() -> MigrationManager:
    """Change the rows."""
    manager = MigrationManager(migration_id=ID, app_name="benefits", description=DESCRIPTION)
    manager.add_raw(fold)
    return manager
