"""Decisions of operations about a partner."""

from datetime import datetime
from uuid import UUID

from marketplace.kernel.refusals import InvalidField
from marketplace.platform.eventlog import audit
from marketplace.platform.postgres.database import UnitOfWork
from partners.onboarding.apply import apply
from partners.onboarding.checklist import RequirementsMissing, has_signed_contract, missing_at
from partners.onboarding.schemas import ApplicationInput
from partners.registry.domain import PARTNER, Decision, PartnerStatus
from partners.registry.domain import decide as decided
from partners.registry.history import lock_partner, move, note
from partners.staff.people import invite_first_owner


async def decide(
    work: UnitOfWork,
    partner_id: UUID,
    decision: Decision,
    actor: str,
    reason: str | None,
    now: datetime,
    *,
    override: str | None = None,
) -> PartnerStatus:
    """Carry out a decision, with a history entry for each step, and return the partner's new status.

    `override` is the reason to approve a partner with unmet requirements. Raises NotFound, TransitionRefusedError,
    RequirementsMissing, or InvalidField for a missing reason. Outside the API, call `ClientCache.invalidate` afterwards,
    or wait until the cache reads again.
    """
    if override is not None and decision != "approve":
        raise InvalidField("override", "仅用于 approve。", "goes with approve only.")
    before = first = await lock_partner(work, partner_id)
    for step, after in decided(before, decision, reason):
        if step == "approve":
            await _pass_the_gate(work, partner_id, before, actor, override, now)
            await invite_first_owner(work, partner_id, actor, now)
        # The reason belongs to the decision; the review before it needs none.
        await move(work, partner_id, actor, step, before, after, reason if step == decision else None, now)
        before = after
    if before is PartnerStatus.APPROVED and decision == "approve" and await has_signed_contract(work, partner_id):
        after = PARTNER.after(before, "activate")
        await move(work, partner_id, actor, "activate", before, after, None, now)
        before = after
    await audit.record(
        work, actor, f"partner.{decision}", f"partner:{partner_id}", now, before=first, after=before, reason=reason
    )
    return before


async def _pass_the_gate(
    work: UnitOfWork, partner_id: UUID, status: PartnerStatus, actor: str, override: str | None, now: datetime
) -> None:
    found = await missing_at(partner_id, "approve")
    if not found:
        return
    if override is None:
        raise RequirementsMissing("approve", found)
    codes = [requirement.code for requirement in found]
    await note(work, partner_id, actor, "override", status, status, f"{override}（{', '.join(codes)}）", now)
    await audit.record(
        work, actor, "partner.override", f"partner:{partner_id}", now, gate="approve", missing=codes, reason=override
    )


async def admit(work: UnitOfWork, application: ApplicationInput, actor: str, now: datetime) -> UUID:
    """Record an application, review and approve it in one unit of work, and return the partner's id."""
    receipt = await apply(work, application, now)
    await decide(work, receipt.id, "approve", actor, None, now)
    return receipt.id
