"""Operations decide about a partner."""

from datetime import datetime
from uuid import UUID

from marketplace.platform import audit
from marketplace.platform.database import UnitOfWork
from partners.onboarding.apply import apply
from partners.onboarding.domain import Decision, PartnerStatus
from partners.onboarding.domain import decide as decided
from partners.onboarding.history import lock_partner, move
from partners.onboarding.schemas import NewApplication


async def decide(
    work: UnitOfWork, partner_id: UUID, decision: Decision, actor: str, reason: str | None, now: datetime
) -> PartnerStatus:
    """Carry out a decision and return the partner's status after it.

    Raises NotFound, TransitionRefusedError, or InvalidField for a missing reason. Whoever calls this outside the API
    must tell `Gate.forget`, or wait until the gate has looked again.
    """
    before = await lock_partner(work, partner_id)
    after = decided(before, decision, reason)
    await move(work, partner_id, actor, decision, before, after, reason, now)
    await audit.record(
        work, actor, f"partner.{decision}", f"partner:{partner_id}", now, before=before, after=after, reason=reason
    )
    return after


async def admit(work: UnitOfWork, application: NewApplication, actor: str, now: datetime) -> UUID:
    """Record an application and approve it in the same unit of work, and return the partner's id."""
    receipt = await apply(work, application, now)
    await decide(work, receipt.id, "approve", actor, None, now)
    return receipt.id
