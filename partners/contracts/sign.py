"""Contracts are signed, ended early, and read."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from marketplace.kernel.facts import Fact, NotFound
from marketplace.kernel.ids import uuid7
from marketplace.platform import audit
from marketplace.platform.database import UnitOfWork
from marketplace.platform.events import publish
from partners.contracts.domain import ContractTerms, Proposal, check_end, check_proposal
from partners.contracts.events import ContractEnded, ContractSigned
from partners.contracts.schemas import ContractView
from partners.contracts.terms import load_terms
from partners.onboarding.domain import PARTNER, PartnerStatus
from partners.onboarding.history import lock_partner, move


class ContractOverlaps(Fact):
    """On some day two contracts would be in force."""

    code = "contract_overlaps"
    zh = "与第 {version} 版合同（{starts_on} 至 {ends_on}）的有效期重叠。"
    en = "Version {version} ({starts_on} to {ends_on}) is in force on some of these days."


# The guard stands in the write. The partner's row is locked before, so that no other contract of the partner can be
# written between its look and its insert. (An exclusion constraint would need the extension btree_gist, which not
# every PostgreSQL has.)
_INSERT = """
INSERT INTO contract (id, partner_id, version, starts_on, ends_on, settlement_basis, settlement_price_minor,
    max_settlement_price_minor, commission_ppm, tax_rate_ppm, currency, cycle, payment_terms_days, signed_at, signed_by)
SELECT $1, $2, (SELECT coalesce(max(version), 0) + 1 FROM contract WHERE partner_id = $2),
    $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14
WHERE NOT EXISTS (
    SELECT 1 FROM contract WHERE partner_id = $2
    AND daterange(starts_on, ends_on) && daterange($3::date, $4::date))
RETURNING version
"""

_OVERLAPPED = """
SELECT version, starts_on, ends_on FROM contract
WHERE partner_id = $1 AND daterange(starts_on, ends_on) && daterange($2::date, $3::date) ORDER BY version LIMIT 1
"""


async def sign_contract(
    work: UnitOfWork, partner_id: UUID, proposal: Proposal, home_currency: str, actor: str, now: datetime
) -> ContractView:
    """Record a signed contract as the partner's next version and return it; an approved partner becomes active by it.

    Nothing that was redeemed before changes: every redemption carries the version in force when it was made. Raises
    NotFound, TransitionRefusedError, InvalidField for contradicting terms, ContractOverlaps.
    """
    check_proposal(proposal, home_currency)
    before = await lock_partner(work, partner_id)
    after = PARTNER.after(before, "sign_contract")
    contract_id = uuid7(unix_ms=int(now.timestamp() * 1000))
    version = await work.fetchval(_INSERT, contract_id, partner_id, *_values(proposal), now, actor)
    if version is None:
        raise await _overlap(work, partner_id, proposal)
    await move(work, partner_id, actor, "sign_contract", before, after, None, now)
    signed = ContractSigned(partner_id, contract_id, version, proposal.starts_on, proposal.ends_on, now)
    await publish(work, [signed], now)
    await audit.record(
        work, actor, "contract.sign", f"contract:{contract_id}", now, partner_id=partner_id, version=version
    )
    fields = {name: getattr(proposal, name) for name in proposal.__struct_fields__}
    return ContractView(id=contract_id, partner_id=partner_id, version=version, partner_status=after, **fields)


def _values(proposal: Proposal) -> list[Any]:
    price, limit = proposal.settlement_price, proposal.max_settlement_price
    return [
        proposal.starts_on,
        proposal.ends_on,
        proposal.settlement_basis,
        None if price is None else price.amount,
        None if limit is None else limit.amount,
        proposal.commission_ppm,
        proposal.tax_rate_ppm,
        proposal.currency,
        proposal.cycle,
        proposal.payment_terms_days,
    ]


async def _overlap(work: UnitOfWork, partner_id: UUID, proposal: Proposal) -> ContractOverlaps:
    row = await work.fetchrow(_OVERLAPPED, partner_id, proposal.starts_on, proposal.ends_on)
    if row is None:  # cannot be: the partner's row is locked
        raise RuntimeError(f"the contract of partner {partner_id} was refused without an overlap")
    ends_on = row["ends_on"]
    return ContractOverlaps(
        version=row["version"], starts_on=str(row["starts_on"]), ends_on=None if ends_on is None else str(ends_on)
    )


async def end_contract(
    work: UnitOfWork,
    partner_id: UUID,
    contract_id: UUID,
    ends_on: date,
    reason: str,
    today: date,
    actor: str,
    now: datetime,
) -> ContractView:
    """Let a contract end earlier than it says and return it. `today` is the present business day.

    Raises NotFound, or InvalidField for a day that is past or not earlier.
    """
    status = await lock_partner(work, partner_id)
    current = next(
        (found for found in (await load_terms([partner_id]))[partner_id].contracts if found.contract_id == contract_id),
        None,
    )
    if current is None:
        raise NotFound
    check_end(current, ends_on, today)
    await work.execute("UPDATE contract SET ends_on = $2 WHERE id = $1", contract_id, ends_on)
    await move(work, partner_id, actor, "end_contract", status, status, reason, now)
    await publish(work, [ContractEnded(partner_id, contract_id, current.version, ends_on, now)], now)
    await audit.record(
        work,
        actor,
        "contract.end",
        f"contract:{contract_id}",
        now,
        before=current.ends_on,
        ends_on=ends_on,
        reason=reason,
    )
    rows = (await load_terms([partner_id]))[partner_id].contracts
    return view(partner_id, status, next(found for found in rows if found.contract_id == contract_id))


async def list_contracts(partner_id: UUID) -> list[ContractView]:
    """Return all versions of the partner's contract, by their first day. Raises NotFound."""
    terms = (await load_terms([partner_id])).get(partner_id)
    if terms is None:
        raise NotFound
    return [view(partner_id, terms.status, contract) for contract in terms.contracts]


def view(partner_id: UUID, status: str | PartnerStatus, contract: ContractTerms) -> ContractView:
    """Return a contract as it goes over the wire."""
    fields = {name: getattr(contract, name) for name in contract.__struct_fields__ if name != "contract_id"}
    return ContractView(id=contract.contract_id, partner_id=partner_id, partner_status=status, **fields)
