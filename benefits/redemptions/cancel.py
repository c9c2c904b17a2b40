"""Cancel: an unused redemption is undone, and its points go back to the lots that they came from."""

from datetime import datetime, timedelta
from uuid import UUID

import asyncpg
import msgspec

from benefits.points.domain import Account, Code, Posting, give_back, sweep
from benefits.points.ledger import lock_members, post, read_members
from benefits.redemptions.domain import VOUCHER_TRANSITIONS, VoucherStatus
from benefits.redemptions.events import RedemptionCancelled, SettlementTerms
from benefits.redemptions.schemas import CancelledView, ReturnedLot, VoucherRef
from marketplace.kernel.calendar import Calendar
from marketplace.kernel.clock import Clock
from marketplace.kernel.facts import Fact, NotFound
from marketplace.kernel.ids import bucket_of, uuid7
from marketplace.kernel.states import TransitionRefusedError
from marketplace.platform.database import UnitOfWork
from marketplace.platform.events import publish


class VoucherNotCancellable(Fact):
    """The voucher is used, expired or cancelled already."""

    zh = "该兑换券状态为 {status}，不能取消。"
    en = "The voucher is {status} and cannot be cancelled."

    def __init__(self, status: str) -> None:
        """Take the problem's code from the state: already_used, expired, cancelled."""
        self.code = "already_used" if status == "used" else status
        super().__init__(status=status)


class CancelWindowOver(Fact):
    """The redemption is too old to be undone."""

    code = "cancel_window_over"
    zh = "已超过取消期限（兑换后 {days} 天内可取消）。"
    en = "The time to cancel is over ({days} days after the redemption)."


class Rules(msgspec.Struct, frozen=True):
    """What decides about a cancellation."""

    calendar: Calendar
    window_days: int
    expired_rule: str


_LOAD = """
SELECT r.offer_id, r.revision, r.partner_id, r.quantity, r.points, r.slice, r.settlement, r.redeemed_at,
       v.id AS voucher_id, v.code, v.status, v.expires_at
FROM redemption r JOIN voucher v ON v.bucket = r.bucket AND v.redemption_id = r.id
WHERE r.bucket = $1 AND r.id = $2 AND r.member_id = $3
"""

_TAKEN = """
SELECT transaction_id, expires_on, points, counterparty, occurred_at FROM points_posting
WHERE bucket = $1 AND transaction_id = $2 AND code = 'redemption' ORDER BY line
"""


async def cancel(
    work: UnitOfWork, member_id: UUID, redemption_id: UUID, reason: str, rules: Rules, clock: Clock
) -> CancelledView:
    """Undo the redemption and return it with what came back.

    Raises NotFound, VoucherNotCancellable, CancelWindowOver. Locks: wallet, then redemption and voucher, then stock.
    """
    members, database_now = await lock_members(work, [member_id])
    now = clock.shifted(database_now)
    row = await work.fetchrow(_LOAD + " FOR UPDATE", bucket_of(member_id), redemption_id, member_id)
    if row is None or member_id not in members:
        raise NotFound
    _check(row, rules, now)
    wallet = members[member_id].wallet
    today = rules.calendar.day_of(now)
    bucket, unix_ms = bucket_of(member_id), int(now.timestamp() * 1000)
    swept = sweep(wallet, uuid7(bucket, unix_ms), today, now)
    taken = await _taken(work, member_id, redemption_id)
    postings = give_back(wallet, taken, uuid7(bucket, unix_ms), today, now, rule=rules.expired_rule)
    await post(work, [*swept, *postings], {member_id: wallet})
    await _undo(work, member_id, redemption_id, row, reason, now)
    view = _view(redemption_id, row, taken, postings)
    event = RedemptionCancelled(
        redemption_id=redemption_id,
        voucher_id=row["voucher_id"],
        member_id=member_id,
        partner_id=row["partner_id"],
        offer_id=row["offer_id"],
        revision=row["revision"],
        quantity=row["quantity"],
        points_returned=view.points_returned,
        points_forfeited=view.points_forfeited,
        reason=reason,
        settlement=msgspec.convert(row["settlement"], SettlementTerms),
        cancelled_at=now,
    )
    await publish(work, [event], now)
    return view


