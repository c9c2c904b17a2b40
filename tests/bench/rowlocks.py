"""The other yardstick: the usual handler, one transaction a request, the rows locked with SELECT … FOR UPDATE.

The same tables, the same checks and the same rows written as at the desk, so that its books must satisfy the same invariants.
"""

from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec
from litestar import Response, post
from litestar.di import NamedDependency
from litestar.params import JSONBody

from benefits.members.resolve import MemberCaller
from benefits.offers.cache import OfferCache
from benefits.offers.domain import OfferTerms
from benefits.redemptions.domain import voucher_end
from benefits.redemptions.events import RedemptionIssued, SettlementTerms
from benefits.redemptions.schemas import RedemptionInput, RedemptionView, VoucherRef
from marketplace.kernel.codes import new_code
from marketplace.kernel.ids import bucket_of, uuid7
from marketplace.kernel.refusals import NotFound, Refusal
from marketplace.platform.eventlog.events import publish
from marketplace.platform.http.idempotency import IdempotencyKey, Key, Outcome, key_for, settle
from marketplace.platform.postgres.database import UnitOfWork, unit_of_work
from marketplace.settings import Settings
from partners.contracts.domain import contract_in_force
from tests.support.today import sql_now


class Refused(Refusal):
    """The redemption is refused."""

    code = "refused"
    zh = "无法兑换（{why}）。"
    en = "It cannot be redeemed ({why})."


class _Request(msgspec.Struct):
    """A request with the ids that it will have."""

    member_id: UUID
    bucket: int
    offer_id: UUID
    quantity: int
    redemption_id: UUID
    voucher_id: UUID
    code: str


@post("/v1/row-locks", include_in_schema=False)
async def row_locks(
    data: JSONBody[RedemptionInput],
    member: NamedDependency[MemberCaller],
    key: IdempotencyKey,
    offer_cache: NamedDependency[OfferCache],
    settings: NamedDependency[Settings],
) -> Response[bytes]:
    """Redeem in one transaction of its own."""
    bucket = bucket_of(member.id)
    whole_key = key_for(member.actor, key, "POST /v1/row-locks", data, bucket)
    request = _Request(
        member.id, bucket, data.offer_id, data.quantity, uuid7(bucket), uuid7(bucket), new_code(bucket)
    )  # fmt: skip
    async with unit_of_work() as work:
        outcome = await _redeem(work, request, whole_key, offer_cache, settings)
    return outcome.response()


async def _redeem(work: UnitOfWork, request: _Request, key: Key, cache: OfferCache, settings: Settings) -> Outcome:
    wallet = await work.fetchrow(
        f"SELECT w.balance, m.status, {sql_now()} AS now FROM wallet w"
        " JOIN member m ON m.bucket = w.bucket AND m.id = w.member_id"
        " WHERE w.bucket = $1 AND w.member_id = $2 FOR UPDATE OF w",
        request.bucket, request.member_id,
    )  # fmt: skip
    known = await work.fetchrow(
        "SELECT fingerprint, status, body FROM idempotency WHERE bucket = $1 AND caller = $2 AND key = $3",
        key.bucket, key.caller, key.key,
    )  # fmt: skip
    if known is not None:
        return settle(known["fingerprint"], Outcome(known["status"], known["body"]), key.fingerprint)
    lots = await work.fetch(
        "SELECT expires_on, points FROM lot WHERE bucket = $1 AND member_id = $2 AND points > 0"
        " ORDER BY expires_on FOR UPDATE",
        request.bucket, request.member_id,
    )  # fmt: skip
    offer = (await cache.terms(work, [request.offer_id])).get(request.offer_id)
    if offer is None or wallet is None:
        raise NotFound
    now: datetime = wallet["now"]
    today = settings.calendar.day_of(now)
    stock = await work.fetchrow(
        "SELECT slice, remaining FROM stock WHERE offer_id = $1 ORDER BY slice LIMIT 1 FOR UPDATE", request.offer_id
    )
    used = await work.fetchval(
        'SELECT used FROM limit_used WHERE bucket = $1 AND member_id = $2 AND offer_id = $3 AND "window" = $4',
        request.bucket, request.member_id, request.offer_id, "ever",
    ) or 0  # fmt: skip
    points = offer.content.price.points * request.quantity
    _check(offer, request, wallet, stock, used, points, today, now)
    settlement = _settlement(offer, request.quantity, today)
    expires_at = voucher_end(settings.calendar, now, offer.content.voucher_days)
    await _move_points(work, request, offer, lots, points, now)
    if stock is not None:
        await work.execute(
            "UPDATE stock SET remaining = remaining - $3, sold = sold + $3 WHERE offer_id = $1 AND slice = $2",
            request.offer_id, stock["slice"], request.quantity,
        )  # fmt: skip
    await _write(work, request, offer, points, stock and stock["slice"], settlement, expires_at, now)
    view = RedemptionView(
        id=request.redemption_id,
        status="issued",
        offer_id=request.offer_id,
        revision=offer.revision,
        quantity=request.quantity,
        points=points,
        cash=None,
        redeemed_at=now,
        voucher=VoucherRef(request.voucher_id, request.code, "issued", expires_at, []),
    )
    body = msgspec.json.encode(view)
    await work.execute(
        "INSERT INTO idempotency (bucket, caller, key, fingerprint, status, body, created_at)"
        " VALUES ($1, $2, $3, $4, 201, $5, $6)",
        key.bucket, key.caller, key.key, key.fingerprint, body, now,
    )  # fmt: skip
    return Outcome(201, body)


