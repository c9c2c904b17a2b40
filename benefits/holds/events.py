"""The events of holds. A hold that was posted publishes `redemption.issued` as well."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from marketplace.kernel.event import Event


class HoldPlaced(Event, frozen=True, tag="hold.placed"):
    """Points and units are set aside until the deadline."""

    aggregate = "hold"

    hold_id: UUID
    member_id: UUID
    offer_id: UUID
    quantity: int
    points: int
    reference: str
    deadline: datetime
    held_at: datetime

    def subject(self) -> UUID:
        """The hold."""
        return self.hold_id


class HoldEnded(Event, frozen=True, tag="hold.ended"):
    """The hold's one end: `posted_quantity` units were redeemed, the rest went back."""

    aggregate = "hold"

    hold_id: UUID
    member_id: UUID
    offer_id: UUID
    status: Literal["posted", "voided", "expired"]
    quantity: int
    posted_quantity: int
    redemption_id: UUID | None
    reason: str
    ended_at: datetime

    def subject(self) -> UUID:
        """The hold."""
        return self.hold_id
