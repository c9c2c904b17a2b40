"""Events about partners, which webhooks, dashboards and offers follow."""

from datetime import datetime
from uuid import UUID

from marketplace.kernel.event import Event


class PartnerApplied(Event, frozen=True, tag="partner.applied"):
    """A company asked to become a partner."""

    aggregate = "partner"

    partner_id: UUID
    kind: str
    scenarios: list[str]
    applied_at: datetime

    def subject(self) -> UUID:
        """The partner."""
        return self.partner_id


class PartnerStatusChanged(Event, frozen=True, tag="partner.status_changed"):
    """A partner's status changed. `version` counts its changes; `reason` is the reason given, if any."""

    aggregate = "partner"

    partner_id: UUID
    before: str
    after: str
    version: int
    changed_at: datetime
    reason: str | None = None

    def subject(self) -> UUID:
        """The partner."""
        return self.partner_id
