"""The same messages for who would rather ask than be told."""

from uuid import UUID

import msgspec

from marketplace.platform.http.paging import Cursors
from partners.reading import reader
from partners.webhooks.schemas import EventPage


async def read_events(partner_id: UUID, cursors: Cursors, cursor: str | None, limit: int) -> EventPage:
    """Return the partner's messages after the cursor, in order; without one from the oldest that is kept.

    One consumer alone writes them, in the order of their numbers, each batch committed before the next begins: a reader that
    has seen a number never misses a smaller one.
    """
    kind = f"events:{partner_id}"
    position = cursors.read(kind, cursor)[0] if cursor else 0
    rows = await reader().fetch(
        "SELECT seq, body FROM partner_event WHERE partner_id = $1 AND seq > $2 ORDER BY seq LIMIT $3",
        partner_id,
        position,
        limit + 1,
    )
    page = rows[:limit]
    resume = cursors.make(kind, [page[-1]["seq"]]) if page else cursor
    following = resume if len(rows) > limit else None
    return EventPage([msgspec.Raw(row["body"].encode()) for row in page], following, resume)
