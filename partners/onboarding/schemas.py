"""What goes over the wire about partners."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec

from marketplace.kernel.text import Text
from partners.fields import Line, Name, Paragraphs, Reference, Scenario, ShortLine

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
        pattern=r"^[^\x00-\x20\x7f@<>\"',;:\\]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})+$(?!\n)",
        examples=["li.na@example.com"],
    ),
]
Phone = Annotated[
    str,
    msgspec.Meta(
        min_length=5, max_length=32, pattern=r"^\+?[0-9][0-9 ()-]*[0-9]$(?!\n)", examples=["+86 21 5555 0100"]
    ),
]
Website = Annotated[
    str,
    msgspec.Meta(
        max_length=300, pattern=r"^https?://[^\x00-\x20\x7f<>\"\\^`{|}]+$(?!\n)", examples=["https://example.com"]
    ),
]


class Contact(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whom operations speak to at the company."""

    name: ShortLine
    email: Email
    phone: Phone


class NewApplication(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A company's application to become a partner.

    The registration number is the unified social credit code, or whatever the company's register calls its number. One
    company may apply more than once, for two brands for example: operations see who stands behind each.
    """

    name: Name
    legal_name: Line
    registration_number: Annotated[ShortLine, msgspec.Meta(examples=["91310000MA1FL0000X"])]
    kind: PartnerKind
    contact: Contact
    website: Website | None = None
    scenarios: Annotated[list[Scenario], msgspec.Meta(min_length=1, max_length=10)]
    description: Paragraphs = ""


class ApplicationReceipt(msgspec.Struct, frozen=True):
    """What the applicant gets. The token is told once: with it alone the applicant can look at the application."""

    id: UUID
    status: str
    applied_at: datetime
    application_token: str


class ApplicationStatus(msgspec.Struct, frozen=True):
    """How far an application is; `reason` is what operations said, if they said something."""

    id: UUID
    status: str
    name: Text
    applied_at: datetime
    changed_at: datetime
    reason: str | None


class DecisionIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why; required to reject, suspend and terminate. The partner may be told."""

    reason: Line | None = None


class HistoryEntry(msgspec.Struct, frozen=True):
    """One step of a partner's history."""

    at: datetime
    actor: str
    action: str
    before: str | None
    after: str
    reason: str | None


class PartnerView(msgspec.Struct, frozen=True, kw_only=True):
    """A partner as operations see it. `version` counts the changes of its status and contracts."""

    id: UUID
    status: str
    version: int
    name: Text
    legal_name: str
    registration_number: str
    kind: str
    contact: dict[str, Any]
    website: str | None
    scenarios: list[str]
    description: str
    applied_at: datetime
    changed_at: datetime
    actions: list[str]


class PartnerDetail(PartnerView, frozen=True, kw_only=True):
    """The same with its history, oldest step first."""

    history: list[HistoryEntry]


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """A partner as it sees itself."""

    id: UUID
    status: str
    name: Text
    legal_name: str
    registration_number: str
    kind: str
    contact: dict[str, Any]
    website: str | None
    scenarios: list[str]
    description: str
    client_id: str
    scopes: list[str]


class NewLocation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A place where vouchers are taken. The id is the partner's own, unique among its locations."""

    id: Reference
    name: Name
    city: ShortLine
    address: Line


class LocationView(msgspec.Struct, frozen=True, kw_only=True):
    """A location."""

    id: str
    name: Text
    city: str
    address: str
    created_at: datetime
