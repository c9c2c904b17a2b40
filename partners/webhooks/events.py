"""Events about webhooks."""

from datetime import datetime
from uuid import UUID

from marketplace.kernel.event import Event


class WebhookEndpointDisabled(Event, frozen=True, tag="webhook.endpoint_disabled"):
    """An endpoint was disabled automatically: it answered 410 Gone, or failed for days."""

    aggregate = "webhook_endpoint"

    partner_id: UUID
    endpoint_id: UUID
    reason: str
    failing_since: datetime | None
    disabled_at: datetime

    def subject(self) -> UUID:
        """The endpoint."""
        return self.endpoint_id
