"""A partner registers an offer and changes it: each change is a new revision, and the old ones stay."""

from datetime import datetime
from uuid import UUID

import asyncpg
import msgspec

from benefits.offers.domain import (
    TRANSITIONS,
    OfferContent,
    OfferStatus,
    PointsNotAccepted,
    SettlementPriceMissing,
    SettlementPriceTooHigh,
    SkuTaken,
    check_content,
    unit_of,
)
from benefits.offers.events import OfferChanged
from benefits.offers.schemas import OfferInput
from benefits.offers.supply import change_stock, check_supply, new_stock
from benefits.offers.tables import OfferRevisionRow, OfferRow
from marketplace.kernel.calendar import Calendar
from marketplace.kernel.ids import uuid7
from marketplace.kernel.refusals import ChangedMeanwhile, InvalidField, NotFound, refuse_all
from marketplace.kernel.text import Title
from marketplace.platform.eventlog.events import publish
from marketplace.platform.http.etags import Editions
from marketplace.platform.http.merge_patch import Patch, patched
from marketplace.platform.postgres.database import DB, UnitOfWork
from partners.contracts.domain import PartnerTerms, contract_in_force
from partners.contracts.pricing import unit_price
from partners.contracts.terms import load_terms


class OfferRules(msgspec.Struct, frozen=True):
    """What an offer is held against."""

    calendar: Calendar
    currency: str
    stock_slices: int = 1


async def register(
    work: UnitOfWork,
    partner_id: UUID,
    offer: OfferInput,
    actor: str,
    rules: OfferRules,
    now: datetime,
    offer_id: UUID | None = None,
) -> UUID:
    """Create an offer as a draft with its first revision and its stock, and return its id.

    Raises InvalidField, SkuTaken, PointsNotAccepted, SettlementPriceMissing, SettlementPriceTooHigh.
    """
    content = offer.content()
    terms = await _partner(partner_id)
    offer_id = offer_id or uuid7(unix_ms=int(now.timestamp() * 1000))
    _check(offer_id, content, terms, rules, now)
    check_supply(content, offer.stock)
    try:
        async with work.nested():
            await work.run(
                OfferRow.insert(
                    OfferRow(
                        id=offer_id,
                        partner_id=partner_id,
                        sku=offer.sku,
                        status=OfferStatus.DRAFT,
                        revision=1,
                        version=1,
                        scenario=content.scenario,
                        price_points=content.price.points,
                        starts_at=content.sale.starts_at,
                        ends_at=content.sale.ends_at,
                        terms=content.search_terms(terms.name),
                        created_at=now,
                    )
                )
            )
    except asyncpg.UniqueViolationError as error:
        of_partner = OfferRow.select(OfferRow.id).where(OfferRow.partner_id == partner_id, OfferRow.sku == offer.sku)
        taken = await work.run(of_partner.first())
        raise SkuTaken(offer_id=str(taken and taken["id"])) from error
    await _write_revision(work, offer_id, 1, content, actor, now)
    if offer.stock is not None:
        await new_stock(work, offer_id, offer.stock, rules.stock_slices)
    return offer_id


async def edit(
    work: UnitOfWork,
    partner_id: UUID,
    offer_id: UUID,
    patch: Patch,
    editions: Editions,
    actor: str,
    rules: OfferRules,
    now: datetime,
) -> None:
    """Lay the patch over the offer, by a new revision, which is a draft again. `stock` is the new total.

    Raises NotFound, ChangedMeanwhile, WrongState by the transition table, InvalidField, StockBelowSold.
    """
    row = await work.fetchrow(
        "SELECT o.status, o.revision, o.version, o.sku, r.content,"
        " (SELECT sum(remaining + held + sold) FROM stock WHERE offer_id = o.id)::bigint AS stock FROM offer o"
        " JOIN offer_revision r ON r.offer_id = o.id AND r.revision = o.revision"
        " WHERE o.id = $1 AND o.partner_id = $2 FOR UPDATE OF o",
        offer_id,
        partner_id,
    )
    if row is None:
        raise NotFound
    if row["version"] not in editions:
        raise ChangedMeanwhile
    before = _as_registered(row)
    offer = patched(before, patch)
    refuse_all(
        InvalidField(name, "不可更改；请新建优惠。", "cannot be changed; register a new offer.")
        for name in ("sku", "codes")
        if getattr(offer, name) != getattr(before, name)
    )
    status = TRANSITIONS.after(OfferStatus(row["status"]), "edit")
    content, terms = offer.content(), await _partner(partner_id)
    _check(offer_id, content, terms, rules, now)
    check_supply(content, offer.stock)
    revision = row["revision"] + 1
    await work.execute(
        "UPDATE offer SET status = $2, revision = $3, version = version + 1, scenario = $4, price_points = $5,"
        " starts_at = $6, ends_at = $7, terms = $8, reason = '' WHERE id = $1",
        offer_id, status, revision, content.scenario, content.price.points, content.sale.starts_at,
        content.sale.ends_at, content.search_terms(terms.name),
    )  # fmt: skip
    await _write_revision(work, offer_id, revision, content, actor, now)
    if content.codes == "ours":
        await change_stock(work, offer_id, offer.stock, rules.stock_slices)


