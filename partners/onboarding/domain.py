"""The rules of the checklist: what applicants must fulfil before each gate. Pure."""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import msgspec

from marketplace.kernel.refusals import InvalidField
from marketplace.kernel.text import Text

RequirementKind = Literal["computed", "attested", "verified"]
Gate = Literal["submit", "approve"]

Who = Literal["applicant", "operations", "finance"]


class Requirement(msgspec.Struct, frozen=True, kw_only=True):
    """A requirement that applicants must meet before a gate.

    `computed`: checked by the function of that name in `COMPUTED`; `attested`: declared by the applicant; `verified`:
    operations have checked the document. Empty `partner_kinds` mean all of them.
    """

    code: str
    kind: RequirementKind
    gate: Gate
    title: Text
    help: Text
    partner_kinds: tuple[str, ...] = ()

    @property
    def who(self) -> Who:
        """Who must act while it is not met."""
        if self.kind == "computed":
            return COMPUTED[self.code].who
        return "applicant" if self.kind == "attested" else "operations"

    def concerns(self, partner_kind: str) -> bool:
        """Return whether it applies to partners of the kind."""
        return not self.partner_kinds or partner_kind in self.partner_kinds


class Applicant(msgspec.Struct, frozen=True, kw_only=True):
    """The data of a company by which its checklist is evaluated."""

    kind: str
    registration_number: str
    website: str | None
    contract_signed: bool
    payout_account: bool
    answered: frozenset[str]
    """The codes that were attested or verified."""


# GB 32100-2015: seventeen characters with weights 3^n mod 31, and a check character; I, O, S, V and Z are not used.
_CREDIT_CODE = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_CREDIT_WEIGHTS = tuple(pow(3, place, 31) for place in range(17))


def is_valid_credit_code(number: str) -> bool:
    """Return whether the text is a unified social credit code with a valid check character (GB 32100-2015)."""
    if len(number) != 18 or any(sign not in _CREDIT_CODE for sign in number):
        return False
    total = sum(_CREDIT_CODE.index(sign) * weight for sign, weight in zip(number, _CREDIT_WEIGHTS, strict=False))
    return _CREDIT_CODE.index(number[-1]) == -total % 31


class Computed(msgspec.Struct, frozen=True):
    """A requirement that the program checks: the check, the gates at which it can be met, and who must act."""

    is_met: Callable[[Applicant], bool]
    gates: tuple[Gate, ...] = ("submit", "approve")
    who: Who = "applicant"


COMPUTED: Mapping[str, Computed] = {
    "registration_number_valid": Computed(lambda applicant: is_valid_credit_code(applicant.registration_number)),
    "website_given": Computed(lambda applicant: bool(applicant.website)),
    # By both sides. An applicant has no credentials yet: operations draft the contract and record its signature from paper.
    "contract_signed": Computed(lambda applicant: applicant.contract_signed, ("approve",), "operations"),
    # Finance records it, also from paper.
    "payout_account": Computed(lambda applicant: applicant.payout_account, ("approve",), "finance"),
}
"""The computed requirements by code."""


def is_met(requirement: Requirement, applicant: Applicant) -> bool:
    """Return whether the applicant meets the requirement."""
    if requirement.kind == "computed":
        return COMPUTED[requirement.code].is_met(applicant)
    return requirement.code in applicant.answered


def missing(requirements: Sequence[Requirement], applicant: Applicant, gate: Gate) -> list[Requirement]:
    """Return the unmet requirements of the gate, in order. Each gate has its own."""
    return [
        requirement
        for requirement in requirements
        if requirement.gate == gate and requirement.concerns(applicant.kind) and not is_met(requirement, applicant)
    ]


def check_requirement(code: str, kind: RequirementKind, gate: Gate) -> None:
    """Raise InvalidField for a requirement that could never be met."""
    if kind == "computed" and code not in COMPUTED:
        known = ", ".join(COMPUTED)
        raise InvalidField(
            "code", f"程序计算的要求只能是 {known} 之一。", f"must be one of {known} for a computed requirement."
        )
    if kind == "computed" and gate not in COMPUTED[code].gates:
        raise InvalidField(
            "gate",
            "该要求只能用于 approve：申请提交时还不可能满足。",
            "must be approve for this requirement: nobody could meet it when applying.",
        )
    if kind == "verified" and gate == "submit":
        raise InvalidField(
            "gate",
            "运营核验的要求只能用于 approve。",
            "must be approve for a verified requirement: documents are not checked before.",
        )
