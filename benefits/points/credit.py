"""Credit earnings: up to a thousand in one unit of work, each with its own reference and its own answer."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

import msgspec

from benefits.points.domain import (
    Account,
    AlreadyExpired,
    Code,
    EarningRefusal,
    LotPart,
    MemberState,
    OccurredInFuture,
    Posting,
    ReferenceReused,
    UnknownMember,
    expiry_day,
    sweep,
)
from benefits.points.events import PointsCredited
from benefits.points.ledger import lock_members, post
from benefits.points.schemas import EarningIn, EarningResult
from marketplace.kernel.calendar import Calendar
from marketplace.kernel.ids import bucket_of, uuid7
from marketplace.platform.database import UnitOfWork, columns
from marketplace.platform.events import publish

_CLOCK_SKEW = timedelta(minutes=5)
"""How far an OEM system's clock may run ahead of ours."""

_KNOWN = """
SELECT e.member_id, e.reference, e.points, e.kind, e.occurred_at
FROM unnest($1::smallint[], $2::uuid[], $3::text[]) AS wanted (bucket, member_id, reference)
JOIN earning e USING (bucket, member_id, reference)
"""

_INSERT = """
INSERT INTO earning (bucket, member_id, reference, transaction_id, points, kind, occurred_at, credited_at, credited_by)
SELECT *, $8::timestamptz, $9::text
FROM unnest($1::smallint[], $2::uuid[], $3::text[], $4::uuid[], $5::bigint[], $6::text[], $7::timestamptz[])
"""


class Rules(msgspec.Struct, frozen=True):
    """What decides an earning's lot."""

    calendar: Calendar
    lifetime_months: int


async def credit(
    work: UnitOfWork, earnings: Sequence[EarningIn], rules: Rules, actor: str, now: datetime | None = None
) -> list[EarningResult]:
    """Credit the earnings and return a result for each, in their order.

    The wallet's lock makes look and insert one step; the primary key (bucket, member, reference) is the guard. `now` is
    the database's time unless the caller moves time (seed, tests).
    """
    members, database_now = await lock_members(work, [earning.member_id for earning in earnings])
    at = now or database_now
    known = await _known(work, earnings)
    postings: list[Posting] = []
    rows, events, results = [], [], []
    for earning in earnings:
        key = (earning.member_id, earning.reference)
        state = members.get(earning.member_id)
        refusal = _refusal(earning, state, known.get(key), rules, at)
        if refusal is not None:
            results.append(_answer(earning, "refused", refusal.code, state))
        elif key in known:
            results.append(_answer(earning, "replayed", None, state))
        elif state is not None:
            transaction_id = uuid7(bucket_of(earning.member_id), int(at.timestamp() * 1000))
            postings += _decide(earning, state, rules, transaction_id, at)
            known[key] = earning
            rows.append(
                (bucket_of(earning.member_id), *key, transaction_id, earning.points, earning.kind, earning.occurred_at)
            )
            events.append(
                PointsCredited(
                    member_id=earning.member_id,
                    transaction_id=transaction_id,
                    reference=earning.reference,
                    kind=earning.kind,
                    points=earning.points,
                    occurred_at=earning.occurred_at,
                )
            )
            results.append(_answer(earning, "credited", None, state))
    await post(work, postings, {member_id: state.wallet for member_id, state in members.items()})
    if rows:
        await work.execute(_INSERT, *columns(rows, 7), at, actor)
    await publish(work, events, at)
    return results


def _refusal(
    earning: EarningIn, state: MemberState | None, before: EarningIn | None, rules: Rules, now: datetime
) -> EarningRefusal | None:
    if state is None:
        return UnknownMember()
    if before is not None:
        same = (before.points, before.kind, before.occurred_at) == (earning.points, earning.kind, earning.occurred_at)
        return None if same else ReferenceReused()
    if earning.occurred_at > now + _CLOCK_SKEW:
        return OccurredInFuture()
    if expiry_day(earning.occurred_at, rules.calendar, rules.lifetime_months) <= rules.calendar.day_of(now):
        return AlreadyExpired()
    return None


def _decide(earning: EarningIn, state: MemberState, rules: Rules, transaction_id: UUID, now: datetime) -> list[Posting]:
    today = rules.calendar.day_of(now)
    swept = sweep(state.wallet, uuid7(bucket_of(earning.member_id), int(now.timestamp() * 1000)), today, now)
    expires_on = expiry_day(earning.occurred_at, rules.calendar, rules.lifetime_months)
    state.wallet.put(LotPart(expires_on, earning.points))
    credited = Posting(
        transaction_id=transaction_id,
        member_id=earning.member_id,
        code=Code.EARNING,
        source=Account.PROGRAMME,
        destination=Account.WALLET,
        expires_on=expires_on,
        points=earning.points,
        occurred_at=now,
    )
    return [*swept, credited]


async def _known(work: UnitOfWork, earnings: Sequence[EarningIn]) -> dict[tuple[UUID, str], EarningIn]:
    wanted = [(bucket_of(earning.member_id), earning.member_id, earning.reference) for earning in earnings]
    return {
        (row["member_id"], row["reference"]): EarningIn(**row) for row in await work.fetch(_KNOWN, *columns(wanted, 3))
    }


def _answer(
    earning: EarningIn, status: Literal["credited", "replayed", "refused"], code: str | None, state: MemberState | None
) -> EarningResult:
    balance = state.wallet.balance if state else None
    return EarningResult(earning.reference, status, code, balance)
