"""The versions of a contract: states, signatures, and which one is in force on a day. Pure; `agreement.py` has the terms."""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import date
from enum import StrEnum
from uuid import UUID

import msgspec

from marketplace.kernel.calendar import day_after
from marketplace.kernel.ends import both_days
from marketplace.kernel.periods import Cycle
from marketplace.kernel.refusals import Explanation, InvalidField, Refusal
from marketplace.kernel.states import Transitions
from marketplace.kernel.text import Text
from partners.contracts.agreement import ContractContent, Proposal, SettlementBasis, check_proposal, day_faults

__all__ = [
    "ContractTerms",
    "Cycle",
    "PartnerTerms",
    "Proposal",
    "SettlementBasis",
    "check_end",
    "check_proposal",
    "contract_in_force",
]


class ContractStatus(StrEnum):
    """The status of a version."""

    DRAFTED = "drafted"
    """A draft of operations: it can be changed, and the partner does not see it."""
    OFFERED = "offered"
    """Both sides see it, and it cannot be changed. Nobody has signed."""
    SIGNED_BY_OEM = "signed_by_oem"
    """The OEM has signed; the partner has not."""
    SIGNED_BY_PARTNER = "signed_by_partner"
    """The partner has signed; the OEM has not."""
    SIGNED = "signed"
    """Both have signed: it is in force on its dates."""
    SUPERSEDED = "superseded"
    """A later version covers all of its dates and was signed before the first: it was never in force."""
    WITHDRAWN = "withdrawn"
    """The OEM withdrew it before both had signed, or another company replaced the signing applicant."""


class Party(StrEnum):
    """The side of a signature."""

    OEM = "oem"
    PARTNER = "partner"


class Method(StrEnum):
    """The method of a signature."""

    API = "api"
    """By an authenticated request with the content's hash."""
    PAPER = "paper"
    """On paper, filed and recorded by operations under its document reference."""


_OPEN = (
    ContractStatus.DRAFTED,
    ContractStatus.OFFERED,
    ContractStatus.SIGNED_BY_OEM,
    ContractStatus.SIGNED_BY_PARTNER,
)

CONTRACT: Transitions[ContractStatus] = Transitions(
    {
        (ContractStatus.DRAFTED, "edit"): ContractStatus.DRAFTED,
        (ContractStatus.DRAFTED, "offer"): ContractStatus.OFFERED,
        (ContractStatus.OFFERED, "sign_oem"): ContractStatus.SIGNED_BY_OEM,
        (ContractStatus.OFFERED, "sign_partner"): ContractStatus.SIGNED_BY_PARTNER,
        (ContractStatus.SIGNED_BY_PARTNER, "sign_oem"): ContractStatus.SIGNED,
        (ContractStatus.SIGNED_BY_OEM, "sign_partner"): ContractStatus.SIGNED,
        **{(state, "withdraw"): ContractStatus.WITHDRAWN for state in _OPEN},
        # A version signed by both is ended or superseded, never withdrawn, unless another company replaces the signing applicant.
        **{(state, "void"): ContractStatus.WITHDRAWN for state in (*_OPEN, ContractStatus.SIGNED)},
        (ContractStatus.SIGNED, "end"): ContractStatus.SIGNED,
        (ContractStatus.SIGNED, "shorten"): ContractStatus.SIGNED,
        (ContractStatus.SIGNED, "supersede"): ContractStatus.SUPERSEDED,
    }
)


class ContractOverlaps(Refusal):
    """The version would change terms that are in force today or were before."""

    code = "contract_overlaps"
    zh = "与第 {version} 版合同（{zh_start} 起，{zh_end}）重叠：新版最早自 {zh_earliest} 起取代它。"
    en = (
        "Version {version} (from {en_start}, {en_end}) is in force on some of these days; a new one takes its place from"
        " {en_earliest} at the earliest."
    )
    explanation = Explanation(
        Text(
            "该版本的起始日与正在生效的版本重叠。", "The version starts on days on which another version is in force."
        ),
        Text("请把 starts_on 改为 earliest 所示日期或更晚。", "Set starts_on to the day in `earliest` or later."),
    )

    def __init__(self, version: int, starts_on: date, ends_on: date | None, earliest: date) -> None:
        """Set the overlapped version, its dates, and the first free day."""
        first, free = both_days(starts_on), both_days(earliest)
        last = None if ends_on is None else both_days(day_after(ends_on, -1))
        super().__init__(
            version=version,
            starts_on=str(starts_on),
            ends_on=None if ends_on is None else str(ends_on),
            earliest=str(earliest),
            zh_start=first.zh,
            en_start=first.en,
            zh_end="长期有效" if last is None else f"至 {last.zh}",
            en_end="open-ended" if last is None else f"to {last.en}",
            zh_earliest=free.zh,
            en_earliest=free.en,
        )


