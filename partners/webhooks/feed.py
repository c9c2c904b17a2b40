"""The same messages for polling."""

from uuid import UUID

import msgspec

from marketplace.platform.http.paging import Cursors
from partners.webhooks.schemas import EventPage
from partners.webhooks.tables import PartnerEventRow


async def read_events(partner_id: UUID, cursors: Cursors, cursor: str | None, limit: int) -> EventPage:
    """Return the partner's messages after the cursor, in order; without one from the oldest stored.

    A single consumer writes them in the order of their numbers, and commits each batch before the next: a reader that has
    seen a number never misses a smaller one.
    """
    kind = f"events:{partner_id}"
    position = cursors.read(kind, cursor)[0] if cursor else 0
    rows = (
        await PartnerEventRow.select(PartnerEventRow.seq, PartnerEventRow.body)
        .where(PartnerEventRow.partner_id == partner_id, PartnerEventRow.seq > position)
        .order_by(PartnerEventRow.seq)
        .limit(limit + 1)
    )
    page = rows[:limit]
    resume = cursors.make(kind, [page[-1]["seq"]]) if page else cursor
    following = resume if len(rows) > limit else None
    return EventPage([msgspec.Raw(row["body"].encode()) for row in page], following, resume)
