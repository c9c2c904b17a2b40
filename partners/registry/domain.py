"""A partner's life as one table: its states, and who may take which step in each. Pure."""

from enum import StrEnum
from typing import Literal, cast

from marketplace.kernel.refusals import InvalidField
from marketplace.kernel.states import Transitions


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

DecisionStep = tuple[Decision, PartnerStatus]
"""A decision, and the status after it."""


def decide(status: PartnerStatus, decision: Decision, reason: str | None) -> list[DecisionStep]:
    """Return the steps that the decision takes, each along an arrow of the table: the decision alone, or `review` before it.

    Raises TransitionRefusedError, or InvalidField when a reason is needed and missing.
    """
    steps: list[DecisionStep] = []
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
