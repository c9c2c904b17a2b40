"""Events about partners' locations."""

from datetime import datetime
from uuid import UUID

from marketplace.kernel.event import Event


class LocationAdded(Event, frozen=True, tag="partner.location_added"):
    """A partner added a location."""

    aggregate = "partner"

    partner_id: UUID
    location_id: str
    added_at: datetime

    def subject(self) -> UUID:
        """The partner."""
        return self.partner_id


class LocationChanged(Event, frozen=True, tag="partner.location_changed"):
    """A partner's location changed; `state` is its current opening state."""

    aggregate = "partner"

    partner_id: UUID
    location_id: str
    state: str
    changed_at: datetime

    def subject(self) -> UUID:
        """The partner."""
        return self.partner_id
