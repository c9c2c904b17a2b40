"""Signing a version, and ending a contract early."""

from datetime import date, datetime
from uuid import UUID

import msgspec

from marketplace.kernel.refusals import InvalidField
from marketplace.platform.eventlog import audit
from marketplace.platform.eventlog.events import publish
from marketplace.platform.postgres.database import UnitOfWork
from partners.contracts.domain import (
    CONTRACT,
    ContentDiffers,
    ContractStatus,
    Method,
    Party,
    Superseded,
    check_end,
    check_signer,
    superseding,
)
from partners.contracts.events import ContractEnded, ContractSigned
from partners.contracts.rows import content_of, lock_contract, seen, standing_signatures, terms_of
from partners.contracts.schemas import ContractView
from partners.contracts.tables import ContractSignatureRow
from partners.contracts.terms import load_terms
from partners.registry.domain import PARTNER
from partners.registry.history import lock_partner, move


class Signing(msgspec.Struct, frozen=True, kw_only=True):
    """A signature to add: its side, content, method and person.

    `signed_by`, `signed_on` and `document_reference` are the signer, date and filing reference of a paper.
    """

    party: Party
    content_hash: str
    actor: str
    method: Method = Method.API
    signed_by: str | None = None
    signed_on: date | None = None
    document_reference: str | None = None


async def sign_contract(
    work: UnitOfWork, partner_id: UUID, contract_id: UUID | None, signing: Signing, today: date, now: datetime
) -> ContractView:
    """Add one side's signature to an offered version and return that side's view of it.

    The second signature puts it into effect: earlier versions end when it begins, and an approved partner becomes active.
    Earlier redemptions do not change: each carries its terms. `today` is the business day.

    Checked in this order: the version exists (NotFound), the partner and this side can sign (TransitionRefusedError), the hash
    is the content's (ContentDiffers), the other side's person is another (SameSigner), and it does not cover days of terms
    in force (ContractOverlaps).
    """
    before = await lock_partner(work, partner_id)
    row = await lock_contract(work, partner_id, contract_id)
    partner_after = PARTNER.after(before, "sign_contract")
    status = ContractStatus(row["status"])
    after = CONTRACT.after(status, f"sign_{signing.party}")
    if signing.content_hash != row["content_hash"]:
        raise ContentDiffers(content_hash=row["content_hash"])
    if signing.signed_on is not None and signing.signed_on > today:
        raise InvalidField("signed_on", "不能晚于今天。", "must not lie in the future.")
    check_signer(signing.party, signing.method, signing.actor, await standing_signatures(row["id"]))
    standing = (await load_terms([partner_id]))[partner_id].contracts
    displaced = superseding(content_of(row), standing, today)
    # All checks passed. Each write is guarded by the state that was read under the partner's lock.
    await _give(work, row["id"], signing, now)
    await work.execute(
        "UPDATE contract SET status = $3, edition = edition + 1,"
        " signed_at = CASE WHEN $3 = 'signed' THEN $4::timestamptz END WHERE id = $1 AND status = $2",
        row["id"], status, after, now,
    )  # fmt: skip
    await audit.record(
        work, signing.actor, "contract.sign", f"contract:{row['id']}", now, party=signing.party, method=signing.method,
        content_hash=signing.content_hash, document_reference=signing.document_reference,
    )  # fmt: skip
    if after is ContractStatus.SIGNED:
        for one in displaced:
            await _displace(work, partner_id, one, now)
        await move(work, partner_id, signing.actor, "sign_contract", before, partner_after, None, now)
        ends_on = row["ends_on"]
        signed = ContractSigned(partner_id, row["id"], row["version"], row["starts_on"], ends_on, now)
        await publish(work, [signed], now)
    return await seen(partner_id, row["id"], staff=signing.party is Party.OEM or signing.method is Method.PAPER)


async def _give(work: UnitOfWork, contract_id: UUID, signing: Signing, now: datetime) -> None:
    """Append the signature. A foreign key ensures that its hash is the contract's."""
    await work.run(
        ContractSignatureRow.insert(
            ContractSignatureRow(
                contract_id=contract_id,
                party=signing.party,
                content_hash=signing.content_hash,
                method=signing.method,
                actor=signing.actor,
                signed_at=now,
                signed_by=signing.signed_by,
                signed_on=signing.signed_on,
                document_reference=signing.document_reference,
            )
        )
    )


async def _displace(work: UnitOfWork, partner_id: UUID, found: Superseded, now: datetime) -> None:
    """End an earlier version when the new one begins, or mark it superseded if it would begin later."""
    contract = found.contract
    if found.ends_on is None:
        after = CONTRACT.after(ContractStatus.SIGNED, "supersede")
        await work.execute(
            "UPDATE contract SET status = $2, edition = edition + 1 WHERE id = $1 AND status = 'signed'",
            contract.contract_id, after,
        )  # fmt: skip
    else:
        CONTRACT.after(ContractStatus.SIGNED, "shorten")
        await _shorten(work, contract.contract_id, found.ends_on)
    ends_on = found.ends_on or contract.starts_on
    await publish(work, [ContractEnded(partner_id, contract.contract_id, contract.version, ends_on, now)], now)


async def end_contract(
    work: UnitOfWork,
    partner_id: UUID,
    contract_id: UUID | None,
    ends_on: date,
    reason: str,
    today: date,
    actor: str,
    now: datetime,
) -> ContractView:
    """End a contract before its end date and return it. `today` is the business day.

    Raises NotFound, TransitionRefusedError for one that is not signed by both, or InvalidField for a day that is past or
    not earlier.
    """
    status = await lock_partner(work, partner_id)
    row = await lock_contract(work, partner_id, contract_id)
    CONTRACT.after(ContractStatus(row["status"]), "end")
    current = terms_of(row)
    check_end(current, ends_on, today)
    await _shorten(work, row["id"], ends_on)
    await move(work, partner_id, actor, "end_contract", status, status, reason, now)
    await publish(work, [ContractEnded(partner_id, row["id"], row["version"], ends_on, now)], now)
    await audit.record(
        work, actor, "contract.end", f"contract:{row['id']}", now,
        before=current.ends_on, ends_on=ends_on, reason=reason,
    )  # fmt: skip
    return await seen(partner_id, row["id"], staff=True)


async def _shorten(work: UnitOfWork, contract_id: UUID, ends_on: date) -> None:
    await work.execute(
        "UPDATE contract SET ends_on = $2, edition = edition + 1 WHERE id = $1 AND status = 'signed'"
        " AND (ends_on IS NULL OR ends_on > $2)",
        contract_id, ends_on,
    )  # fmt: skip


def paper(row_hash: str, actor: str, signed_by: str, signed_on: date, document_reference: str) -> Signing:
    """Return the partner's signature, recorded by operations from paper."""
    return Signing(
        party=Party.PARTNER,
        content_hash=row_hash,
        actor=actor,
        method=Method.PAPER,
        signed_by=signed_by,
        signed_on=signed_on,
        document_reference=document_reference,
    )