def _as_registered(row: asyncpg.Record) -> OfferInput:
    content = msgspec.convert(row["content"], OfferContent)
    said = {name: getattr(content, name) for name in OfferContent.__struct_fields__}
    # The codes of a pool are its stock, and no number of its own.
    said["stock"] = None if content.codes == "partner" else row["stock"]
    return OfferInput(sku=row["sku"], **said | {"title": Title(content.title.zh, content.title.en)})


async def _write_revision(
    work: UnitOfWork, offer_id: UUID, revision: int, content: OfferContent, actor: str, now: datetime
) -> None:
    await work.run(
        OfferRevisionRow.insert(
            OfferRevisionRow(
                offer_id=offer_id,
                revision=revision,
                content=msgspec.to_builtins(content),
                created_at=now,
                created_by=actor,
            )
        )
    )


async def _partner(partner_id: UUID) -> PartnerTerms:
    terms = (await load_terms([partner_id])).get(partner_id)
    if terms is None:
        raise NotFound
    return terms


def _check(offer_id: UUID, content: OfferContent, terms: PartnerTerms, rules: OfferRules, now: datetime) -> None:
    check_content(content, rules.currency)
    _check_contract(offer_id, content, terms, rules, now)


def _check_contract(
    offer_id: UUID, content: OfferContent, terms: PartnerTerms, rules: OfferRules, now: datetime
) -> None:
    """Hold an offer against the contract in force; a partner that has none yet may prepare drafts."""
    contract = contract_in_force(terms, rules.calendar.day_of(now))
    if contract is None:
        return
    if contract.role == "grants_points":
        raise PointsNotAccepted(version=contract.version)
    price, most = unit_price(contract, unit_of(offer_id, content)), contract.max_settlement_price
    if price is None:
        raise SettlementPriceMissing
    if most is not None and price > most.amount:
        raise SettlementPriceTooHigh(wanted=price, found=most.amount)


async def check_before_sale(offer_id: UUID, rules: OfferRules, now: datetime) -> None:
    """Hold an offer against the contract of today once more: it may be newer than the offer.

    Called inside the unit of work of the approval. Raises NotFound, PointsNotAccepted, SettlementPriceMissing,
    SettlementPriceTooHigh.
    """
    row = await DB.fetchrow(
        "SELECT o.partner_id, r.content FROM offer o JOIN offer_revision r ON r.offer_id = o.id AND r.revision = o.revision"
        " WHERE o.id = $1",
        offer_id,
    )
    if row is None:
        raise NotFound
    content = msgspec.convert(row["content"], OfferContent)
    _check_contract(offer_id, content, await _partner(row["partner_id"]), rules, now)


async def take_own_step(work: UnitOfWork, partner_id: UUID, offer_id: UUID, action: str, now: datetime) -> OfferStatus:
    """Take one of the partner's offers a step, as `take_step` does. Raises NotFound, also for another's, and WrongState."""
    if (
        await work.fetchval("SELECT 1 FROM offer WHERE partner_id = $1 AND id = $2 FOR UPDATE", partner_id, offer_id)
        is None
    ):
        raise NotFound
    return await take_step(work, offer_id, action, now)


async def take_step(work: UnitOfWork, offer_id: UUID, action: str, now: datetime, *, reason: str = "") -> OfferStatus:
    """Take an offer one step along its transition table and return where it stands.

    Raises NotFound and, by the table, WrongState.
    """
    row = await work.fetchrow("SELECT status, partner_id, revision FROM offer WHERE id = $1 FOR UPDATE", offer_id)
    if row is None:
        raise NotFound
    status = TRANSITIONS.after(OfferStatus(row["status"]), action)
    await work.execute(
        "UPDATE offer SET status = $2, version = version + 1, reason = $3,"
        " published_at = CASE WHEN $2 = 'live' THEN coalesce(published_at, $4) ELSE published_at END WHERE id = $1",
        offer_id, str(status), reason, now,
    )  # fmt: skip
    change = OfferChanged(
        offer_id=offer_id,
        partner_id=row["partner_id"],
        revision=row["revision"],
        action=action,
        status=str(status),
        reason=reason,
        at=now,
    )
    await publish(work, [change], now)
    return status
