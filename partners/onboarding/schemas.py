"""The wire format of applications and decisions."""

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
"""The code of a requirement, chosen by operations."""


class Attestation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The applicant's statement that a requirement is met; `reference` may name a document."""

    code: RequirementCode
    note: OneLine | None = None
    reference: OneLine | None = None


Attestations = Annotated[list[Attestation], msgspec.Meta(max_length=50)]


class ApplicationInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A company's application to become a partner.

    The registration number is the unified social credit code, or the number of the company's register. One company may
    apply more than once, for example for two brands; operations see the company behind each. `attestations` answer the
    requirements of the checklist that applicants attest.
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
    """The whole corrected application. `reply` is the applicant's answer to the requested changes."""

    reply: OneLine | None = None


class ApplicationReceipt(msgspec.Struct, frozen=True):
    """The applicant's receipt. The token is shown once, and is the only way to read the application."""

    id: UUID
    status: PartnerStatus
    applied_at: datetime
    application_token: str


class ApplicationStatus(msgspec.Struct, frozen=True):
    """The status of an application; `reason` is the reason given by operations, if any."""

    id: UUID
    status: PartnerStatus
    name: Text
    applied_at: datetime
    changed_at: datetime
    reason: str | None
    mail: MailView | None
    """The delivery of the last message about the application, or null if there was none; messages are kept for 30 days."""


class Override(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Approve although requirements are not met. The history and the audit record it, with the missing requirements."""

    reason: OneLine


class DecisionInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The reason, required to request changes, reject, suspend and terminate; the partner may see it. `override` approves."""

    reason: OneLine | None = None
    override: Override | None = None
