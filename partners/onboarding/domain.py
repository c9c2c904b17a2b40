"""A partner's life as one table: its states, and who may take which step in each."""

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Literal, cast

import msgspec

from marketplace.kernel.refusals import InvalidField
from marketplace.kernel.states import Transitions
from marketplace.kernel.text import Text


class PartnerStatus(StrEnum):
    """Where a partner stands."""

    APPLIED = "applied"
    """The company applied; nobody has taken it up yet."""
    IN_REVIEW = "in_review"
    """Operations look at it."""
    CHANGES_REQUESTED = "changes_requested"
    """Operations want something put right; the applicant hands the application in again."""
    APPROVED = "approved"
    """Operations want it; no contract is signed yet. It may prepare: credentials, locations, drafts of offers."""
    ACTIVE = "active"
    """Approved, and a contract is signed by both sides. Whether terms are in force on a given day, the contract's dates say."""
    SUSPENDED = "suspended"
    """For the moment it sells nothing. It still takes the vouchers that members have, and what is owed stays owed."""
    TERMINATED = "terminated"
    """It has left for good; its statements and history stay."""
    REJECTED = "rejected"
    """Operations declined; the company may apply anew."""


_APPLYING = (PartnerStatus.APPLIED, PartnerStatus.IN_REVIEW, PartnerStatus.CHANGES_REQUESTED)
_GOING = (PartnerStatus.APPROVED, PartnerStatus.ACTIVE, PartnerStatus.SUSPENDED)

PARTNER: Transitions[PartnerStatus] = Transitions(
    {
        (PartnerStatus.APPLIED, "review"): PartnerStatus.IN_REVIEW,
        (PartnerStatus.IN_REVIEW, "request_changes"): PartnerStatus.CHANGES_REQUESTED,
        (PartnerStatus.CHANGES_REQUESTED, "resubmit"): PartnerStatus.IN_REVIEW,
        (PartnerStatus.IN_REVIEW, "approve"): PartnerStatus.APPROVED,
        (PartnerStatus.IN_REVIEW, "reject"): PartnerStatus.REJECTED,
        # An applicant that never comes back must not stay in the list for ever.
        (PartnerStatus.CHANGES_REQUESTED, "reject"): PartnerStatus.REJECTED,
        # Signing is what makes an approved partner active; where it was signed before, approval is followed by `activate`.
        # A suspended partner may sign a new version without being resumed by it.
        (PartnerStatus.IN_REVIEW, "sign_contract"): PartnerStatus.IN_REVIEW,
        (PartnerStatus.CHANGES_REQUESTED, "sign_contract"): PartnerStatus.CHANGES_REQUESTED,
        (PartnerStatus.APPROVED, "activate"): PartnerStatus.ACTIVE,
        (PartnerStatus.APPROVED, "sign_contract"): PartnerStatus.ACTIVE,
        (PartnerStatus.ACTIVE, "sign_contract"): PartnerStatus.ACTIVE,
        (PartnerStatus.SUSPENDED, "sign_contract"): PartnerStatus.SUSPENDED,
        (PartnerStatus.ACTIVE, "suspend"): PartnerStatus.SUSPENDED,
        (PartnerStatus.SUSPENDED, "resume"): PartnerStatus.ACTIVE,
        (PartnerStatus.APPROVED, "terminate"): PartnerStatus.TERMINATED,
        (PartnerStatus.ACTIVE, "terminate"): PartnerStatus.TERMINATED,
        (PartnerStatus.SUSPENDED, "terminate"): PartnerStatus.TERMINATED,
        # Not a change of state, yet possible only in some: the systems of these partners may call us.
        (PartnerStatus.APPROVED, "issue_client"): PartnerStatus.APPROVED,
        (PartnerStatus.ACTIVE, "issue_client"): PartnerStatus.ACTIVE,
        (PartnerStatus.APPROVED, "add_location"): PartnerStatus.APPROVED,
        (PartnerStatus.ACTIVE, "add_location"): PartnerStatus.ACTIVE,
        # An applicant attests while it is still asked; operations see a document whenever it comes.
        **{(state, "attest"): state for state in _APPLYING},
        **{(state, "verify"): state for state in (*_APPLYING, *_GOING)},
    }
)

ADMITTED = frozenset({PartnerStatus.APPROVED, PartnerStatus.ACTIVE})
"""The partners whose systems may call us for everything; those of a suspended one may for vouchers only.

`issue_client` is possible in just these states.
"""

Decision = Literal["review", "request_changes", "approve", "reject", "suspend", "resume", "terminate"]
"""What operations decide; `resubmit` is the applicant's, `sign_contract` and `activate` follow from the contract."""

NEED_REASON: frozenset[str] = frozenset({"request_changes", "reject", "suspend", "terminate"})
"""What goes against the partner is done with a reason, which the partner can be told."""

_OTHERS_STEPS = frozenset({"resubmit", "attest", "verify", "issue_client", "add_location", "sign_contract", "activate"})

