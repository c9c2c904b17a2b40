"""The wire format of requirements and checklists."""

from datetime import datetime
from typing import Annotated

import msgspec

from marketplace.kernel.text import Text
from partners.fields import Name, OneLine
from partners.onboarding.domain import Gate, RequirementKind, Who
from partners.onboarding.schemas import RequirementCode
from partners.registry.schemas import PartnerKind

Kinds = Annotated[
    list[PartnerKind],
    msgspec.Meta(max_length=13, description="The kinds of partners to which it applies; an empty list means all."),
]
Sort = Annotated[
    int, msgspec.Meta(ge=0, le=1_000_000, description="The position in the checklist: smaller comes first.")
]


class Help(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the applicant has to do, in both languages."""

    zh: OneLine = msgspec.field(name="zh-CN")
    en: OneLine


class _Content(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The members of a requirement that operations set."""

    gate: Gate
    title: Name
    help: Help
    partner_kinds: Kinds = []
    active: bool = True
    sort: Sort = 100


class RequirementInput(_Content, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A requirement. The code of a computed one names its check."""

    code: RequirementCode
    kind: RequirementKind


class RequirementContent(_Content, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The members of a requirement that can be changed. `version` is the one that was read."""

    version: Annotated[int, msgspec.Meta(ge=1, le=2**53)]


class RequirementView(msgspec.Struct, frozen=True, kw_only=True):
    """A requirement on the admin API."""

    code: str
    version: int
    kind: RequirementKind
    gate: Gate
    title: Text
    help: Text
    partner_kinds: list[str]
    active: bool
    sort: int
    changed_at: datetime


class RequirementList(msgspec.Struct, frozen=True):
    """All requirements, in the order of the checklist."""

    data: list[RequirementView]


class VerificationInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The verification of a document: where it is filed, and a note."""

    reference: OneLine
    note: OneLine | None = None


class ChecklistItem(msgspec.Struct, frozen=True, kw_only=True):
    """One requirement of a partner. `who` must act while it is not met."""

    code: str
    kind: RequirementKind
    gate: Gate
    title: Text
    help: Text
    met: bool
    who: Who
    note: str | None
    reference: str | None
    actor: str | None
    answered_at: datetime | None


class Checklist(msgspec.Struct, frozen=True, kw_only=True):
    """A partner's requirements, and for each gate the codes of those not met."""

    items: list[ChecklistItem]
    missing: dict[str, list[str]]
