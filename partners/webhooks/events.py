"""The facts about webhooks."""

from datetime import datetime
from uuid import UUID

from marketplace.kernel.event import Event


class WebhookEndpointDisabled(Event, frozen=True, tag="webhook.endpoint_disabled"):
    """We stopped sending to an endpoint: it said that it is gone, or has failed for days."""

    aggregate = "webhook_endpoint"

    partner_id: UUID
    endpoint_id: UUID
    reason: str
    failing_since: datetime | None
    disabled_at: datetime

    def subject(self) -> UUID:
        """The endpoint."""
        return self.endpoint_id