_TAKE_UP_FIRST: frozenset[str] = frozenset({"approve", "reject"})
"""Who decides about an application that nobody took up yet takes it up in doing so."""

Step = tuple[Decision, PartnerStatus]
"""A decision, and the status after it."""


def decide(status: PartnerStatus, decision: Decision, reason: str | None) -> list[Step]:
    """Return the steps that the decision takes, each along an arrow of the table: the decision alone, or `review` before it.

    Raises TransitionRefusedError, or InvalidField when a reason is needed and missing.
    """
    steps: list[Step] = []
    if status is PartnerStatus.APPLIED and decision in _TAKE_UP_FIRST:
        status = PARTNER.after(status, "review")
        steps.append(("review", status))
    steps.append((decision, PARTNER.after(status, decision)))
    if decision in NEED_REASON and not reason:
        raise InvalidField("reason", "必须说明原因。", "is required for this decision.")
    return steps


def decisions(status: PartnerStatus) -> list[Decision]:
    """Return what operations may decide in the state, in alphabetical order."""
    actions = set(PARTNER.actions(status)) - _OTHERS_STEPS
    if status is PartnerStatus.APPLIED:
        actions |= _TAKE_UP_FIRST
    return cast("list[Decision]", sorted(actions))


RequirementKind = Literal["computed", "attested", "verified"]
Gate = Literal["submit", "approve"]

Who = Literal["applicant", "operations", "finance"]


class Requirement(msgspec.Struct, frozen=True, kw_only=True):
    """Something asked of applicants before a gate. `computed`: found out by the function of that name in `COMPUTED`;
    `attested`: the applicant says so; `verified`: operations saw the document.

    No `partner_kinds` mean all of them.
    """

    code: str
    kind: RequirementKind
    gate: Gate
    title: Text
    help: Text
    partner_kinds: tuple[str, ...] = ()

    @property
    def who(self) -> Who:
        """Whose move it is while it is not met."""
        if self.kind == "computed":
            return COMPUTED[self.code].who
        return "applicant" if self.kind == "attested" else "operations"

    def concerns(self, partner_kind: str) -> bool:
        """Return whether it is asked of partners of the kind."""
        return not self.partner_kinds or partner_kind in self.partner_kinds


class Applicant(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a company when its checklist is looked at."""

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


def credit_code_is_sound(number: str) -> bool:
    """Return whether the text is a unified social credit code whose check character fits (GB 32100-2015)."""
    if len(number) != 18 or any(sign not in _CREDIT_CODE for sign in number):
        return False
    total = sum(_CREDIT_CODE.index(sign) * weight for sign, weight in zip(number, _CREDIT_WEIGHTS, strict=False))
    return _CREDIT_CODE.index(number[-1]) == -total % 31


class Computed(msgspec.Struct, frozen=True):
    """A requirement that the program finds out by itself: how, at which gates it can be met at all, and whose move it is."""

    is_met: Callable[[Applicant], bool]
    gates: tuple[Gate, ...] = ("submit", "approve")
    who: Who = "applicant"


COMPUTED: Mapping[str, Computed] = {
    "registration_number_valid": Computed(lambda applicant: credit_code_is_sound(applicant.registration_number)),
    "website_given": Computed(lambda applicant: bool(applicant.website)),
    # By both sides. An applicant has no credentials yet: operations draft it, and record its signature from paper.
    "contract_signed": Computed(lambda applicant: applicant.contract_signed, ("approve",), "operations"),
    # Finance keeps it, from paper as well.
    "payout_account": Computed(lambda applicant: applicant.payout_account, ("approve",), "finance"),
}
"""The computed requirements, by their code."""


def is_met(requirement: Requirement, applicant: Applicant) -> bool:
    """Return whether the applicant meets the requirement."""
    if requirement.kind == "computed":
        return COMPUTED[requirement.code].is_met(applicant)
    return requirement.code in applicant.answered


def missing(requirements: Sequence[Requirement], applicant: Applicant, gate: Gate) -> list[Requirement]:
    """Return what of the active requirements stands against passing the gate, in their order. Each gate asks for its own."""
    return [
        requirement
        for requirement in requirements
        if requirement.gate == gate and requirement.concerns(applicant.kind) and not is_met(requirement, applicant)
    ]


def check_requirement(code: str, kind: RequirementKind, gate: Gate) -> None:
    """Raise InvalidField for a requirement that could not work."""
    if kind == "computed" and code not in COMPUTED:
        known = ", ".join(COMPUTED)
        raise InvalidField(
            "code", f"程序计算的要求只能是 {known} 之一。", f"of a computed requirement is one of {known}."
        )
    if kind == "computed" and gate not in COMPUTED[code].gates:
        raise InvalidField(
            "gate",
            "该要求只能用于 approve：申请提交时还不可能满足。",
            "of this requirement is approve: nobody could meet it when applying.",
        )
    if kind == "verified" and gate == "submit":
        raise InvalidField(
            "gate", "运营核验的要求只能用于 approve。", "of a verified requirement is approve: nothing is seen before."
        )
