"""Changes of a partner's status: row, history and event in one step."""

from datetime import datetime
from uuid import UUID

from marketplace.kernel.refusals import NotFound
from marketplace.platform.eventlog.events import publish
from marketplace.platform.postgres.database import DB, UnitOfWork
from partners.registry.domain import PartnerStatus
from partners.registry.events import PartnerStatusChanged
from partners.registry.tables import PartnerHistoryRow


async def lock_partner(work: UnitOfWork, partner_id: UUID) -> PartnerStatus:
    """Lock the partner's row until the unit of work ends and return its status. Raises NotFound.

    All changes of a partner's status and contracts hold this lock, so they run one after the other.
    """
    status = await work.fetchval("SELECT status FROM partner WHERE id = $1 FOR UPDATE", partner_id)
    if status is None:
        raise NotFound
    return PartnerStatus(status)


async def move(
    work: UnitOfWork,
    partner_id: UUID,
    actor: str,
    action: str,
    before: PartnerStatus,
    after: PartnerStatus,
    reason: str | None,
    now: datetime,
) -> int:
    """Write a transition of a locked partner and return its new version, which counts changes of status and contracts."""
    version: int = await work.fetchval(
        "UPDATE partner SET status = $3, version = version + 1, changed_at = $4 WHERE id = $1 AND status = $2"
        " RETURNING version",
        partner_id,
        before,
        after,
        now,
    )
    await note(work, partner_id, actor, action, before, after, reason, now)
    if before is not after:
        await publish(work, [PartnerStatusChanged(partner_id, before, after, version, now, reason)], now)
    return version


async def reason_of(partner_id: UUID) -> str | None:
    """Return the reason that operations gave for the transition to the current status.

    Later entries of the history, such as a signature, do not count.
    """
    found: str | None = await DB.fetchval(
        "SELECT CASE WHEN actor <> 'applicant' THEN reason END FROM partner_history h JOIN partner p ON p.id = h.partner_id"
        " WHERE h.partner_id = $1 AND h.after = p.status AND h.before IS DISTINCT FROM h.after ORDER BY seq DESC LIMIT 1",
        partner_id,
    )
    return found


async def note(
    work: UnitOfWork,
    partner_id: UUID,
    actor: str,
    action: str,
    before: PartnerStatus | None,
    after: PartnerStatus,
    reason: str | None,
    now: datetime,
) -> None:
    """Append an entry to the partner's history."""
    await work.run(
        PartnerHistoryRow.insert(
            PartnerHistoryRow(
                partner_id=partner_id, at=now, actor=actor, action=action, before=before, after=after, reason=reason
            )
        )
    )
