"""Prepaid packs of points: bought by a partner, recorded by finance, used by its grants."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

import msgspec

from marketplace.kernel.ids import uuid7
from marketplace.kernel.refusals import Explanation, NotFound, Refusal
from marketplace.kernel.text import Text
from marketplace.platform.eventlog import audit
from marketplace.platform.eventlog.events import publish
from marketplace.platform.postgres.database import UnitOfWork
from partners.contracts.agreement import Packs
from partners.contracts.domain import ContractTerms, PartnerTerms, contract_in_force
from partners.contracts.events import PointPackLow
from partners.contracts.tables import PointPackRow
from partners.contracts.terms import load_terms
from partners.fields import OneLine
from partners.registry.history import lock_partner


class BoughtPacks(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The number of packs paid for, and the bank's reference of the payment."""

    packs: Annotated[int, msgspec.Meta(ge=1, le=1000)]
    reference: OneLine


class PackBalance(msgspec.Struct, frozen=True, kw_only=True):
    """A partner's prepaid points."""

    bought: int
    granted: int
    balance: int


class NoPacks(Refusal):
    """The contract in force sells no packs to the partner."""

    code = "no_packs"
    zh = "当前没有生效的、约定预付积分包的合同。"
    en = "No contract with prepaid packs is in force."
    explanation = Explanation(
        Text("当前没有约定预付积分包的合同。", "No contract with prepaid point packs is in force."),
        Text("请先签订含预付积分包的合同。", "Agree on a contract with prepaid packs first."),
    )


class GrantsNotAgreed(Refusal):
    """No contract in force today lets the partner grant points, prepaid or postpaid."""

    code = "grants_not_agreed"
    zh = "该合作方当前没有生效的、可发放积分的合同。"
    en = "The partner has no contract in force by which it grants points."
    explanation = Explanation(
        Text(
            "该合作方没有生效的、可发放积分的合同。", "The partner has no contract in force that lets it grant points."
        ),
        Text("请先签订含积分发放条款的合同。", "Agree on a contract with terms for granting points first."),
    )


class PaymentRecorded(Refusal):
    """The bank's reference is already recorded for the partner: one transfer cannot buy twice."""

    code = "payment_recorded"
    zh = "该付款（{reference}）已登记过。"
    en = "The payment {reference} is recorded already."
    explanation = Explanation(
        Text("该笔付款已登记过。", "The payment has already been recorded."),
        Text("请核对 reference。", "Check the reference."),
    )


class PackExhausted(Refusal):
    """The prepaid balance is too low."""

    code = "pack_exhausted"
    zh = "预付积分不足：需要 {wanted}，余额 {found}。"
    en = "Not enough prepaid points: {wanted} wanted, {found} left."
    explanation = Explanation(
        Text("预付积分余额不足。", "The prepaid points are not enough."),
        Text("请购买新的积分包后重试。", "Buy another pack and try again."),
    )


def granting(partner: PartnerTerms, today: date) -> ContractTerms:
    """Return the contract by which the partner grants points today, with packs or postpaid. Raises GrantsNotAgreed."""
    contract = contract_in_force(partner, today)
    if partner.status != "active" or contract is None or contract.role == "accepts_points":
        raise GrantsNotAgreed
    if contract.packs is None and contract.grant_per_point_micros is None:
        raise GrantsNotAgreed
    return contract


async def buy(
    work: UnitOfWork, partner_id: UUID, bought: BoughtPacks, today: date, actor: str, now: datetime
) -> PackBalance:
    """Record paid packs at the price of the contract in force, and return the balance.

    Raises NotFound, NoPacks, PaymentRecorded.
    """
    await lock_partner(work, partner_id)
    contract = contract_in_force((await load_terms([partner_id]))[partner_id], today)
    if contract is None or contract.packs is None:
        raise NoPacks
    points, price = bought.packs * contract.packs.points, bought.packs * contract.packs.price.amount
    written = await work.fetchval(
        "INSERT INTO point_pack_entry (partner_id, id, contract_id, packs, points, price_minor, currency, reference,"
        " recorded_by, recorded_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
        " ON CONFLICT ON CONSTRAINT point_pack_entry_reference DO NOTHING RETURNING true",
        partner_id, uuid7(unix_ms=int(now.timestamp() * 1000)), contract.contract_id, bought.packs, points, price,
        contract.currency, bought.reference, actor, now,
    )  # fmt: skip
    if written is None:
        raise PaymentRecorded(reference=bought.reference)
    await work.execute(
        "INSERT INTO point_pack AS p (partner_id, bought, balance) VALUES ($1, $2, $2) ON CONFLICT (partner_id)"
        " DO UPDATE SET bought = p.bought + $2, balance = p.balance + $2, warned = p.warned AND p.balance + $2 < $3",
        partner_id, points, contract.packs.low_balance_points,
    )  # fmt: skip
    await audit.record(
        work, actor, "point_pack.buy", f"partner:{partner_id}", now,
        packs=bought.packs, points=points, price_minor=price, reference=bought.reference,
    )  # fmt: skip
    return await get_packs(partner_id)


async def draw(work: UnitOfWork, partner_id: UUID, points: int, packs: Packs, now: datetime) -> int:
    """Deduct granted points from the prepaid balance and return the new balance; the guard is in the update.

    Below the contract's warning level the partner is notified once, and again only after the balance was above it. Raises
    PackExhausted.
    """
    row = await work.fetchrow(
        "UPDATE point_pack p SET granted = p.granted + $2, balance = p.balance - $2, warned = p.balance - $2 < $3"
        " FROM (SELECT warned FROM point_pack WHERE partner_id = $1 FOR UPDATE) AS before"
        " WHERE p.partner_id = $1 AND p.balance >= $2 RETURNING p.balance, p.warned AND NOT before.warned AS warn",
        partner_id, points, packs.low_balance_points,
    )  # fmt: skip
    if row is None:
        found = await _balance(partner_id)
        raise PackExhausted(wanted=points, found=0 if found is None else found.balance)
    left: int = row["balance"]
    if row["warn"]:
        await publish(work, [PointPackLow(partner_id, left, packs.low_balance_points, now)], now)
    return left


async def get_packs(partner_id: UUID) -> PackBalance:
    """Return the partner's prepaid points. Raises NotFound if none were ever bought."""
    found = await _balance(partner_id)
    if found is None:
        raise NotFound
    return found


async def _balance(partner_id: UUID) -> PackBalance | None:
    row = (
        await PointPackRow.select(PointPackRow.bought, PointPackRow.granted, PointPackRow.balance)
        .where(PointPackRow.partner_id == partner_id)
        .first()
    )
    return None if row is None else PackBalance(**row)
