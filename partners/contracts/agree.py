"""A contract agreed outside of the program, taken through all of its steps: for the demo, sandboxes and tests."""

from datetime import date, datetime
from uuid import UUID

from marketplace.platform.postgres.database import UnitOfWork
from partners.contracts.agreement import Proposal
from partners.contracts.domain import Party
from partners.contracts.draft import draft_contract, offer_contract
from partners.contracts.schemas import ContractView
from partners.contracts.sign import Signing, paper, sign_contract


async def agree(
    work: UnitOfWork,
    partner_id: UUID,
    proposal: Proposal,
    home_currency: str,
    oem: str,
    people: tuple[str, str],
    document_reference: str,
    today: date,
    now: datetime,
) -> ContractView:
    """Draft, offer, sign for the OEM, and record the partner's signature from paper; return the signed contract.

    The steps and guards are those of the API. `people` are two of operations: the first drafts and signs, the second records.
    The paper is dated on the first day of the contract or on `today`, the business day, whichever is earlier.
    """
    drafter, recorder = people
    draft = await draft_contract(work, partner_id, proposal, home_currency, oem, drafter, now)
    await offer_contract(work, partner_id, draft.id, today, drafter, now)
    ours = Signing(party=Party.OEM, content_hash=draft.content_hash, actor=drafter)
    await sign_contract(work, partner_id, draft.id, ours, today, now)
    signed_on: date = min(today, proposal.starts_on)
    theirs = paper(draft.content_hash, recorder, "legal representative", signed_on, document_reference)
    return await sign_contract(work, partner_id, draft.id, theirs, today, now)
