"""Agreements with an applicant become void when another company replaces it in the application.

Only for applicants: nothing was redeemed, granted or paid under an applicant's contract.
"""

from datetime import datetime
from uuid import UUID

from marketplace.platform.eventlog import audit
from marketplace.platform.eventlog.events import publish
from marketplace.platform.postgres.database import UnitOfWork
from partners.contracts.domain import CONTRACT, ContractStatus
from partners.contracts.events import ContractWithdrawn

_REASON = "申请公司已变更 · another company applies"


async def void_agreements(work: UnitOfWork, partner_id: UUID, actor: str, now: datetime) -> list[str]:
    """Withdraw every version and delete the payout account of a locked applicant; return what was voided, in words."""
    rows = await work.fetch(
        "SELECT id, version, status FROM contract WHERE partner_id = $1 AND status NOT IN ('withdrawn', 'superseded')"
        " ORDER BY id FOR UPDATE",
        partner_id,
    )
    for row in rows:
        before = ContractStatus(row["status"])
        after = CONTRACT.after(before, "void")
        await work.execute(
            "UPDATE contract SET status = $3, signed_at = NULL, edition = edition + 1 WHERE id = $1 AND status = $2",
            row["id"], before, after,
        )  # fmt: skip
        if before is not ContractStatus.DRAFTED:  # drafts are not announced
            await publish(work, [ContractWithdrawn(partner_id, row["id"], row["version"], _REASON, now)], now)
        await audit.record(work, actor, "contract.void", f"contract:{row['id']}", now, before=before, reason=_REASON)
    fallen = [f"合同第 {row['version']} 版 · contract version {row['version']}" for row in rows]
    account = await work.fetchval("DELETE FROM payout_account WHERE partner_id = $1 RETURNING last_four", partner_id)
    if account is not None:
        await audit.record(work, actor, "payout_account.void", f"partner:{partner_id}", now, last_four=account)
        fallen.append(f"付款账户 · payout account **** {account}")
    return fallen
