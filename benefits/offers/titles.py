"""What offers are called now, for whoever keeps only their ids."""

from collections.abc import Iterable
from uuid import UUID

import msgspec

from marketplace.kernel.text import Text
from marketplace.platform.database import DB


async def titles(offer_ids: Iterable[UUID]) -> dict[UUID, Text]:
    """Return the title of each offer's current revision; ids that are no offers are not among the results."""
    rows = await DB.fetch(
        "SELECT o.id, r.content -> 'title' AS title FROM offer o"
        " JOIN offer_revision r ON r.offer_id = o.id AND r.revision = o.revision WHERE o.id = ANY($1::uuid[])",
        list(set(offer_ids)),
    )
    return {row["id"]: msgspec.convert(row["title"], Text) for row in rows}
