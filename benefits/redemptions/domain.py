"""Whether a member may redeem an offer, and what is written then. One pure function for the quote and the redemption."""

from collections import deque
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec

from benefits.offers.domain import OfferStatus, OfferTerms, all_tiers
from benefits.offers.stock import OfferStock
from benefits.points.domain import InsufficientPoints, MemberState, Posting, expire_due, spend
from benefits.redemptions.events import RedemptionIssued, SettlementTerms
from marketplace.kernel.calendar import Calendar
from marketplace.kernel.refusals import Explanation, Kind, Refusal
from marketplace.kernel.states import Transitions
from marketplace.kernel.text import Text
from partners.contracts.domain import contract_in_force
from partners.contracts.pricing import settle

MAX_QUANTITY = 20
"""Units in one redemption: more is a business purchase, not a member's benefit."""


class RedemptionStatus(StrEnum):
    """Whether a redemption stands."""

    ISSUED = "issued"
    CANCELLED = "cancelled"  # points and units went back


class VoucherStatus(StrEnum):
    """Where a voucher stands."""

    ISSUED = "issued"  # can be used
    USED = "used"  # the partner took it
    EXPIRED = "expired"  # its time is over
    CANCELLED = "cancelled"  # the member gave it back


VOUCHER_TRANSITIONS: Transitions[VoucherStatus] = Transitions(
    {
        (VoucherStatus.ISSUED, "use"): VoucherStatus.USED,
        (VoucherStatus.ISSUED, "expire"): VoucherStatus.EXPIRED,
        (VoucherStatus.ISSUED, "cancel"): VoucherStatus.CANCELLED,
        # Only by the counter that took it, and in the minutes that the contract allows.
        (VoucherStatus.USED, "undo_use"): VoucherStatus.ISSUED,
    }
)


class RefusalReason(msgspec.Struct, frozen=True):
    """Why a request is refused: what was wanted and what was found."""

    code: str
    wanted: Any
    found: Any
    window: str = ""

    def message(self, language: str) -> str:
        """Return the reason in words, in the language."""
        chinese, english = _WORDS[self.code]
        window = _WINDOWS.get(self.window, ("", ""))[language == "en"]
        found = _NOT_ON_SALE[self.found][language == "en"] if self.code == "not_on_sale" else self.found
        return (english if language == "en" else chinese).format(wanted=self.wanted, found=found, window=window)

    def to_json(self, language: str) -> dict[str, Any]:
        """Return the reason as the API shows it."""
        return {"code": self.code, "wanted": self.wanted, "found": self.found, "message": self.message(language)}


_WORDS: dict[str, tuple[str, str]] = {
    "not_on_sale": ("该优惠目前不可兑换：{found}。", "The offer is not on sale now: {found}."),
    "not_eligible": ("仅限 {wanted} 会员，您当前为 {found}。", "Only for {wanted} members; you are {found}."),
    "limit_reached": (
        "每人{window}限兑 {wanted} 份，您已兑换 {found} 份。",
        "Limited to {wanted} each{window}; you have had {found}.",
    ),
    "sold_out": ("库存不足：需要 {wanted} 份，剩余 {found} 份。", "Sold out: {wanted} wanted, {found} left."),
    "insufficient_points": (
        "积分不足：需要 {wanted}，可用 {found}。",
        "Not enough points: {wanted} needed, {found} there.",
    ),
}
"""RefusalReason -> words. The order is the order of the checks, and the first that fails is the problem's code."""


_NOT_ON_SALE: dict[str, tuple[str, str]] = {
    "draft": ("尚未上架", "it is not listed yet"),
    "in_review": ("正在审核", "it is in review"),
    "rejected": ("未通过审核", "it was not accepted"),
    "paused": ("已暂停", "it is paused"),
    "ended": ("已结束", "it has ended"),
    "not_started": ("尚未开始", "it has not begun"),
    "partner_not_active": ("合作方暂停服务", "the partner is not active at present"),
    "no_contract": ("合作方今天没有生效的合同或结算价", "the partner has no contract or price in force today"),
}
"""What was found instead of an offer on sale -> words."""


_WINDOWS: dict[str, tuple[str, str]] = {
    "day": ("每天", " a day"),
    "week": ("每周", " a week"),
    "month": ("每月", " a month"),
    "campaign": ("本次活动", " in this sale"),
}
"""Window of a limit -> words."""


class RedemptionRefused(Refusal):
    """The request cannot be fulfilled; `code` is the first reason's, and all reasons are listed."""

    kind = Kind.CONFLICT
    explanations = {
        "not_on_sale": Explanation(
            Text("该优惠当前不在售。", "The offer is not on sale at present."),
            Text("请查看 sale 中的销售时间。", "See the offer's sale period."),
        ),
        "not_eligible": Explanation(
            Text("会员的状态或等级不符合要求。", "The member's status or tier does not qualify."),
            Text("请查看 reasons 中的要求。", "See the requirement in `reasons`."),
        ),
        "limit_reached": Explanation(
            Text("会员兑换该优惠的数量已达上限。", "The member has reached the limit of this offer."),
            Text("请减少数量，或等下一个周期。", "Redeem fewer units, or wait for the next period of the limit."),
        ),
        "sold_out": Explanation(
            Text("库存不足。", "The stock is not enough."),
            Text("请减少数量，或稍后再试。", "Redeem fewer units, or try again later."),
        ),
        "insufficient_points": InsufficientPoints.explanation,
    }

    def __init__(self, reasons: list[RefusalReason], language: str) -> None:
        """Keep the reasons in the caller's language."""
        self.code = reasons[0].code
        super().__init__(reasons=[reason.to_json(language) for reason in reasons])
        self._message = reasons[0].message(language)

    def message(self, language: str) -> str:  # noqa: ARG002 - chosen when it was made
        """Return the first reason in words."""
        return self._message


