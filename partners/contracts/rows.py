"""Rows of contracts, locked and read; and their views."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from marketplace.kernel.refusals import NotFound
from marketplace.platform.postgres.database import DB, UnitOfWork
from partners.contracts.agreement import ContractContent
from partners.contracts.difference import difference
from partners.contracts.domain import ContractStatus, ContractTerms, Method, Party, Signature
from partners.contracts.schemas import ContractDifference, ContractView, SignatureView
from partners.contracts.tables import ContractRow
from partners.registry.tables import PartnerRow

_OF_PARTNER = """
SELECT c.*, p.status AS partner_status FROM contract c JOIN partner p ON p.id = c.partner_id
WHERE c.partner_id = $1 AND ($2::uuid IS NULL OR c.id = $2) AND ($3 OR c.offered_at IS NOT NULL)
ORDER BY c.starts_on, c.version
"""

_PROPOSED = tuple(
    name
    for name in ContractContent.__struct_fields__
    if name not in {"format", "partner_id", "parties", "version", "ends_on"}
)


async def lock_contract(work: UnitOfWork, partner_id: UUID, contract_id: UUID | None) -> asyncpg.Record:
    """Lock and return a contract of the partner, which is locked. Raises NotFound, also for another partner's."""
    row = await work.fetchrow(
        "SELECT * FROM contract WHERE id = $1 AND partner_id = $2 FOR UPDATE", contract_id, partner_id
    )
    if row is None:
        raise NotFound
    return row


async def signatures_of(contract_ids: Iterable[UUID]) -> dict[UUID, list[asyncpg.Record]]:
    """Return the signatures of the contracts in order of time."""
    rows = await DB.fetch(
        "SELECT * FROM contract_signature WHERE contract_id = ANY($1::uuid[]) ORDER BY signed_at, party",
        list(contract_ids),
    )
    found: dict[UUID, list[asyncpg.Record]] = {}
    for row in rows:
        found.setdefault(row["contract_id"], []).append(row)
    return found


async def standing_signatures(contract_id: UUID) -> list[Signature]:
    """Return the sides that have signed."""
    rows = (await signatures_of([contract_id])).get(contract_id, [])
    return [Signature(party=Party(row["party"]), actor=row["actor"]) for row in rows]


async def list_contracts(partner_id: UUID, *, staff: bool) -> list[ContractView]:
    """Return the partner's versions by start date; for the partner itself, the offered ones.

    Raises NotFound if there is no such partner.
    """
    rows = await DB.fetch(_OF_PARTNER, partner_id, None, staff)
    if not rows and not await PartnerRow.exists().where(PartnerRow.id == partner_id):
        raise NotFound
    return await _views(rows, staff=staff)


async def get_contract(partner_id: UUID, contract_id: UUID | None, *, staff: bool) -> tuple[ContractView, int]:
    """Return one version and its edition, which is its ETag. Raises NotFound."""
    rows = [] if contract_id is None else await DB.fetch(_OF_PARTNER, partner_id, contract_id, staff)
    if not rows:
        raise NotFound
    (view,) = await _views(rows, staff=staff)
    return view, rows[0]["edition"]


async def seen(partner_id: UUID, contract_id: UUID, *, staff: bool) -> ContractView:
    """Return one version. Raises NotFound."""
    return (await get_contract(partner_id, contract_id, staff=staff))[0]


async def _views(rows: Sequence[asyncpg.Record], *, staff: bool) -> list[ContractView]:
    signatures = await signatures_of(row["id"] for row in rows)
    return [_view(row, signatures.get(row["id"], []), staff=staff) for row in rows]


def _view(row: asyncpg.Record, signatures: Sequence[asyncpg.Record], *, staff: bool) -> ContractView:
    content = content_of(row)
    fields = {name: getattr(content, name) for name in _PROPOSED}
    return ContractView(
        **fields,
        ends_on=row["ends_on"],
        id=row["id"],
        partner_id=row["partner_id"],
        parties=content.parties,
        version=row["version"],
        status=ContractStatus(row["status"]),
        content=row["content"],
        content_hash=row["content_hash"],
        signatures=[_signature(signature, staff=staff) for signature in signatures],
        drafted_at=row["drafted_at"],
        offered_at=row["offered_at"],
        signed_at=row["signed_at"],
        partner_status=row["partner_status"],
    )


def _signature(row: asyncpg.Record, *, staff: bool) -> SignatureView:
    """Return a signature's view; the OEM's person is shown to the OEM only."""
    values: dict[str, Any] = {name: row[name] for name in SignatureView.__struct_fields__}
    values |= {"party": Party(row["party"]), "method": Method(row["method"])}
    if not staff and (values["party"] is Party.OEM or values["method"] is not Method.API):
        values["actor"] = None
    return SignatureView(**values)


def content_of(row: Mapping[str, Any]) -> ContractContent:
    """Return the signed content of a row."""
    return msgspec.json.decode(row["content"], type=ContractContent)


def terms_of(row: asyncpg.Record) -> ContractTerms:
    """Return a row (`id`, `ends_on`, `content`) as terms, with its current end."""
    content = content_of(row)
    fields = {name: getattr(content, name) for name in _PROPOSED}
    return ContractTerms(**fields, ends_on=row["ends_on"], contract_id=row["id"], version=content.version)


async def difference_of(partner_id: UUID, contract_id: UUID | None, *, staff: bool) -> ContractDifference:
    """Return the difference to the previous version that both sides had signed. Raises NotFound."""
    view, _ = await get_contract(partner_id, contract_id, staff=staff)
    row = (
        await ContractRow.select(ContractRow.version, ContractRow.content)
        .where(
            ContractRow.partner_id == partner_id,
            ContractRow.version < view.version,
            ContractRow.signed_at.is_not_null(),
        )
        .order_by(ContractRow.version, ascending=False)
        .first()
    )
    after = msgspec.json.decode(view.content, type=ContractContent)
    before = None if row is None else content_of(row)
    return ContractDifference(view.id, view.version, row["version"] if row else None, difference(before, after))
