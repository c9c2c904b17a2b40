"""May this earning be credited. Pure: what the reference, the clock and the lot's lifetime say."""

from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from benefits.points.domain import (
    Account,
    AlreadyExpired,
    EarningRefusal,
    LotPart,
    MemberState,
    OccurredInFuture,
    PointsPostingCode,
    Posting,
    ReferenceReused,
    UnknownMember,
    expire_due,
    expiry_day,
)
from benefits.points.events import PointsCredited
from benefits.points.schemas import EarningInput, EarningResult
from benefits.rules import PointsRules
from marketplace.kernel.refusals import InvalidFields
from marketplace.kernel.text import Text
from marketplace.platform.http.bodies import UnfitItem

_CLOCK_SKEW = timedelta(minutes=5)
"""How far an OEM system's clock may run ahead of ours."""


class CreditedEarning(msgspec.Struct, frozen=True):
    """What became of an earning; without `event` nothing was credited."""

    result: EarningResult
    postings: list[Posting]
    event: PointsCredited | None = None


def decide_credit(
    earning: EarningInput,
    member: MemberState | None,
    before: EarningInput | None,
    ids: tuple[UUID, UUID],
    rules: PointsRules,
    now: datetime,
) -> CreditedEarning:
    """Credit the earning to the member's wallet, or say why not.

    `before` is what the member has under that reference already; `ids` are those of the expiry and of the earning.
    """
    if member is None:
        return _refused(earning, UnknownMember, None)
    if before is not None:
        same = (before.points, before.kind, before.occurred_at) == (earning.points, earning.kind, earning.occurred_at)
        if not same:
            return _refused(earning, ReferenceReused, member)
        return CreditedEarning(EarningResult(earning.reference, "replayed", None, member.wallet.balance), [])
    expires_on = expiry_day(earning.occurred_at, rules.calendar, rules.lifetime_months)
    today = rules.calendar.day_of(now)
    refusal = _refusal(earning, expires_on <= today, now)
    if refusal is not None:
        return _refused(earning, refusal, member)
    expired = expire_due(member.wallet, ids[0], today, now)
    member.wallet.put(LotPart(expires_on, earning.points))
    credited = Posting(
        transaction_id=ids[1],
        member_id=earning.member_id,
        code=PointsPostingCode.EARNING,
        source=Account.PROGRAMME,
        destination=Account.WALLET,
        expires_on=expires_on,
        points=earning.points,
        occurred_at=now,
    )
    event = PointsCredited(
        member_id=earning.member_id,
        transaction_id=ids[1],
        reference=earning.reference,
        kind=earning.kind,
        points=earning.points,
        occurred_at=earning.occurred_at,
    )
    result = EarningResult(earning.reference, "credited", None, member.wallet.balance)
    return CreditedEarning(result, [*expired, credited], event)


def _refusal(earning: EarningInput, expired: bool, now: datetime) -> type[EarningRefusal] | None:
    if earning.occurred_at > now + _CLOCK_SKEW:
        return OccurredInFuture
    return AlreadyExpired if expired else None


def _refused(earning: EarningInput, refusal: type[EarningRefusal], member: MemberState | None) -> CreditedEarning:
    balance = member.wallet.balance if member else None
    return CreditedEarning(
        EarningResult(earning.reference, "refused", refusal.code, balance, Text(refusal.zh, refusal.en)), []
    )


def refused_unread(item: UnfitItem) -> tuple[int, EarningResult]:
    """Return the result of an earning that is not as described, and its index in the call."""
    result = EarningResult(item.text("reference"), "refused", InvalidFields.code, None, item.message)
    return item.index, result
