"""The wire format of partners."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec

from marketplace.kernel.text import Text, marked
from marketplace.platform.outbound.mail_view import MailView
from partners.fields import ShortLine
from partners.registry.domain import PartnerStatus

PartnerKind = Literal[
    "hotel_group",
    "drone_maker",
    "restaurant",
    "insurer",
    "school",
    "dealer",
    "retailer",
    "mobility",
    "wellness",
    "entertainment",
    "bank",
    "travel_agency",
    "other",
]


Email = Annotated[
    str,
    msgspec.Meta(
        min_length=3,
        max_length=254,
        examples=["li.na@example.com"],
        description="An address that messages can be sent to. An internationalised domain is kept in its ASCII form.",
        extra=marked("mail", ("邮箱地址，如 li.na@example.com", "an e-mail address such as li.na@example.com")),
    ),
]


Phone = Annotated[
    str,
    msgspec.Meta(
        min_length=5,
        max_length=32,
        examples=["+86 21 5555 0100", "138 0013 8000"],
        description="A telephone number as people write it, a Chinese one without a country's code; kept as +86 21 5555 0100.",
        extra=marked("phone", ("电话号码，如 +86 21 5555 0100", "a telephone number such as +86 21 5555 0100")),
    ),
]


Website = Annotated[
    str,
    msgspec.Meta(
        max_length=300,
        pattern=r'^https?://[^\x00-\x20\x7f<>"\\^`{|}]+$(?!\n)',
        examples=["https://example.com"],
        extra=marked(words=("网址，如 https://example.com", "an address such as https://example.com")),
    ),
]


class Contact(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The contact person at the company."""

    name: ShortLine
    email: Email
    phone: Phone


class HistoryEntry(msgspec.Struct, frozen=True):
    """One step of a partner's history."""

    at: datetime
    actor: str
    action: str
    before: PartnerStatus | None
    after: PartnerStatus
    reason: str | None


class PartnerView(msgspec.Struct, frozen=True, kw_only=True):
    """A partner as operations see it. `version` counts the changes of its status and contracts."""

    id: UUID
    status: PartnerStatus
    version: int
    name: Text
    legal_name: str
    registration_number: str
    kind: PartnerKind
    contact: dict[str, Any]
    website: str | None
    scenarios: list[str]
    description: str
    applied_at: datetime
    changed_at: datetime
    actions: list[str]


class NoticeView(MailView, frozen=True):
    """A notice sent to people of the partner, with its delivery status."""

    email: str
    subject: str


class PartnerDetail(PartnerView, frozen=True, kw_only=True):
    """A partner with its history, the oldest entry first, and the notices of the last 30 days, the newest first."""

    history: list[HistoryEntry]
    notices: list[NoticeView]


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """A partner's own profile."""

    id: UUID
    status: PartnerStatus
    name: Text
    legal_name: str
    registration_number: str
    kind: PartnerKind
    contact: dict[str, Any]
    website: str | None
    scenarios: list[str]
    description: str
    client_id: str
    scopes: list[str]
