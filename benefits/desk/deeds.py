"""Each errand decided by its module's pure function, its effects collected, its answer made."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec

from benefits.desk.errands import Cancel, Earn, EndHold, Gift, PlaceHold, PointsErrand, Redeem, Sweep
from benefits.desk.load import DeskState
from benefits.desk.post import Effects
from benefits.holds.domain import Ended, HoldEndedAlready, HoldStatus, Placed, end, place
from benefits.holds.schemas import HoldRedemption, HoldView
from benefits.points.domain import sweep, wallet_change
from benefits.points.earning import decide_earning
from benefits.points.events import PointsExpired
from benefits.points.giving import decide_gift
from benefits.points.schemas import EarningResults, GiftView
from benefits.redemptions.cancelling import Cancelled, decide_cancel
from benefits.redemptions.domain import Issued, Reason, Refused, VoucherStatus, decide
from benefits.redemptions.schemas import CancelledView, ForfeitedLot, RedemptionView, ReturnedLot, VoucherRef
from benefits.rules import Rules
from marketplace.kernel.refusals import NotFound, Refusal
from marketplace.platform.http.idempotency import Outcome, refused


class Doing(msgspec.Struct, frozen=True):
    """A batch under way."""

    state: DeskState
    rules: Rules
    now: datetime
    effects: Effects


def do(errand: PointsErrand, doing: Doing) -> Outcome:
    """Decide the errand and collect what it does. A refusal for a state reason is an outcome like any other."""
    try:
        return _DEEDS[type(errand)](errand, doing)
    except Refusal as refusal:
        return refused(refusal, errand.language)


def _redeem(errand: Redeem, doing: Doing) -> Outcome:
    wish, state = errand.wish, doing.state
    if wish.offer_id not in state.offers or wish.member_id not in state.members:
        raise NotFound
    verdict = decide(wish, state, doing.rules.calendar, doing.now)
    doing.effects.postings += verdict.swept
    if verdict.issued is None:
        return _refusal(verdict.reasons, errand.language)
    _note_issued(verdict.issued, doing)
    doing.effects.postings += verdict.issued.postings
    return _ok(redemption_view(verdict.issued), 201)


def _cancel(errand: Cancel, doing: Doing) -> Outcome:
    found = doing.state.redemptions.get(errand.redemption_id)
    if found is None or found.member_id != errand.member_id or errand.member_id not in doing.state.members:
        raise NotFound
    undone = decide_cancel(found, doing.state, errand.reason, errand.ids, doing.rules, doing.now)
    doing.effects.postings += [*undone.swept, *undone.postings]
    doing.effects.cancelled.append(undone)
    doing.effects.tell(errand.member_id, undone.event)
    return _ok(cancelled_view(undone))


def _earn(errand: Earn, doing: Doing) -> Outcome:
    state, effects, results = doing.state, doing.effects, []
    for earning, ids in zip(errand.earnings, errand.ids, strict=True):
        key = (earning.member_id, earning.reference)
        member = state.members.get(earning.member_id)
        credited = decide_earning(earning, member, state.earned.get(key), ids, doing.rules, doing.now)
        results.append(credited.result)
        if credited.event is not None:
            state.earned[key] = earning
            effects.postings += credited.postings
            effects.credited.append((credited.event, errand.actor))
            effects.tell(earning.member_id, credited.event)
    for index, result in errand.refused:
        results.insert(index, result)
    return _ok(EarningResults(results))


def _place(errand: PlaceHold, doing: Doing) -> Outcome:
    wish, state, effects = errand.wish, doing.state, doing.effects
    if wish.offer_id not in state.offers or wish.member_id not in state.members:
        raise NotFound
    hold_id = wish.redemption_id
    placed, swept = place(wish, hold_id, errand.minutes, errand.reference, state, doing.rules, doing.now)
    effects.postings += swept
    if isinstance(placed, list):
        return _refusal(placed, errand.language)
    effects.postings += placed.postings
    effects.placed.append(placed)
    effects.set_codes(wish.offer_id, placed.terms.codes, hold_id)
    effects.tell(wish.member_id, placed.event)
    return _ok(placed_view(placed), 201)


def _end(errand: EndHold, doing: Doing) -> Outcome:
    found, effects = doing.state.holds.get(errand.hold_id), doing.effects
    if found is None:
        raise NotFound
    ended = end(found, errand.how, errand.quantity, errand.reason, errand.ids, doing.state, doing.rules, doing.now)
    effects.postings += ended.postings
    effects.set_codes(found.terms.wish.offer_id, found.terms.codes[ended.event.posted_quantity :], None)
    effects.ended.append(ended)
    effects.tell(errand.member_id, ended.event)
    if ended.issued is not None:
        _note_issued(ended.issued, doing)
    if ended.event.status == "expired" and errand.how != "expire":
        raise HoldEndedAlready(status=HoldStatus.EXPIRED.value)  # it is, from now on; the caller came too late
    return _ok(ended_view(ended))


def _sweep(errand: Sweep, doing: Doing) -> Outcome:
    total, today = 0, doing.rules.calendar.day_of(doing.now)
    for member_id, transaction_id in zip(errand.members, errand.ids, strict=True):
        if member_id not in doing.state.members:
            continue
        swept = sweep(doing.state.members[member_id].wallet, transaction_id, today, doing.now)
        points = -wallet_change(swept)
        if points:
            doing.effects.postings += swept
            event = PointsExpired(
                member_id=member_id, transaction_id=transaction_id, points=points, expired_at=doing.now
            )
            doing.effects.tell(member_id, event)
            total += points
    return _ok({"points": total})


def _gift(errand: Gift, doing: Doing) -> Outcome:
    members = doing.state.members
    given = decide_gift(
        members.get(errand.giver), members.get(errand.recipient), errand.points, errand.ids, doing.rules, doing.now
    )
    doing.effects.postings += given.postings
    doing.effects.tell(errand.giver, given.event)
    return _ok(GiftView(errand.ids[2], errand.recipient, errand.points, given.balance, doing.now), 201)


_DEEDS: dict[type, Callable[[Any, Doing], Outcome]] = {
    Redeem: _redeem,
    Cancel: _cancel,
    Earn: _earn,
    PlaceHold: _place,
    EndHold: _end,
    Sweep: _sweep,
    Gift: _gift,
}


def _note_issued(issued: Issued, doing: Doing) -> None:
    doing.effects.issued.append(issued)
    doing.effects.hand_out(issued)
    doing.effects.tell(issued.event.member_id, issued.event)


def _ok(view: object, status: int = 200) -> Outcome:
    return Outcome(status, msgspec.json.encode(view))


def _refusal(reasons: list[Reason], language: str) -> Outcome:
    return refused(Refused(reasons, language), language)


def redemption_view(issued: Issued) -> RedemptionView:
    """Return a fresh redemption as the API shows it."""
    wish, terms = issued.terms.wish, issued.terms
    return RedemptionView(
        id=wish.redemption_id,
        status="issued",
        offer_id=wish.offer_id,
        revision=terms.revision,
        quantity=wish.quantity,
        points=terms.points,
        cash=None,
        redeemed_at=issued.event.issued_at,
        voucher=VoucherRef(
            wish.voucher_id, wish.code, "issued", issued.expires_at, [code.code for code in terms.codes]
        ),
    )


def cancelled_view(undone: Cancelled) -> CancelledView:
    """Return a cancelled redemption with what came back."""
    case = undone.redemption
    return CancelledView(
        id=case.redemption_id,
        status="cancelled",
        offer_id=case.offer_id,
        revision=case.revision,
        quantity=case.quantity,
        points=case.points,
        cash=None,
        redeemed_at=case.redeemed_at,
        voucher=VoucherRef(case.voucher_id, case.code, VoucherStatus.CANCELLED.value, case.expires_at, []),
        points_returned=undone.event.points_returned,
        points_forfeited=undone.event.points_forfeited,
        returned_lots=[
            ReturnedLot(came.points, came.expires_on, "original" if came.expires_on == taken.expires_on else "restored")
            for taken, came in undone.back
        ],
        forfeited_lots=[ForfeitedLot(gone.points, gone.expires_on) for gone in undone.forfeited],
    )


def placed_view(placed: Placed) -> HoldView:
    """Return a fresh hold as the API shows it."""
    wish, event = placed.terms.wish, placed.event
    return HoldView(
        id=placed.hold_id,
        status=HoldStatus.HELD.value,
        member_id=wish.member_id,
        offer_id=wish.offer_id,
        quantity=wish.quantity,
        points=placed.terms.points,
        reference=placed.reference,
        held_at=event.held_at,
        deadline=placed.deadline,
        posted_quantity=0,
        redemption=None,
    )


def ended_view(ended: Ended) -> HoldView:
    """Return a hold that has just ended."""
    hold, event = ended.hold, ended.event
    redemption = None
    if ended.issued is not None:
        view = redemption_view(ended.issued)
        redemption = HoldRedemption(view.id, view.points, view.voucher)
    return HoldView(
        id=hold.id,
        status=event.status,
        member_id=event.member_id,
        offer_id=event.offer_id,
        quantity=event.quantity,
        points=hold.terms.points,
        reference=hold.reference,
        held_at=hold.held_at,
        deadline=hold.deadline,
        posted_quantity=event.posted_quantity,
        redemption=redemption,
    )
