"""May this member have this offer, and what happens then. One pure function for the quote and for the deed."""

from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec

from benefits.offers.domain import OfferStatus, OfferTerms, all_tiers
from benefits.points.domain import MemberState, Posting, spend, sweep
from benefits.redemptions.events import RedemptionIssued, SettlementTerms
from marketplace.kernel.calendar import Calendar
from marketplace.kernel.facts import Fact, Kind
from marketplace.kernel.states import Transitions
from partners.contracts.domain import contract_in_force

MAX_QUANTITY = 20
"""Units in one redemption: more is a business purchase, not a member's benefit."""


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
    }
)


class Reason(msgspec.Struct, frozen=True):
    """Why a wish is refused: what was wanted and what was found."""

    code: str
    wanted: Any
    found: Any

    def message(self, language: str) -> str:
        """Return the reason in words, in the language."""
        chinese, english = _WORDS[self.code]
        return (english if language == "en" else chinese).format(wanted=self.wanted, found=self.found)

    def to_json(self, language: str) -> dict[str, Any]:
        """Return the reason as the API shows it."""
        return {"code": self.code, "wanted": self.wanted, "found": self.found, "message": self.message(language)}


_WORDS: dict[str, tuple[str, str]] = {
    "not_on_sale": ("该优惠目前不可兑换（{found}）。", "The offer is not on sale now ({found})."),
    "not_eligible": ("仅限 {wanted} 会员，您当前为 {found}。", "Only for {wanted} members; you are {found}."),
    "limit_reached": ("每人限兑 {wanted} 份，您已兑换 {found} 份。", "Limited to {wanted} each; you have had {found}."),
    "sold_out": ("库存不足：需要 {wanted} 份，剩余 {found} 份。", "Sold out: {wanted} wanted, {found} left."),
    "insufficient_points": (
        "积分不足：需要 {wanted}，可用 {found}。",
        "Not enough points: {wanted} needed, {found} there.",
    ),
}
"""Reason -> words. The order is the order of the checks, and the first that fails is the problem's code."""


class Refused(Fact):
    """The wish cannot be fulfilled; `code` is the first reason's, and all reasons are listed."""

    kind = Kind.CONFLICT

    def __init__(self, reasons: list[Reason], language: str) -> None:
        """Keep the reasons in the caller's language."""
        self.code = reasons[0].code
        super().__init__(reasons=[reason.to_json(language) for reason in reasons])
        self._message = reasons[0].message(language)

    def message(self, language: str) -> str:  # noqa: ARG002 - chosen when it was made
        """Return the first reason in words."""
        return self._message


class Wish(msgspec.Struct, frozen=True):
    """A member wants an offer. Ids and code are handed in: a decision makes none."""

    member_id: UUID
    offer_id: UUID
    quantity: int
    redemption_id: UUID
    voucher_id: UUID
    sweep_id: UUID
    code: str


class StockState(msgspec.Struct):
    """Units left in memory, under the lock of the stock's row; `taken` counts what this batch took."""

    slice: int
    remaining: int
    taken: int = 0


class State(msgspec.Struct):
    """All that a batch of decisions needs, loaded under lock, and moved on by each decision."""

    members: dict[UUID, MemberState]
    offers: dict[UUID, OfferTerms]
    stock: dict[UUID, StockState]
    used: dict[tuple[UUID, UUID], int]


class Issued(msgspec.Struct, frozen=True):
    """A wish fulfilled: everything that has to be posted."""

    wish: Wish
    partner_id: UUID
    revision: int
    points: int
    slice: int | None
    settlement: SettlementTerms
    expires_at: datetime
    postings: list[Posting]
    event: RedemptionIssued


class Verdict(msgspec.Struct, frozen=True):
    """What a decision came to: issued, or the reasons against it; what expired on the way is posted either way."""

    issued: Issued | None
    reasons: list[Reason]
    swept: list[Posting]


