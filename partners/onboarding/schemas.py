"""What goes over the wire about partners."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec

from marketplace.kernel.scenarios import Scenario
from marketplace.kernel.text import Text, marked
from marketplace.platform.outbound.mail_view import MailView
from partners.fields import Name, OneLine, Paragraphs, ShortLine
from partners.registry.domain import PartnerStatus
from partners.registry.schemas import Contact, PartnerKind, Website

RequirementCode = Annotated[
    str,
    msgspec.Meta(
        min_length=2,
        max_length=64,
        pattern=r"^[a-z][a-z0-9_]*$(?!\n)",
        examples=["business_licence"],
        extra=marked(
            words=(
                " 2 至 64 个小写字母、数字或下划线，以字母开头",
                "2 to 64 small letters, digits or underscores, a letter first",
            )
        ),
    ),
]
"""A requirement of the checklist, by operations' name for it."""


class Attestation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """That something is so, said by the applicant; `reference` may name a document."""

    code: RequirementCode
    note: OneLine | None = None
    reference: OneLine | None = None


Attestations = Annotated[list[Attestation], msgspec.Meta(max_length=50)]


class ApplicationInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A company's application to become a partner.

    The registration number is the unified social credit code, or whatever the company's register calls its number. One
    company may apply more than once, for two brands for example: operations see who stands behind each. `attestations`
    answer what the checklist has applicants say.
    """

    name: Name
    legal_name: OneLine
    registration_number: Annotated[ShortLine, msgspec.Meta(examples=["91310000MA1FL0000X"])]
    kind: PartnerKind
    contact: Contact
    website: Website | None = None
    scenarios: Annotated[list[Scenario], msgspec.Meta(min_length=1, max_length=10)]
    description: Paragraphs = ""
    attestations: Attestations = []


class Resubmission(ApplicationInput, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole application once more, put right. `reply` is what the applicant says to what was asked of it."""

    reply: OneLine | None = None


class ApplicationReceipt(msgspec.Struct, frozen=True):
    """What the applicant gets. The token is told once: with it alone the applicant can look at the application."""

    id: UUID
    status: PartnerStatus
    applied_at: datetime
    application_token: str


class ApplicationStatus(msgspec.Struct, frozen=True):
    """How far an application is; `reason` is what operations said, if they said something."""

    id: UUID
    status: PartnerStatus
    name: Text
    applied_at: datetime
    changed_at: datetime
    reason: str | None
    mail: MailView | None
    """What became of the last message about the application, or null while there was none; messages are kept for 30 days."""


class Override(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Approve although requirements are not met. It stands in the history and in the audit, with what was missing."""

    reason: OneLine


class DecisionInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why; required to ask for changes, reject, suspend and terminate. The partner may be told. `override` is for approving."""

    reason: OneLine | None = None
    override: Override | None = None