UNUSABLE = {
    "already_used": Explanation(
        Text("该兑换券已经核销。", "The voucher has already been used."),
        Text(
            "请会员出示另一张兑换券；如核销有误，在撤销期限内撤销。",
            "Ask the member for another voucher. If the use was a mistake, undo it within the agreed time.",
        ),
    ),
    "expired": Explanation(
        Text("该兑换券已过有效期。", "The voucher's validity has ended."),
        Text("请会员重新兑换。", "Ask the member to redeem again."),
    ),
    "cancelled": Explanation(
        Text("该兑换券已取消，积分已退回。", "The voucher was cancelled and its points were returned."),
        Text("请会员重新兑换。", "Ask the member to redeem again."),
    ),
}
"""Why a voucher cannot be used, or its redemption cancelled, by the code that its state gives."""


class RedemptionRequest(msgspec.Struct, frozen=True):
    """A member wants an offer. Ids and code are handed in: a decision makes none."""

    member_id: UUID
    offer_id: UUID
    quantity: int
    redemption_id: UUID
    voucher_id: UUID
    expiry_id: UUID
    code: str


class PoolCode(msgspec.Struct, frozen=True):
    """One of the partner's own codes, in upload order."""

    seq: int
    code: str


class State(msgspec.Struct):
    """All that a batch of decisions needs, loaded under lock, and moved on by each decision."""

    members: dict[UUID, MemberState]
    offers: dict[UUID, OfferTerms]
    stock: dict[UUID, OfferStock]
    used: dict[tuple[UUID, UUID, str], int]
    codes: dict[UUID, deque[PoolCode]]


class Admitted(msgspec.Struct, frozen=True):
    """A request that may be fulfilled, with all that is frozen from here on; the state has moved on by it."""

    request: RedemptionRequest
    partner_id: UUID
    revision: int
    points: int
    slice: int | None
    windows: tuple[str, ...]
    codes: tuple[PoolCode, ...]
    voucher_days: int
    settlement: SettlementTerms
    settlements: tuple[SettlementTerms, ...] = ()
    """Of a hold: what is owed when one unit of it is posted, two, and so on. Tax, shares and commission are rounded on the
    total, so that a part's amounts do not follow from the whole's."""


class Issued(msgspec.Struct, frozen=True):
    """A request fulfilled: everything that has to be written."""

    terms: Admitted
    expires_at: datetime
    postings: list[Posting]
    event: RedemptionIssued
    hold_id: UUID | None = None


class RedemptionDecision(msgspec.Struct, frozen=True):
    """What a decision came to: issued, or the reasons against it; what expired on the way is posted either way."""

    issued: Issued | None
    reasons: list[RefusalReason]
    expired: list[Posting]


def decide(request: RedemptionRequest, state: State, calendar: Calendar, now: datetime) -> RedemptionDecision:
    """Decide a request and move the state on for the next one.

    The quote calls this on a state of its own and throws the result away. The offer and the member must be in the state.
    """
    wallet = state.members[request.member_id].wallet
    expired = expire_due(wallet, request.expiry_id, calendar.day_of(now), now)
    admitted = admit(request, state, calendar, now)
    if isinstance(admitted, list):
        return RedemptionDecision(None, admitted, expired)
    postings = spend(wallet, admitted.points, request.redemption_id, admitted.partner_id, now)
    return RedemptionDecision(issue(admitted, request, postings, calendar, now), [], expired)


def admit(
    request: RedemptionRequest, state: State, calendar: Calendar, now: datetime, *, hold: bool = False
) -> Admitted | list[RefusalReason]:
    """Return the request with its frozen terms, its stock and limits taken or held; or every reason against it.

    Checks go in the order of `_WORDS`. Nothing is taken from the wallet here, but it is known to have enough.
    """
    offer, member = state.offers[request.offer_id], state.members[request.member_id]
    points = offer.content.price.points * request.quantity
    windows = offer.content.windows(calendar, now)
    reasons = _reasons(request, offer, member, state, windows, points, now)
    today = calendar.day_of(now)
    settlement = _settlement_of(offer, request.quantity, today)
    if settlement is None and not any(reason.code == "not_on_sale" for reason in reasons):
        reasons.insert(0, RefusalReason("not_on_sale", "live", "no_contract"))
    if reasons or settlement is None:
        return reasons
    # From here on nothing is refused: the state moves on.
    number = None
    if offer.limited:
        stock = state.stock[request.offer_id]
        number = stock.hold(request.quantity) if hold else stock.sell(request.quantity)
    for window in windows:
        key = (request.member_id, request.offer_id, window)
        state.used[key] = state.used.get(key, 0) + request.quantity
    codes: tuple[PoolCode, ...] = ()
    if offer.content.codes == "partner":
        codes = tuple(state.codes[request.offer_id].popleft() for _ in range(request.quantity))
    return Admitted(
        request=request,
        partner_id=offer.partner_id,
        revision=offer.revision,
        points=points,
        slice=number,
        windows=tuple(windows),
        codes=codes,
        voucher_days=offer.content.voucher_days,
        settlement=settlement,
        settlements=_settlements(offer, request.quantity, today) if hold else (),
    )


