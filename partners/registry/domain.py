"""The life cycle of a partner as one transition table. Pure."""

from enum import StrEnum
from typing import Literal, cast

from marketplace.kernel.refusals import InvalidField
from marketplace.kernel.states import Transitions


class PartnerStatus(StrEnum):
    """The status of a partner."""

    APPLIED = "applied"
    """The company applied; the review has not started."""
    IN_REVIEW = "in_review"
    """Operations review the application."""
    CHANGES_REQUESTED = "changes_requested"
    """Operations requested changes; the applicant resubmits the application."""
    APPROVED = "approved"
    """Approved; no contract is signed yet. The partner can prepare: credentials, locations, drafts of offers."""
    ACTIVE = "active"
    """A contract is signed by both sides. The contract's dates decide whether terms are in force on a given day."""
    SUSPENDED = "suspended"
    """The partner sells nothing for now. It still takes the vouchers that members hold, and debts remain."""
    TERMINATED = "terminated"
    """The partnership has ended. Statements and history remain."""
    REJECTED = "rejected"
    """Operations declined; the company can apply again."""


_APPLYING = (PartnerStatus.APPLIED, PartnerStatus.IN_REVIEW, PartnerStatus.CHANGES_REQUESTED)
_GOING = (PartnerStatus.APPROVED, PartnerStatus.ACTIVE, PartnerStatus.SUSPENDED)

PARTNER: Transitions[PartnerStatus] = Transitions(
    {
        (PartnerStatus.APPLIED, "review"): PartnerStatus.IN_REVIEW,
        (PartnerStatus.IN_REVIEW, "request_changes"): PartnerStatus.CHANGES_REQUESTED,
        (PartnerStatus.CHANGES_REQUESTED, "resubmit"): PartnerStatus.IN_REVIEW,
        (PartnerStatus.IN_REVIEW, "approve"): PartnerStatus.APPROVED,
        (PartnerStatus.IN_REVIEW, "reject"): PartnerStatus.REJECTED,
        # An applicant that never resubmits must not stay in the list for ever.
        (PartnerStatus.CHANGES_REQUESTED, "reject"): PartnerStatus.REJECTED,
        # Signing makes an approved partner active. If the contract was signed before, approval is followed by `activate`.
        # A suspended partner can sign a new version; that does not resume it.
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
        # Not a change of status, but allowed in some only: the systems of these partners may call us.
        (PartnerStatus.APPROVED, "issue_client"): PartnerStatus.APPROVED,
        (PartnerStatus.ACTIVE, "issue_client"): PartnerStatus.ACTIVE,
        (PartnerStatus.APPROVED, "add_location"): PartnerStatus.APPROVED,
        (PartnerStatus.ACTIVE, "add_location"): PartnerStatus.ACTIVE,
        # An applicant attests during the application; operations verify a document at any time.
        **{(state, "attest"): state for state in _APPLYING},
        **{(state, "verify"): state for state in (*_APPLYING, *_GOING)},
    }
)

ADMITTED = frozenset({PartnerStatus.APPROVED, PartnerStatus.ACTIVE})
"""The statuses in which a partner's systems may use the whole API; those of a suspended partner may use vouchers only.

`issue_client` is possible in exactly these.
"""

Decision = Literal["review", "request_changes", "approve", "reject", "suspend", "resume", "terminate"]
"""The decisions of operations. `resubmit` is the applicant's; `sign_contract` and `activate` follow from the contract."""

NEED_REASON: frozenset[str] = frozenset({"request_changes", "reject", "suspend", "terminate"})
"""Decisions against the partner need a reason, which the partner can see."""

_OTHERS_STEPS = frozenset({"resubmit", "attest", "verify", "issue_client", "add_location", "sign_contract", "activate"})

_REVIEW_FIRST: frozenset[str] = frozenset({"approve", "reject"})
"""Decisions that start the review of a new application by themselves."""

DecisionStep = tuple[Decision, PartnerStatus]
"""A decision and the resulting status."""


def decide(status: PartnerStatus, decision: Decision, reason: str | None) -> list[DecisionStep]:
    """Return the transitions of a decision: the decision itself, preceded by `review` for a new application.

    Raises TransitionRefusedError, or InvalidField if a required reason is missing.
    """
    steps: list[DecisionStep] = []
    if status is PartnerStatus.APPLIED and decision in _REVIEW_FIRST:
        status = PARTNER.after(status, "review")
        steps.append(("review", status))
    steps.append((decision, PARTNER.after(status, decision)))
    if decision in NEED_REASON and not reason:
        raise InvalidField("reason", "必须说明原因。", "is required for this decision.")
    return steps


def decisions(status: PartnerStatus) -> list[Decision]:
    """Return the decisions possible in the status, in alphabetical order."""
    actions = set(PARTNER.actions(status)) - _OTHERS_STEPS
    if status is PartnerStatus.APPLIED:
        actions |= _REVIEW_FIRST
    return cast("list[Decision]", sorted(actions))
