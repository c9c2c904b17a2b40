"""May this member give points to that one. Pure."""

from datetime import datetime
from uuid import UUID

import msgspec

from benefits.points.domain import InsufficientPoints, MemberState, Posting, UnknownMember, expire_due, give
from benefits.points.events import PointsGiven
from benefits.rules import PointsRules
from marketplace.kernel.refusals import Explanation, NotFound, Refusal
from marketplace.kernel.text import Text


class CannotGive(Refusal):
    """The giver or the recipient is not an active member."""

    code = "not_eligible"
    zh = "赠送方与受赠方均须为正常状态的会员。"
    en = "Both must be active members."
    explanation = Explanation(
        Text("会员的状态或等级不符合要求。", "The member's status or tier does not qualify."),
        Text("请查看 reasons 中的要求。", "See the requirement in `reasons`."),
    )


class DecidedGift(msgspec.Struct, frozen=True):
    """A gift: everything that has to be posted, and the giver's balance after it."""

    postings: list[Posting]
    event: PointsGiven
    balance: int


def decide_gift(
    giver: MemberState | None,
    recipient: MemberState | None,
    points: int,
    ids: tuple[UUID, UUID, UUID, UUID],
    rules: PointsRules,
    now: datetime,
) -> DecidedGift:
    """Move the points from wallet to wallet. `ids` are those of the two expiries and of the two transactions.

    Raises NotFound, UnknownMember, CannotGive, InsufficientPoints.
    """
    if giver is None:
        raise NotFound
    if recipient is None:
        raise UnknownMember
    if not (giver.active and recipient.active):
        raise CannotGive
    today = rules.calendar.day_of(now)
    usable = sum(left for day, left in giver.wallet.lots.items() if day > today)
    if points > usable:
        raise InsufficientPoints(wanted=points, found=usable)
    expired = [*expire_due(giver.wallet, ids[0], today, now), *expire_due(recipient.wallet, ids[1], today, now)]
    postings = give(giver.wallet, recipient.wallet, points, (ids[2], ids[3]), now)
    event = PointsGiven(
        member_id=giver.wallet.member_id,
        recipient_id=recipient.wallet.member_id,
        transaction_id=ids[2],
        points=points,
        given_at=now,
    )
    return DecidedGift([*expired, *postings], event, giver.wallet.balance)
