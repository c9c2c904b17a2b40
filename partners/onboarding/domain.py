"""A partner's states, and what operations may do in each."""

from enum import StrEnum
from typing import Literal

from marketplace.kernel.facts import InvalidField
from marketplace.kernel.states import Transitions


class PartnerStatus(StrEnum):
    """Where a partner stands."""

    APPLIED = "applied"
    """The company applied; operations have not decided."""
    APPROVED = "approved"
    """Operations want it; no contract is signed yet. It may prepare: credentials, locations, drafts of offers."""
    ACTIVE = "active"
    """A contract is signed. Whether terms are in force on a given day, the contract's dates say."""
    SUSPENDED = "suspended"
    """For the moment it neither sells nor takes vouchers; what is owed stays owed."""
    TERMINATED = "terminated"
    """It has left for good; its statements and history stay."""
    REJECTED = "rejected"
    """Operations declined; the company may apply anew."""


PARTNER: Transitions[PartnerStatus] = Transitions(
    {
        (PartnerStatus.APPLIED, "approve"): PartnerStatus.APPROVED,
        (PartnerStatus.APPLIED, "reject"): PartnerStatus.REJECTED,
        # Signing is what makes a partner active. A suspended one may sign a new version without being resumed by it.
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
    }
)

ADMITTED = frozenset({PartnerStatus.APPROVED, PartnerStatus.ACTIVE})
"""The partners whose systems may call us; `issue_client` is possible in just these states."""

Decision = Literal["approve", "reject", "suspend", "resume", "terminate"]

NEED_REASON: frozenset[str] = frozenset({"reject", "suspend", "terminate"})
"""What goes against the partner is done with a reason, which the partner can be told."""

_STEPS = frozenset({"issue_client", "add_location", "sign_contract"})


def decide(status: PartnerStatus, decision: Decision, reason: str | None) -> PartnerStatus:
    """Return the partner's status after the decision.

    Raises TransitionRefusedError, or InvalidField when a reason is needed and missing.
    """
    after = PARTNER.after(status, decision)
    if decision in NEED_REASON and not reason:
        raise InvalidField("reason", "必须说明原因。", "is required for this decision.")
    return after


def decisions(status: PartnerStatus) -> list[str]:
    """Return what operations may decide in the state."""
    return [action for action in PARTNER.actions(status) if action not in _STEPS]
