"""The money book's place in the event log: redemptions and granted points become postings, exactly once."""

from collections.abc import Sequence

from benefits.points.events import PointsGranted
from benefits.redemptions.events import (
    RedemptionCancelled,
    RedemptionIssued,
    VoucherExpired,
    VoucherUsed,
    VoucherUseUndone,
)
from marketplace.kernel.calendar import Calendar
from marketplace.platform.eventlog.events import StoredEvent
from marketplace.platform.postgres.database import UnitOfWork
from settlement.books.domain import BookedEvent, postings_for
from settlement.books.post import post

_KINDS: dict[str, type[BookedEvent]] = {
    str(kind.__struct_config__.tag): kind
    for kind in (RedemptionIssued, RedemptionCancelled, VoucherUsed, VoucherUseUndone, VoucherExpired, PointsGranted)
}


class Books:
    """The consumer. Its position and its postings are committed together, and each posting has a key of its own besides."""

    name = "settlement.books"
    types = frozenset(_KINDS)

    def __init__(self, calendar: Calendar) -> None:
        """`calendar` decides in which period an event is posted."""
        self.calendar = calendar

    async def handle(self, work: UnitOfWork, events: Sequence[StoredEvent]) -> None:
        """Post what the events owe or undo."""
        booked: list[BookedEvent] = [event.decode(_KINDS[event.type]) for event in events]
        await post(work, [posting for event in booked for posting in postings_for(event)], self.calendar)