def issue(
    admitted: Admitted,
    request: RedemptionRequest,
    postings: list[Posting],
    calendar: Calendar,
    now: datetime,
    hold_id: UUID | None = None,
) -> Issued:
    """Return the redemption of an admitted request, paid by the postings; `request` carries its ids and its code."""
    event = RedemptionIssued(
        redemption_id=request.redemption_id,
        voucher_id=request.voucher_id,
        member_id=request.member_id,
        partner_id=admitted.partner_id,
        offer_id=request.offer_id,
        revision=admitted.revision,
        quantity=request.quantity,
        points=admitted.points,
        settlement=admitted.settlement,
        issued_at=now,
    )
    return Issued(admitted, voucher_end(calendar, now, admitted.voucher_days), postings, event, hold_id)


def _reasons(
    request: RedemptionRequest,
    offer: OfferTerms,
    member: MemberState,
    state: State,
    windows: Mapping[str, int | None],
    points: int,
    now: datetime,
) -> list[RefusalReason]:
    reasons = []
    tiers = offer.content.tiers
    closed = _why_not_on_sale(offer, now)
    if closed:
        reasons.append(RefusalReason("not_on_sale", "live", closed))
    if not member.active:
        reasons.append(RefusalReason("not_eligible", "active", "blocked"))
    elif not all_tiers(tiers) and member.tier not in tiers:
        reasons.append(RefusalReason("not_eligible", " / ".join(tiers), member.tier))
    reasons += _limits_reached(request, state, windows)
    remaining = _remaining(offer, state)
    if remaining is not None and request.quantity > remaining:
        reasons.append(RefusalReason("sold_out", request.quantity, remaining))
    if points > member.wallet.balance:
        reasons.append(RefusalReason("insufficient_points", points, member.wallet.balance))
    return reasons


def _limits_reached(request: RedemptionRequest, state: State, windows: Mapping[str, int | None]) -> list[RefusalReason]:
    reasons = []
    for window, most in windows.items():
        had = state.used.get((request.member_id, request.offer_id, window), 0)
        if most is not None and had + request.quantity > most:
            reasons.append(RefusalReason("limit_reached", most, had, window.partition(":")[0]))
    return reasons


def _remaining(offer: OfferTerms, state: State) -> int | None:
    """Return the units left, None where there is no limit. A pool to which no code was ever uploaded has none."""
    if offer.limited:
        stock = state.stock.get(offer.offer_id)
        return stock.remaining if stock else 0
    return 0 if offer.content.codes == "partner" else None


def _why_not_on_sale(offer: OfferTerms, now: datetime) -> str | None:
    if offer.status != OfferStatus.LIVE:
        return offer.status
    if offer.partner.status != "active":
        return "partner_not_active"
    if now < offer.content.sale.starts_at:
        return "not_started"
    if offer.content.sale.ends_at is not None and now >= offer.content.sale.ends_at:
        return "ended"
    return None


def _settlements(offer: OfferTerms, most: int, today: date) -> tuple[SettlementTerms, ...]:
    """Return what is frozen for each number of units up to `most`."""
    found = [_settlement_of(offer, units, today) for units in range(1, most + 1)]
    return tuple(one for one in found if one is not None)


def _settlement_of(offer: OfferTerms, quantity: int, today: date) -> SettlementTerms | None:
    """Return what is frozen of the contract in force. None if there is none, if it only grants points, or gives no price."""
    contract = contract_in_force(offer.partner, today)
    if contract is None or contract.role == "grants_points":
        return None
    settled = settle(contract, offer.unit, quantity)
    if settled is None:
        return None
    return SettlementTerms(
        contract_id=contract.contract_id,
        contract_version=contract.version,
        basis=contract.settlement_basis,
        amount_minor=settled.amount_minor,
        currency=contract.currency,
        tax_rate_ppm=contract.tax_rate_ppm,
        partner_minor=settled.partner_minor,
        dealer_minor=settled.dealer_minor,
        commission_minor=settled.commission_minor,
        counter_cancel_minutes=contract.counter_cancel_minutes,
        cycle=contract.cycle,
        zone=contract.time_zone or "",
    )


def voucher_end(calendar: Calendar, now: datetime, voucher_days: int) -> datetime:
    """Return the instant from which a voucher is no longer good: today and `voucher_days` whole business days."""
    return calendar.start_of(calendar.day_of(now) + timedelta(days=voucher_days + 1))
