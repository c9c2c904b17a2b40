"""The search text of a location: its own words, folded like all searched text (kernel/search.py).

The folded text is stored beside the location, since the database cannot fold in the same way.
"""

from collections.abc import Collection
from uuid import UUID

from marketplace.kernel.search import folded
from marketplace.platform.postgres.database import UnitOfWork, columns

_WORDS = "concat_ws(' ', id, name_zh, name_en, region, city, address)"


async def keep_search_text(work: UnitOfWork, partner_id: UUID, location_ids: Collection[str]) -> None:
    """Update the search text of the partner's locations with these ids. Call it after each change of them."""
    rows = await work.fetch(
        f"SELECT id, {_WORDS} AS words FROM partner_location WHERE partner_id = $1 AND id = ANY($2::text[])",
        partner_id,
        list(location_ids),
    )
    await work.execute(
        "UPDATE partner_location l SET search_text = w.text FROM unnest($2::text[], $3::text[]) AS w (id, text)"
        " WHERE l.partner_id = $1 AND l.id = w.id",
        partner_id,
        *columns([(row["id"], folded(row["words"])) for row in rows], 2),
    )
