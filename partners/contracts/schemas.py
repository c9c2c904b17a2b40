"""The wire format of contracts. A draft is a `Proposal` (agreement.py)."""

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
    """The content to sign, by its hash."""

    content_hash: ContentHash


class PaperSignature(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The partner's signature on paper: who signed, when, and the filing reference."""

    content_hash: ContentHash
    signed_by: OneLine
    signed_on: date
    document_reference: Reference


class WithdrawContract(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why the version is withdrawn."""

    reason: OneLine


class EndContract(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The first day on which the contract is no longer in force, and the reason."""

    ends_on: date
    reason: OneLine


class SignatureView(msgspec.Struct, frozen=True, kw_only=True):
    """One side's signature. `signed_by` names who signed on paper; only the OEM sees `actor`."""

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

    `ends_on` is the current end date; the signed one is in `content`.
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
    """One changed field, in words; null where it is absent."""

    field: str
    title: Text
    before: Text | None
    after: Text | None


class ContractDifference(msgspec.Struct, frozen=True):
    """The difference to the previous version that both sides had signed (null for the first)."""

    contract_id: UUID
    version: int
    before_version: int | None
    changes: list[FieldDifference]