def decide(wish: Wish, state: State, calendar: Calendar, now: datetime) -> Verdict:
    """Decide a wish and move the state on for the next one.

    Checks go in the order of `_WORDS`; every failing one is a reason. The quote calls this on a state of its own and
    throws the result away. The offer and the member must be in the state.
    """
    offer, member = state.offers[wish.offer_id], state.members[wish.member_id]
    today = calendar.day_of(now)
    swept = sweep(member.wallet, wish.sweep_id, today, now)
    points = offer.content.price.points * wish.quantity
    reasons = _reasons(wish, offer, member, state, points, now)
    settlement = _settlement(offer, wish.quantity, today)
    if settlement is None and not any(reason.code == "not_on_sale" for reason in reasons):
        reasons.insert(0, Reason("not_on_sale", "live", "no_contract"))
    if reasons or settlement is None:
        return Verdict(None, reasons, swept)
    # From here on nothing is refused: the state moves on.
    stock = state.stock.get(wish.offer_id) if offer.limited else None
    if stock is not None:
        stock.remaining -= wish.quantity
        stock.taken += wish.quantity
    key = (wish.member_id, wish.offer_id)
    state.used[key] = state.used.get(key, 0) + wish.quantity
    postings = spend(member.wallet, points, wish.redemption_id, offer.partner_id, now)
    event = RedemptionIssued(
        redemption_id=wish.redemption_id,
        voucher_id=wish.voucher_id,
        member_id=wish.member_id,
        partner_id=offer.partner_id,
        offer_id=offer.offer_id,
        revision=offer.revision,
        quantity=wish.quantity,
        points=points,
        settlement=settlement,
        issued_at=now,
    )
    issued = Issued(
        wish=wish,
        partner_id=offer.partner_id,
        revision=offer.revision,
        points=points,
        slice=stock.slice if stock else None,
        settlement=settlement,
        expires_at=voucher_end(calendar, now, offer.content.voucher_days),
        postings=postings,
        event=event,
    )
    return Verdict(issued, [], swept)


def _reasons(
    wish: Wish, offer: OfferTerms, member: MemberState, state: State, points: int, now: datetime
) -> list[Reason]:
    reasons = []
    content = offer.content
    closed = _why_not_on_sale(offer, now)
    if closed:
        reasons.append(Reason("not_on_sale", "live", closed))
    if not member.active:
        reasons.append(Reason("not_eligible", "active", "blocked"))
    elif not all_tiers(content.tiers) and member.tier not in content.tiers:
        reasons.append(Reason("not_eligible", " / ".join(content.tiers), member.tier))
    had = state.used.get((wish.member_id, wish.offer_id), 0)
    if content.per_member is not None and had + wish.quantity > content.per_member:
        reasons.append(Reason("limit_reached", content.per_member, had))
    if offer.limited:
        stock = state.stock.get(wish.offer_id)
        remaining = stock.remaining if stock else 0
        if wish.quantity > remaining:
            reasons.append(Reason("sold_out", wish.quantity, remaining))
    if points > member.wallet.balance:
        reasons.append(Reason("insufficient_points", points, member.wallet.balance))
    return reasons


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


def _settlement(offer: OfferTerms, quantity: int, today: date) -> SettlementTerms | None:
    contract = contract_in_force(offer.partner, today)
    price = offer.content.settlement_price or (contract.settlement_price if contract else None)
    if contract is None or price is None:
        return None
    most = contract.max_settlement_price
    if most is not None and price.amount > most.amount:
        return None  # the offer was registered before this contract set its maximum; nothing may be owed above it
    return SettlementTerms(
        contract_id=contract.contract_id,
        contract_version=contract.version,
        basis=contract.settlement_basis,
        amount_minor=price.amount * quantity,
        currency=price.currency,
        tax_rate_ppm=contract.tax_rate_ppm,
    )


def voucher_end(calendar: Calendar, now: datetime, voucher_days: int) -> datetime:
    """Return the instant from which a voucher is no longer good: today and `voucher_days` whole business days."""
    return calendar.start_of(calendar.day_of(now) + timedelta(days=voucher_days + 1))
