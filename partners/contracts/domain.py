"""A contract's versions: their states, who has signed, which one is in force on a day. Pure; the terms are in `agreement.py`."""

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
    """Where a version stands."""

    DRAFTED = "drafted"
    """Operations write it; the partner does not see it yet, and it can still be changed."""
    OFFERED = "offered"
    """Both sides see it, and it does not change any more; nobody has signed."""
    SIGNED_BY_OEM = "signed_by_oem"
    """The OEM has signed; the partner has not."""
    SIGNED_BY_PARTNER = "signed_by_partner"
    """The partner has signed; the OEM has not."""
    SIGNED = "signed"
    """Both have: it is in force on its days."""
    SUPERSEDED = "superseded"
    """A later version was signed for all of its days before the first of them came: it was never in force."""
    WITHDRAWN = "withdrawn"
    """The OEM took it back before both had signed, or another company took the place of the one that had."""


class Party(StrEnum):
    """Whose signature it is."""

    OEM = "oem"
    PARTNER = "partner"


class Method(StrEnum):
    """How somebody signed."""

    API = "api"
    """By an authenticated call that named the content's hash."""
    PAPER = "paper"
    """On paper, which operations have filed and recorded under its document reference."""


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
        # What both have signed is ended or superseded, never withdrawn; unless the company that signed applies no more.
        **{(state, "void"): ContractStatus.WITHDRAWN for state in (*_OPEN, ContractStatus.SIGNED)},
        (ContractStatus.SIGNED, "end"): ContractStatus.SIGNED,
        (ContractStatus.SIGNED, "shorten"): ContractStatus.SIGNED,
        (ContractStatus.SIGNED, "supersede"): ContractStatus.SUPERSEDED,
    }
)


class ContractOverlaps(Refusal):
    """The version would change what holds today, or held before."""

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
        """Say which version, its days, and the first day that is free."""
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
    """Somebody wants to sign another content than the one that is offered."""

    code = "content_differs"
    zh = "您要签署的内容哈希与所提供的合同不一致，请重新阅读后再签。"
    en = "The hash is not that of the contract as it is offered: read it again before you sign."
    explanation = Explanation(
        Text("提交的内容哈希与待签合同不一致。", "The content hash that was sent is not that of the offered contract."),
        Text("请重新读取合同并以其 content_hash 签署。", "Read the contract again and sign with its content_hash."),
    )


class SameSigner(Refusal):
    """One person would be both sides."""

    code = "same_person"
    zh = "登记合作方纸质签名的人不能同时代表主机厂签署。"
    en = "Whoever records the partner's signature from paper cannot sign for the OEM as well."
    explanation = Explanation(
        Text("该操作须由另一人完成（双人复核）。", "The step must be taken by another person (four-eyes rule)."),
        Text("请由另一位有权限的人员处理。", "Have another authorised person do it."),
    )


class ContractTerms(Proposal, frozen=True, kw_only=True):
    """A version that both have signed, in force on the business days `[starts_on, ends_on)`.

    `ends_on` is what became of the day that was signed: an early end or a later version may have moved it forward.
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
    """Return the contract that covers the business day, or None. The partner's status is not asked here."""
    return next((contract for contract in terms.contracts if contract.covers(day)), None)


def written(content: ContractContent) -> str:
    """Return the content as it is kept, hashed and signed: JSON with its fields in alphabetical order."""
    return msgspec.json.encode(content, order="sorted").decode()


def content_hash(text: str) -> str:
    """Return the SHA-256 of a written content, in hexadecimal. The database holds each row's text against it, too."""
    return hashlib.sha256(text.encode()).hexdigest()


class Signature(msgspec.Struct, frozen=True, kw_only=True):
    """A signature that stands already: whose, and in whose name it was given or recorded."""

    party: Party
    actor: str


def check_signer(party: Party, method: Method, actor: str, standing: Iterable[Signature]) -> None:
    """Raise SameSigner if one of the OEM's people would bring in both signatures, the partner's from paper."""
    for other in standing:
        if other.party is not party and other.actor == actor and (method is Method.PAPER or party is Party.OEM):
            raise SameSigner


class Superseded(msgspec.Struct, frozen=True):
    """What becomes of an earlier contract: it ends on that day, or (None) never comes into force."""

    contract: ContractTerms
    ends_on: date | None


def superseding(new: Proposal, standing: Sequence[ContractTerms], today: date) -> list[Superseded]:
    """Return what becomes of the signed versions once the new one is signed, for those that overlap it.

    One that begins earlier ends where the new one begins; one that would begin later never does. What holds today or held
    before is never changed: raises ContractOverlaps if the new version reaches into it.
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

    It can only be shortened, and never into the past: what was redeemed under it keeps a contract that covers its day.
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
