"""Points that a partner grants a member: credited by a batch of the desk's and drawn from its prepaid packs, or owed for.

All in one go. What is owed is frozen in the event; the money book posts it from there.
"""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec

from benefits.desk.batch import PointsBatch
from benefits.points.commands import new_credit
from benefits.points.domain import AlreadyExpired, EarningRefusal, OccurredInFuture, ReferenceReused, UnknownMember
from benefits.points.events import GrantTerms, PointsGranted
from benefits.points.schemas import EarningInput, EarningResults, Points
from marketplace.kernel.money import Money
from marketplace.kernel.refusals import Explanation, NotFound, Refusal
from marketplace.kernel.text import Text, marked
from marketplace.platform.eventlog.events import publish
from marketplace.platform.http.idempotency import Outcome
from marketplace.platform.postgres.database import UnitOfWork
from partners.contracts.domain import ContractTerms
from partners.contracts.packs import draw, granting
from partners.contracts.pricing import grant_price
from partners.contracts.terms import load_terms

GrantReference = Annotated[
    str,
    msgspec.Meta(
        min_length=1,
        max_length=60,
        pattern=r"^[\x21-\x7e]+$(?!\n)",
        extra=marked(
            words=(" 1 至 60 个可见的 ASCII 字符，不含空格", "1 to 60 visible ASCII characters without blanks")
        ),
    ),
]


class PointsGrantInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Points that a partner grants a member. `reference` is the partner's own, unique for the member."""

    partner_id: UUID
    reference: GrantReference
    member_id: UUID
    points: Points
    occurred_at: Annotated[datetime, msgspec.Meta(tz=True)]


class PointsGrantView(msgspec.Struct, frozen=True, kw_only=True):
    """What was granted; `balance` is the member's. `pack_balance` is what the partner has left, `owed` what it owes for it,
    tax contained: the one of them by which it pays.
    """

    partner_id: UUID
    reference: str
    points: int
    balance: int | None
    pack_balance: int | None
    owed: Money | None


class GrantedBefore(Refusal):
    """The partner has granted the member these points under that reference already."""

    code = "granted_before"
    zh = "该 reference 的积分已发放。"
    en = "These points were granted before under this reference."
    explanation = Explanation(
        Text("同一 reference 的积分已经发放。", "Points were already granted under this reference."),
        Text("无需处理；新的发放请使用新的 reference。", "Nothing to do. Use a new reference for a new grant."),
    )


_REFUSALS: dict[str, type[EarningRefusal]] = {
    kind.code: kind for kind in (UnknownMember, ReferenceReused, OccurredInFuture, AlreadyExpired)
}


async def grant(
    work: UnitOfWork, batch: PointsBatch, request: PointsGrantInput, actor: str, now: datetime
) -> PointsGrantView:
    """Credit the member and draw the partner's pack, or note what it owes: both or neither.

    The wallet is locked before the pack, as in every grant. Raises NotFound for an unknown partner, GrantsNotAgreed,
    EarningRefusal, GrantedBefore, PackExhausted.
    """
    partner = (await load_terms([request.partner_id])).get(request.partner_id)
    if partner is None:
        raise NotFound
    contract = granting(partner, batch.rules.calendar.day_of(now))
    reference = f"grant:{request.partner_id.hex}:{request.reference}"
    earning = EarningInput(reference, request.member_id, request.points, "activity", request.occurred_at)
    command = new_credit([earning], actor, int(now.timestamp() * 1000))
    (outcome,) = await batch.run_at(work, [command], now)
    if not isinstance(outcome, Outcome):
        raise outcome
    (result,) = msgspec.json.decode(outcome.body, type=EarningResults).results
    if result.status == "refused":
        raise _REFUSALS[str(result.code)]
    if result.status == "replayed":
        raise GrantedBefore
    left, owed = None, None
    if contract.packs is None:
        owed = _owed(contract, request.points)
    else:
        left = await draw(work, request.partner_id, request.points, contract.packs, now)
    ((_, transaction_id),) = command.ids
    granted = PointsGranted(
        partner_id=request.partner_id,
        member_id=request.member_id,
        reference=request.reference,
        points=request.points,
        pack_balance=left,
        granted_at=now,
        transaction_id=transaction_id,
        settlement=owed,
    )
    await publish(work, [granted], now)
    return PointsGrantView(
        partner_id=request.partner_id,
        reference=request.reference,
        points=request.points,
        balance=result.balance,
        pack_balance=left,
        owed=None if owed is None else Money(owed.amount_minor, owed.currency),
    )


def _owed(contract: ContractTerms, points: int) -> GrantTerms:
    return GrantTerms(
        contract_id=contract.contract_id,
        contract_version=contract.version,
        amount_minor=grant_price(contract, points),
        currency=contract.currency,
        tax_rate_ppm=contract.tax_rate_ppm,
        cycle=contract.cycle,
        zone=contract.time_zone or "",
    )
