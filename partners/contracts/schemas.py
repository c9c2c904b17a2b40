"""What goes over the wire about contracts. What operations draft is a `Proposal` (agreement.py)."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

import msgspec

from marketplace.kernel.text import Text, marked
from partners.contracts.agreement import Parties, Proposal
from partners.contracts.domain import ContractStatus, Method, Party
from partners.fields import OneLine, Reference

ContentHash = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^[0-9a-f]{64}$(?!\n)",
        extra=marked(
            words=(" content_hash，64 个十六进制字符", "the content_hash that was read: 64 hexadecimal digits")
        ),
        description="SHA-256 of `content`, as it was read: what is signed is that text and no other.",
        examples=["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"],
    ),
]


class SignatureInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which content is signed."""

    content_hash: ContentHash


class PaperSignature(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The partner's signature on paper: who signed, on which day, and where the paper is filed."""

    content_hash: ContentHash
    signed_by: OneLine
    signed_on: date
    document_reference: Reference


class WithdrawContract(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why the version is not to be signed any more."""

    reason: OneLine


class EndContract(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """From which day on the contract is no longer in force, and why."""

    ends_on: date
    reason: OneLine


class SignatureView(msgspec.Struct, frozen=True, kw_only=True):
    """One side's signature. `signed_by` names who signed on paper; `actor` is for the OEM's own people to see."""

    party: Party
    method: Method
    content_hash: str
    signed_at: datetime
    signed_by: str | None
    signed_on: date | None
    document_reference: str | None
    actor: str | None


class ContractView(Proposal, frozen=True, kw_only=True):
    """A version of a contract; amounts per unit. `content` is the text whose hash is signed.

    `ends_on` is where it ends by now; what was signed stands in `content`.
    """

    id: UUID
    partner_id: UUID
    parties: Parties
    version: int
    status: ContractStatus
    content: str
    content_hash: str
    signatures: list[SignatureView]
    drafted_at: datetime
    offered_at: datetime | None
    signed_at: datetime | None
    partner_status: str


class FieldDifference(msgspec.Struct, frozen=True):
    """One field that is another than before, in words; null where it was not there, or is not any more."""

    field: str
    title: Text
    before: Text | None
    after: Text | None


class ContractDifference(msgspec.Struct, frozen=True):
    """What a version changes of the one before it: the latest lower one that both had signed (null for the first)."""

    contract_id: UUID
    version: int
    before_version: int | None
    changes: list[FieldDifference]
