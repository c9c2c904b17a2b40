"""The facts about a partner's people. None carries a name or an address: the log is for good."""

from datetime import datetime
from uuid import UUID

from marketplace.kernel.event import Event


class StaffEvent(Event, frozen=True):
    """Base: something happened to a person of a partner."""

    aggregate = "partner_staff"

    partner_id: UUID
    staff_id: UUID

    def subject(self) -> UUID:
        """The person."""
        return self.staff_id


class StaffInvited(StaffEvent, frozen=True, tag="partner.staff_invited"):
    """Somebody is to get a message with a link; what was sent to them before is void."""

    roles: list[str]
    invited_at: datetime


class StaffJoined(StaffEvent, frozen=True, tag="partner.staff_joined"):
    """The person took the invitation and can sign in."""

    roles: list[str]
    joined_at: datetime


class StaffChanged(StaffEvent, frozen=True, tag="partner.staff_changed"):
    """The person's roles or places are different."""

    roles: list[str]
    changed_at: datetime


class StaffDisabled(StaffEvent, frozen=True, tag="partner.staff_disabled"):
    """The person may not sign in any more; sessions and grants ended with it."""

    disabled_at: datetime
