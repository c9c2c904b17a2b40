"""Draft, change, offer and withdraw a version."""

from datetime import date, datetime
from uuid import UUID

from marketplace.kernel.ids import uuid7
from marketplace.kernel.refusals import ChangedMeanwhile
from marketplace.platform.eventlog import audit
from marketplace.platform.eventlog.events import publish
from marketplace.platform.http.etags import Editions
from marketplace.platform.postgres.database import UnitOfWork
from partners.contracts.agreement import ContractContent, Parties, Proposal, check_proposal
from partners.contracts.domain import CONTRACT, ContractStatus, content_hash, superseding, written
from partners.contracts.events import ContractOffered, ContractWithdrawn
from partners.contracts.rows import content_of, lock_contract, seen
from partners.contracts.schemas import ContractView
from partners.contracts.tables import ContractRow
from partners.contracts.terms import load_terms
from partners.registry.domain import PARTNER
from partners.registry.history import lock_partner
from partners.registry.tables import PartnerRow


async def draft_contract(
    work: UnitOfWork, partner_id: UUID, proposal: Proposal, home_currency: str, oem: str, actor: str, now: datetime
) -> ContractView:
    """Insert the partner's next version as a draft and return it; `oem` is the name of the other party.

    Raises NotFound, TransitionRefusedError for a partner that cannot sign, InvalidField for contradictory terms.
    """
    check_proposal(proposal, home_currency)
    PARTNER.after(await lock_partner(work, partner_id), "sign_contract")
    # The partner is locked, so no other transaction counts its versions meanwhile.
    version: int = await work.fetchval(
        "SELECT coalesce(max(version), 0) + 1 FROM contract WHERE partner_id = $1", partner_id
    )
    contract_id = uuid7(unix_ms=int(now.timestamp() * 1000))
    text = await _text(work, proposal, partner_id, version, oem)
    await work.run(
        ContractRow.insert(
            ContractRow(
                id=contract_id,
                partner_id=partner_id,
                version=version,
                status=ContractStatus.DRAFTED,
                starts_on=proposal.starts_on,
                ends_on=proposal.ends_on,
                content=text,
                content_hash=content_hash(text),
                edition=1,
                drafted_by=actor,
                drafted_at=now,
            )
        )
    )
    await _record(work, actor, "draft", contract_id, now, version=version, content_hash=content_hash(text))
    return await seen(partner_id, contract_id, staff=True)


async def edit_contract(
    work: UnitOfWork,
    partner_id: UUID,
    contract_id: UUID | None,
    proposal: Proposal,
    editions: Editions,
    home_currency: str,
    oem: str,
    actor: str,
    now: datetime,
) -> None:
    """Replace the content of a draft. Raises NotFound, ChangedMeanwhile, TransitionRefusedError, InvalidField."""
    check_proposal(proposal, home_currency)
    await lock_partner(work, partner_id)
    row = await lock_contract(work, partner_id, contract_id)
    if row["edition"] not in editions:
        raise ChangedMeanwhile
    CONTRACT.after(ContractStatus(row["status"]), "edit")
    text = await _text(work, proposal, partner_id, row["version"], oem)
    await work.execute(
        "UPDATE contract SET starts_on = $2, ends_on = $3, content = $4, content_hash = $5, edition = edition + 1"
        " WHERE id = $1 AND status = 'drafted'",
        row["id"], proposal.starts_on, proposal.ends_on, text, content_hash(text),
    )  # fmt: skip
    await _record(work, actor, "edit", row["id"], now, content_hash=content_hash(text))


async def offer_contract(
    work: UnitOfWork, partner_id: UUID, contract_id: UUID | None, today: date, actor: str, now: datetime
) -> ContractView:
    """Offer a draft to both sides and return it. From now on its content is fixed.

    Raises NotFound, TransitionRefusedError, ContractOverlaps.
    """
    await lock_partner(work, partner_id)
    row = await lock_contract(work, partner_id, contract_id)
    after = CONTRACT.after(ContractStatus(row["status"]), "offer")
    content = content_of(row)
    superseding(content, (await load_terms([partner_id]))[partner_id].contracts, today)
    await work.execute(
        "UPDATE contract SET status = $2, offered_at = $3, edition = edition + 1 WHERE id = $1 AND status = 'drafted'",
        row["id"], after, now,
    )  # fmt: skip
    offered = ContractOffered(
        partner_id=partner_id,
        contract_id=row["id"],
        version=row["version"],
        starts_on=content.starts_on,
        ends_on=content.ends_on,
        content_hash=row["content_hash"],
        offered_at=now,
    )
    await publish(work, [offered], now)
    await _record(work, actor, "offer", row["id"], now, content_hash=row["content_hash"])
    return await seen(partner_id, row["id"], staff=True)


async def withdraw_contract(
    work: UnitOfWork, partner_id: UUID, contract_id: UUID | None, reason: str, actor: str, now: datetime
) -> ContractView:
    """Withdraw a version that is not signed by both, and return it. Raises NotFound, TransitionRefusedError."""
    await lock_partner(work, partner_id)
    row = await lock_contract(work, partner_id, contract_id)
    before = ContractStatus(row["status"])
    after = CONTRACT.after(before, "withdraw")
    await work.execute(
        "UPDATE contract SET status = $3, edition = edition + 1 WHERE id = $1 AND status = $2", row["id"], before, after
    )
    if before is not ContractStatus.DRAFTED:  # drafts are not announced
        await publish(work, [ContractWithdrawn(partner_id, row["id"], row["version"], reason, now)], now)
    await _record(work, actor, "withdraw", row["id"], now, before=before, reason=reason)
    return await seen(partner_id, row["id"], staff=True)


async def _text(work: UnitOfWork, proposal: Proposal, partner_id: UUID, version: int, oem: str) -> str:
    """Return the serialised version, with the current names of the OEM and the locked partner.

    The partner's name cannot change before it signs: a new company in the application voids drafts.
    """
    names = PartnerRow.select(PartnerRow.legal_name, PartnerRow.registration_number).where(PartnerRow.id == partner_id)
    partner = await work.run(names.first())
    assert partner is not None  # noqa: S101 - it is locked
    parties = Parties(oem=oem, partner=partner["legal_name"], registration_number=partner["registration_number"])
    said = {name: getattr(proposal, name) for name in Proposal.__struct_fields__}
    return written(ContractContent(partner_id=partner_id, parties=parties, version=version, **said))


async def _record(
    work: UnitOfWork, actor: str, action: str, contract_id: UUID, now: datetime, **details: object
) -> None:
    await audit.record(work, actor, f"contract.{action}", f"contract:{contract_id}", now, **details)
