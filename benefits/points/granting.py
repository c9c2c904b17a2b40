"""Points that a partner grants a member: credited at the desk's own function and drawn from its prepaid packs, in one go."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec

from benefits.desk.batch import PointsDesk
from benefits.desk.errands import new_earn
from benefits.points.domain import AlreadyExpired, EarningRefusal, OccurredInFuture, ReferenceReused, UnknownMember
from benefits.points.events import PointsGranted
from benefits.points.schemas import EarningIn, EarningResults, Points
from marketplace.kernel.facts import Fact, NotFound
from marketplace.platform.database import UnitOfWork
from marketplace.platform.events import publish
from marketplace.platform.idempotency import Outcome
from partners.contracts.packs import draw, granting
from partners.contracts.terms import load_terms


class GrantIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Points that a partner grants a member. `reference` is the partner's own, unique for the member."""

    partner_id: UUID
    reference: Annotated[str, msgspec.Meta(min_length=1, max_length=60, pattern=r"^[\x21-\x7e]+$(?!\n)")]
    member_id: UUID
    points: Points
    occurred_at: Annotated[datetime, msgspec.Meta(tz=True)]


class GrantView(msgspec.Struct, frozen=True, kw_only=True):
    """What was granted; `balance` is the member's, `pack_balance` what the partner has left."""

    partner_id: UUID
    reference: str
    points: int
    balance: int | None
    pack_balance: int


class GrantedBefore(Fact):
    """The partner has granted the member these points under that reference already."""

    code = "granted_before"
    zh = "该 reference 的积分已发放。"
    en = "These points were granted before under this reference."


_REFUSALS: dict[str, type[EarningRefusal]] = {
    kind.code: kind for kind in (UnknownMember, ReferenceReused, OccurredInFuture, AlreadyExpired)
}


async def grant(work: UnitOfWork, desk: PointsDesk, wish: GrantIn, actor: str, now: datetime) -> GrantView:
    """Credit the member and draw the partner's pack, both or neither.

    The wallet is locked before the pack, as in every grant. Raises NotFound for an unknown partner, GrantsNotAgreed,
    EarningRefusal, GrantedBefore, PackExhausted.
    """
    partner = (await load_terms([wish.partner_id])).get(wish.partner_id)
    if partner is None:
        raise NotFound
    _, packs = granting(partner, desk.rules.calendar.day_of(now))
    reference = f"grant:{wish.partner_id.hex}:{wish.reference}"
    earning = EarningIn(reference, wish.member_id, wish.points, "activity", wish.occurred_at)
    errand = new_earn([earning], actor, int(now.timestamp() * 1000))
    (outcome,) = await desk.take_at(work, [errand], now)
    if not isinstance(outcome, Outcome):
        raise outcome
    (result,) = msgspec.json.decode(outcome.body, type=EarningResults).results
    if result.status == "refused":
        raise _REFUSALS[str(result.code)]
    if result.status == "replayed":
        raise GrantedBefore
    left = await draw(work, wish.partner_id, wish.points, packs, now)
    told = PointsGranted(wish.partner_id, wish.member_id, wish.reference, wish.points, left, now)
    await publish(work, [told], now)
    return GrantView(
        partner_id=wish.partner_id,
        reference=wish.reference,
        points=wish.points,
        balance=result.balance,
        pack_balance=left,
    )