async def preview(work: UnitOfWork, member_id: UUID, redemption_id: UUID, rules: Rules, clock: Clock) -> CancelledView:
    """Return what cancelling now would give back: decided as the deed is, and thrown away.

    Locks nothing: use a snapshot (REPEATABLE READ). Raises NotFound, VoucherNotCancellable, CancelWindowOver.
    """
    members = await read_members(work, [member_id])
    now = clock.shifted(await work.fetchval("SELECT now()"))
    row = await work.fetchrow(_LOAD, bucket_of(member_id), redemption_id, member_id)
    if row is None or member_id not in members:
        raise NotFound
    _check(row, rules, now)
    taken = await _taken(work, member_id, redemption_id)
    today = rules.calendar.day_of(now)
    wallet = members[member_id].wallet
    postings = give_back(wallet, taken, uuid7(bucket_of(member_id)), today, now, rule=rules.expired_rule)
    return _view(redemption_id, row, taken, postings)


def _check(row: asyncpg.Record, rules: Rules, now: datetime) -> None:
    status = VoucherStatus(row["status"])
    if status is VoucherStatus.ISSUED and row["expires_at"] <= now:
        status = VoucherStatus.EXPIRED  # the job that says so in the table has not come by yet
    try:
        VOUCHER_TRANSITIONS.after(status, "cancel")
    except TransitionRefusedError as refusal:
        raise VoucherNotCancellable(str(status)) from refusal
    if now >= row["redeemed_at"] + timedelta(days=rules.window_days):
        raise CancelWindowOver(days=rules.window_days)


async def _taken(work: UnitOfWork, member_id: UUID, redemption_id: UUID) -> list[Posting]:
    return [
        Posting(
            member_id=member_id, code=Code.REDEMPTION, source=Account.WALLET, destination=Account.PARTNER, **dict(row)
        )
        for row in await work.fetch(_TAKEN, bucket_of(member_id), redemption_id)
    ]


async def _undo(
    work: UnitOfWork, member_id: UUID, redemption_id: UUID, row: asyncpg.Record, reason: str, now: datetime
) -> None:
    bucket = bucket_of(member_id)
    await work.execute(
        "UPDATE redemption SET status = 'cancelled', cancelled_at = $3, reason = $4 WHERE bucket = $1 AND id = $2",
        bucket, redemption_id, now, reason,
    )  # fmt: skip
    await work.execute(
        "UPDATE voucher SET status = 'cancelled' WHERE bucket = $1 AND id = $2 AND status = 'issued'",
        bucket,
        row["voucher_id"],
    )
    await work.execute(
        "UPDATE limit_used SET used = used - $4 WHERE bucket = $1 AND member_id = $2 AND offer_id = $3 AND \"window\" = 'ever'",
        bucket, member_id, row["offer_id"], row["quantity"],
    )  # fmt: skip
    if row["slice"] is not None:
        await work.execute(
            "UPDATE stock SET remaining = remaining + $3, sold = sold - $3 WHERE offer_id = $1 AND slice = $2",
            row["offer_id"], row["slice"], row["quantity"],
        )  # fmt: skip


def _view(redemption_id: UUID, row: asyncpg.Record, taken: list[Posting], postings: list[Posting]) -> CancelledView:
    original = {posting.expires_on for posting in taken}
    forfeited = sum(posting.points for posting in postings if posting.code is Code.FORFEITURE)
    gone = {posting.expires_on for posting in postings if posting.code is Code.FORFEITURE}
    back = [p for p in postings if p.code is Code.CANCELLATION and p.expires_on not in gone]
    return CancelledView(
        id=redemption_id,
        status="cancelled",
        offer_id=row["offer_id"],
        revision=row["revision"],
        quantity=row["quantity"],
        points=row["points"],
        cash=None,
        redeemed_at=row["redeemed_at"],
        voucher=VoucherRef(row["voucher_id"], row["code"], "cancelled", row["expires_at"]),
        points_returned=sum(posting.points for posting in back),
        points_forfeited=forfeited,
        returned_lots=[
            ReturnedLot(p.points, p.expires_on, "original" if p.expires_on in original else "restored") for p in back
        ],
    )