def _check(
    offer: OfferTerms, request: _Request, wallet: Any, stock: Any, used: int, points: int, today: date, now: datetime
) -> None:
    sale, most = offer.content.sale, offer.content.per_member
    reasons = {
        "live": offer.status == "live" and offer.partner.status == "active",
        "begun": now >= sale.starts_at and (sale.ends_at is None or now < sale.ends_at),
        "contract": contract_in_force(offer.partner, today) is not None,
        "active": wallet["status"] == "active",
        "limit": most is None or used + request.quantity <= most,
        "stock": not offer.limited or stock["remaining"] >= request.quantity,
        "points": wallet["balance"] >= points,
    }
    failing = [name for name, holds in reasons.items() if not holds]
    if failing:
        raise Refused(why=failing[0])


def _settlement(offer: OfferTerms, quantity: int, today: date) -> SettlementTerms:
    contract = contract_in_force(offer.partner, today)
    assert contract is not None
    price = offer.content.settlement_price or contract.settlement_price
    assert price is not None
    return SettlementTerms(
        contract_id=contract.contract_id,
        contract_version=contract.version,
        basis=contract.settlement_basis,
        amount_minor=price.amount * quantity,
        currency=price.currency,
        tax_rate_ppm=contract.tax_rate_ppm,
    )


async def _move_points(
    work: UnitOfWork, request: _Request, offer: OfferTerms, lots: list[Any], points: int, now: datetime
) -> None:
    await work.execute(
        "UPDATE wallet SET balance = balance - $3 WHERE bucket = $1 AND member_id = $2",
        request.bucket, request.member_id, points,
    )  # fmt: skip
    left = points
    for line, lot in enumerate(lots, start=1):
        part = min(left, lot["points"])
        if part == 0:
            break
        left -= part
        await work.execute(
            "UPDATE lot SET points = points - $4 WHERE bucket = $1 AND member_id = $2 AND expires_on = $3",
            request.bucket, request.member_id, lot["expires_on"], part,
        )  # fmt: skip
        await work.execute(
            "INSERT INTO points_posting (bucket, transaction_id, line, member_id, code, source, destination,"
            " counterparty, expires_on, points, occurred_at)"
            " VALUES ($1, $2, $3, $4, 'redemption', 'wallet', 'partner', $5, $6, $7, $8)",
            request.bucket, request.redemption_id, line, request.member_id, offer.partner_id, lot["expires_on"], part, now,
        )  # fmt: skip


async def _write(
    work: UnitOfWork,
    request: _Request,
    offer: OfferTerms,
    points: int,
    part: int | None,
    settlement: SettlementTerms,
    expires_at: datetime,
    now: datetime,
) -> None:
    await work.execute(
        'INSERT INTO limit_used (bucket, member_id, offer_id, "window", used) VALUES ($1, $2, $3, \'ever\', $4)'
        ' ON CONFLICT (bucket, member_id, offer_id, "window") DO UPDATE SET used = limit_used.used + excluded.used',
        request.bucket, request.member_id, request.offer_id, request.quantity,
    )  # fmt: skip
    await work.execute(
        "INSERT INTO redemption (bucket, id, member_id, offer_id, revision, partner_id, quantity, points, slice,"
        " windows, settlement, status, redeemed_at, reason, voucher_id)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, ARRAY['ever'], $10, 'issued', $11, '', $12)",
        request.bucket, request.redemption_id, request.member_id, request.offer_id, offer.revision, offer.partner_id,
        request.quantity, points, part, msgspec.to_builtins(settlement), now, request.voucher_id,
    )  # fmt: skip
    await work.execute(
        "INSERT INTO voucher (bucket, id, code, redemption_id, member_id, partner_id, offer_id, revision, quantity,"
        " status, expires_at, location_id, reference)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'issued', $10, '', '')",
        request.bucket, request.voucher_id, request.code, request.redemption_id, request.member_id, offer.partner_id,
        request.offer_id, offer.revision, request.quantity, expires_at,
    )  # fmt: skip
    event = RedemptionIssued(
        redemption_id=request.redemption_id,
        voucher_id=request.voucher_id,
        member_id=request.member_id,
        partner_id=offer.partner_id,
        offer_id=request.offer_id,
        revision=offer.revision,
        quantity=request.quantity,
        points=points,
        settlement=settlement,
        issued_at=now,
    )
    await publish(work, [event], now)
