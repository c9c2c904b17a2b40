"""Webhook event types: a package declares one beside its event, `partners/webhooks` sends it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec

from marketplace.kernel.event import Event
from marketplace.kernel.text import Text

SAMPLE_ID = UUID("01990000-0000-7000-8000-000000000001")
SAMPLE_AT = datetime(2026, 11, 30, 10, 0, tzinfo=UTC)
SAMPLE_REFERENCE = "m1_4FJ3Q7ZK2VXN5T6B"

MEMBER = "member_reference"
"""The field of a view with the partner's own reference of the member; no view contains a member's id."""


class WebhookEventType(msgspec.Struct, frozen=True):
    """An event that partners are notified of. The event names its partner in `partner_id`.

    `sample` is an example of what the partner receives: its fields are taken from the event by name, and no others.
    """

    kind: type[Event]
    title: Text
    sample: msgspec.Struct

    @property
    def type(self) -> str:
        """The event's type, such as `voucher.used`."""
        return str(self.kind.__struct_config__.tag)

    @property
    def names_member(self) -> bool:
        """Whether the partner receives its reference of the member."""
        return MEMBER in self.sample.__struct_fields__

    def data(self, payload: Mapping[str, Any], member_reference: str | None) -> msgspec.Struct:
        """Return what the partner receives of an event with these fields."""
        found: msgspec.Struct = msgspec.convert({**payload, MEMBER: member_reference}, type(self.sample))
        return found
