"""Events about a partner's people. None carries a name or an address, since the log is permanent."""

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
    """The person is to be sent a message with a link; earlier links are invalid."""

    roles: list[str]
    invited_at: datetime


class StaffJoined(StaffEvent, frozen=True, tag="partner.staff_joined"):
    """The person accepted the invitation and can sign in."""

    roles: list[str]
    joined_at: datetime


class StaffChanged(StaffEvent, frozen=True, tag="partner.staff_changed"):
    """The person's name, roles or locations changed."""

    roles: list[str]
    changed_at: datetime


class StaffDisabled(StaffEvent, frozen=True, tag="partner.staff_disabled"):
    """The person can no longer sign in; all sessions and grants ended."""

    disabled_at: datetime
