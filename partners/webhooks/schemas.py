"""The wire format of webhooks."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec

from marketplace.kernel.text import Text, marked
from partners.fields import LINE, LINE_WORDS
from partners.webhooks.domain import MAX_GRACE_HOURS, DeliveryStatus, EndpointStatus

EndpointUrl = Annotated[str, msgspec.Meta(min_length=9, max_length=2048, examples=["https://example.com/hooks"])]
EventType = Annotated[
    str,
    msgspec.Meta(
        min_length=1,
        max_length=80,
        pattern=r"^(?:\*|[a-z_]+\.[a-z_]+)$(?!\n)",
        extra=marked(words=("事件类型，如 voucher.used，或 *", "a type of event such as voucher.used, or *")),
    ),
]
EventTypes = Annotated[list[EventType], msgspec.Meta(min_length=1, max_length=100)]
EndpointDescription = Annotated[
    str, msgspec.Meta(max_length=200, pattern=rf"^$(?!\n)|{LINE}", extra=marked(words=LINE_WORDS))
]


class WebhookEndpointInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An endpoint for events; `*` alone means all types, also future ones."""

    url: EndpointUrl
    event_types: EventTypes
    description: EndpointDescription = ""


EndpointState = Literal["enabled", "disabled"]


class EndpointContent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The members of an endpoint that can be changed."""

    url: EndpointUrl
    event_types: EventTypes
    description: EndpointDescription = ""
    status: EndpointState = "enabled"


class Rotation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """For how many hours messages are also signed with the old keys."""

    grace_hours: Annotated[int, msgspec.Meta(ge=0, le=MAX_GRACE_HOURS)] = MAX_GRACE_HOURS


class Simulation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The type of the sample to send."""

    event_type: EventType


class WebhookEndpointView(msgspec.Struct, frozen=True, kw_only=True):
    """An endpoint. `public_key` verifies `v1a` signatures; `failing_since` is the first failure after the last success."""

    id: UUID
    version: int
    url: str
    event_types: list[str]
    description: str
    status: EndpointStatus
    disabled_reason: str | None
    failing_since: datetime | None
    public_key: str
    old_keys_until: datetime | None
    created_at: datetime
    secret: str | None = None
    """Shown once: when the endpoint is created, and when its secret is rotated."""


class DeliveryView(msgspec.Struct, frozen=True, kw_only=True):
    """A message to an endpoint. `message_id` is its webhook-id, the same for each attempt."""

    id: UUID
    endpoint_id: UUID
    message_id: UUID
    type: str
    status: DeliveryStatus
    attempts: int
    due_at: datetime | None
    created_at: datetime
    ended_at: datetime | None


class AttemptView(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt. `status` and `answer` (its beginning) are the response; without a response `reason` says why."""

    number: int
    at: datetime
    url: str
    signature: str
    status: int | None
    answer: str
    reason: str | None
    elapsed_ms: int


class DeliveryDetail(DeliveryView, frozen=True, kw_only=True):
    """A delivery with its message and all attempts."""

    body: str
    history: list[AttemptView]


class EventPage(msgspec.Struct, frozen=True):
    """Messages in order. `next_cursor` is null at the end, as in every list; `resume_cursor` is for a later poll."""

    data: list[Any]
    next_cursor: str | None
    resume_cursor: str | None


class EventTypeView(msgspec.Struct, frozen=True):
    """A type of event, and the JSON Schema of its message."""

    type: str
    title: Text
    json_schema: dict[str, Any]


class EventTypesView(msgspec.Struct, frozen=True):
    """All types."""

    data: list[EventTypeView]
