"""What goes over the wire about requirements and checklists."""

from datetime import datetime
from typing import Annotated

import msgspec

from marketplace.kernel.text import Text
from partners.fields import Name, OneLine
from partners.onboarding.domain import Gate, RequirementKind, Who
from partners.onboarding.schemas import RequirementCode
from partners.registry.schemas import PartnerKind

Kinds = Annotated[
    list[PartnerKind], msgspec.Meta(max_length=13, description="Of whom it is asked; an empty list means of all.")
]
Sort = Annotated[int, msgspec.Meta(ge=0, le=1_000_000, description="Its place in the checklist: smaller comes first.")]


class Help(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to do, in both languages."""

    zh: OneLine = msgspec.field(name="zh-CN")
    en: OneLine


class _Said(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What operations say of a requirement."""

    gate: Gate
    title: Name
    help: Help
    partner_kinds: Kinds = []
    active: bool = True
    sort: Sort = 100


class RequirementInput(_Said, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A requirement. The code of a computed one names the function that finds it out."""

    code: RequirementCode
    kind: RequirementKind


class RequirementContent(_Said, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What can be changed of a requirement. `version` is the one that was read."""

    version: Annotated[int, msgspec.Meta(ge=1, le=2**53)]


class RequirementView(msgspec.Struct, frozen=True, kw_only=True):
    """A requirement as operations see it."""

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
    """That operations saw a document: where it is filed, and what there is to say of it."""

    reference: OneLine
    note: OneLine | None = None


class ChecklistItem(msgspec.Struct, frozen=True, kw_only=True):
    """One requirement of a partner. `who` is whose move it is while it is not met."""

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
    """What is asked of a partner, and for each gate what still stands against passing it, by code."""

    items: list[ChecklistItem]
    missing: dict[str, list[str]]
