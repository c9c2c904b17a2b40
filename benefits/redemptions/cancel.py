"""Whether a redemption may be cancelled, and what comes back. One pure function for the preview and the cancellation."""

from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from benefits.points.domain import PointsPostingCode, Posting, expire_due, give_back
from benefits.redemptions.domain import UNUSABLE, VOUCHER_TRANSITIONS, State, VoucherStatus
from benefits.redemptions.events import RedemptionCancelled, SettlementTerms
from benefits.rules import PointsRules
from marketplace.kernel.refusals import Explanation, Refusal
from marketplace.kernel.states import TransitionRefusedError
from marketplace.kernel.text import Text


class VoucherNotCancellable(Refusal):
    """The voucher is used, expired or cancelled already."""

    zh = "该兑换券状态为 {status}，不能取消。"
    en = "The voucher is {status} and cannot be cancelled."
    explanations = UNUSABLE

    def __init__(self, status: str) -> None:
        """Take the problem's code from the state: already_used, expired, cancelled."""
        self.code = "already_used" if status == "used" else status
        super().__init__(status=status)


class CancelWindowOver(Refusal):
    """The redemption is too old to be undone."""

    code = "cancel_window_over"
    zh = "已超过取消期限（兑换后 {days} 天内可取消）。"
    en = "The time to cancel is over ({days} days after the redemption)."
    explanation = Explanation(
        Text("已超过可取消兑换的期限。", "The time in which a redemption can be cancelled has passed."),
        Text("兑换券仍可使用；如需帮助请联系客服。", "The voucher can still be used. Contact support for help."),
    )


class CodesHandedOut(Refusal):
    """The voucher shows codes of the partner's own, which cannot be taken back."""

    code = "codes_handed_out"
    zh = "该兑换券已发放合作方券码，不能取消。"
    en = "The voucher has handed out the partner's own codes, so it cannot be cancelled."
    explanation = Explanation(
        Text(
            "该兑换券已向会员发放合作方券码，不能取消。",
            "The voucher has handed out the partner's own codes and cannot be cancelled.",
        ),
        Text("请凭券码使用；如有问题请联系合作方。", "Use the codes, or contact the partner."),
    )


class RedemptionToCancel(msgspec.Struct):
    """A redemption that is to be undone, under the locks of its wallet and its voucher; `taken` is how it was paid."""

    redemption_id: UUID
    member_id: UUID
    partner_id: UUID
    offer_id: UUID
    revision: int
    quantity: int
    points: int
    slice: int | None
    windows: list[str]
    settlement: SettlementTerms
    redeemed_at: datetime
    voucher_id: UUID
    code: str
    status: str
    expires_at: datetime
    partner_codes: list[str]
    taken: list[Posting]


class CancelledRedemption(msgspec.Struct, frozen=True):
    """A redemption undone: everything that has to be posted. `expired` is what expired on the way."""

    redemption: RedemptionToCancel
    expired: list[Posting]
    postings: list[Posting]
    event: RedemptionCancelled

    @property
    def back(self) -> list[tuple[Posting, Posting]]:
        """What came back to stay, by lot, each with what was taken."""
        gone = {posting.expires_on for posting in self.forfeited}
        returned = (posting for posting in self.postings if posting.code is PointsPostingCode.CANCELLATION)
        pairs = zip(self.redemption.taken, returned, strict=True)
        return [(taken, came) for taken, came in pairs if came.expires_on not in gone]

    @property
    def forfeited(self) -> list[Posting]:
        """What expired at once, by lot."""
        return [posting for posting in self.postings if posting.code is PointsPostingCode.FORFEITURE]


def decide_cancel(
    redemption: RedemptionToCancel, state: State, reason: str, ids: tuple[UUID, UUID], rules: PointsRules, now: datetime
) -> CancelledRedemption:
    """Undo the redemption and move the state on: points to their lots, units to their slice, limits down.

    `ids` are those of the expiry and of the cancellation. Raises VoucherNotCancellable, CancelWindowOver, CodesHandedOut.
    """
    _check(redemption, rules, now)
    today, wallet = rules.calendar.day_of(now), state.members[redemption.member_id].wallet
    expired = expire_due(wallet, ids[0], today, now)
    postings = give_back(wallet, redemption.taken, ids[1], today, now, rule=rules.expired_rule)
    redemption.status = VoucherStatus.CANCELLED
    if redemption.slice is not None:
        state.stock[redemption.offer_id].take_back(redemption.slice, redemption.quantity)
    for window in redemption.windows:
        state.used[redemption.member_id, redemption.offer_id, window] -= redemption.quantity
    forfeited = sum(posting.points for posting in postings if posting.code is PointsPostingCode.FORFEITURE)
    event = RedemptionCancelled(
        redemption_id=redemption.redemption_id,
        voucher_id=redemption.voucher_id,
        member_id=redemption.member_id,
        partner_id=redemption.partner_id,
        offer_id=redemption.offer_id,
        revision=redemption.revision,
        quantity=redemption.quantity,
        points_returned=redemption.points - forfeited,
        points_forfeited=forfeited,
        reason=reason,
        settlement=redemption.settlement,
        cancelled_at=now,
    )
    return CancelledRedemption(redemption, expired, postings, event)


def _check(redemption: RedemptionToCancel, rules: PointsRules, now: datetime) -> None:
    status = VoucherStatus(redemption.status)
    if status is VoucherStatus.ISSUED and redemption.expires_at <= now:
        status = VoucherStatus.EXPIRED  # the job that says so in the table has not come by yet
    try:
        VOUCHER_TRANSITIONS.after(status, "cancel")
    except TransitionRefusedError as refusal:
        raise VoucherNotCancellable(str(status)) from refusal
    if redemption.partner_codes:
        raise CodesHandedOut
    if now >= redemption.redeemed_at + timedelta(days=rules.cancel_window_days):
        raise CancelWindowOver(days=rules.cancel_window_days)
