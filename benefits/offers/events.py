"""The facts that offers publish."""

from datetime import datetime
from uuid import UUID

from marketplace.kernel.event import Event


class OfferChanged(Event, frozen=True, tag="offer.changed"):
    """An offer took a step: `action` is the transition's name, `status` where it stands now."""

    aggregate = "offer"

    offer_id: UUID
    partner_id: UUID
    revision: int
    action: str
    status: str
    reason: str
    at: datetime

    def subject(self) -> UUID:
        """The offer."""
        return self.offer_id