class ContentDiffers(Refusal):
    """The hash to sign is not that of the offered content."""

    code = "content_differs"
    zh = "您要签署的内容哈希与所提供的合同不一致，请重新阅读后再签。"
    en = "The hash is not that of the contract as it is offered: read it again before you sign."
    explanation = Explanation(
        Text("提交的内容哈希与待签合同不一致。", "The content hash that was sent is not that of the offered contract."),
        Text("请重新读取合同并以其 content_hash 签署。", "Read the contract again and sign with its content_hash."),
    )


class SameSigner(Refusal):
    """One person would sign for both sides."""

    code = "same_person"
    zh = "登记合作方纸质签名的人不能同时代表主机厂签署。"
    en = "The person who records the partner's signature from paper cannot sign for the OEM as well."
    explanation = Explanation(
        Text("该操作须由另一人完成（双人复核）。", "The step must be taken by another person (four-eyes rule)."),
        Text("请由另一位有权限的人员处理。", "Have another authorised person do it."),
    )


class ContractTerms(Proposal, frozen=True, kw_only=True):
    """A version that both sides have signed, in force on the business days `[starts_on, ends_on)`.

    `ends_on` is the current end: an early end or a later version may have moved the signed one forward.
    """

    contract_id: UUID
    version: int

    def covers(self, day: date) -> bool:
        """Return whether the contract is in force on the business day."""
        return self.starts_on <= day and (self.ends_on is None or day < self.ends_on)


class PartnerTerms(msgspec.Struct, frozen=True, kw_only=True):
    """A partner with its signed contracts, oldest first. `version` grows with each change of its status or contracts."""

    partner_id: UUID
    name: Text
    status: str
    version: int
    contracts: tuple[ContractTerms, ...]


def contract_in_force(terms: PartnerTerms, day: date) -> ContractTerms | None:
    """Return the contract that covers the business day, or None. The partner's status is not checked."""
    return next((contract for contract in terms.contracts if contract.covers(day)), None)


def written(content: ContractContent) -> str:
    """Return the content in the form that is stored, hashed and signed: JSON with sorted fields."""
    return msgspec.json.encode(content, order="sorted").decode()


def content_hash(text: str) -> str:
    """Return the SHA-256 of a serialised content in hexadecimal. The database checks each row's text against it, too."""
    return hashlib.sha256(text.encode()).hexdigest()


class Signature(msgspec.Struct, frozen=True, kw_only=True):
    """An existing signature: its side, and the person who gave or recorded it."""

    party: Party
    actor: str


def check_signer(party: Party, method: Method, actor: str, standing: Iterable[Signature]) -> None:
    """Raise SameSigner if one person would enter both signatures, the partner's from paper."""
    for other in standing:
        if other.party is not party and other.actor == actor and (method is Method.PAPER or party is Party.OEM):
            raise SameSigner


class Superseded(msgspec.Struct, frozen=True):
    """The effect on an earlier contract: it ends on that day, or (None) never comes into force."""

    contract: ContractTerms
    ends_on: date | None


def superseding(new: Proposal, standing: Sequence[ContractTerms], today: date) -> list[Superseded]:
    """Return the effects on the overlapping signed versions when the new one is signed.

    One that begins earlier ends when the new one begins; one that would begin later never does. Terms in force today or before
    cannot be changed: raises ContractOverlaps if the new version covers such days.
    """
    found = []
    for contract in standing:
        if not _overlap(new, contract):
            continue
        begun = contract.starts_on <= today
        if begun and new.starts_on <= today:
            earliest = date.fromordinal(today.toordinal() + 1)
            raise ContractOverlaps(contract.version, contract.starts_on, contract.ends_on, earliest)
        found.append(Superseded(contract, new.starts_on if contract.starts_on < new.starts_on else None))
    return found


def _overlap(one: Proposal, other: Proposal) -> bool:
    return (other.ends_on is None or one.starts_on < other.ends_on) and (
        one.ends_on is None or other.starts_on < one.ends_on
    )


def check_end(current: ContractTerms, ends_on: date, today: date) -> None:
    """Raise InvalidField unless the contract can end on that day.

    It can only be shortened, and not into the past: every redemption keeps a contract that covers its day.
    """
    for fault in day_faults("ends_on", ends_on):
        raise fault
    if ends_on <= current.starts_on:
        raise InvalidField("ends_on", "必须晚于 starts_on。", "must lie after starts_on.")
    if ends_on <= today:
        raise InvalidField("ends_on", "必须晚于今天。", "must lie after today.")
    if current.ends_on is not None and ends_on >= current.ends_on:
        raise InvalidField(
            "ends_on", "只能提前结束合同。", "can only be moved to an earlier day; a longer term is a new contract."
        )
