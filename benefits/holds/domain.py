"""Holds: set aside, then posted in full or in part, voided, or expired; exactly one end. Pure functions."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal
from uuid import UUID

import msgspec

from benefits.holds.events import HoldEnded, HoldPlaced
from benefits.points.domain import LotPart, Posting, expire_due, hold, release, spend_held
from benefits.redemptions.domain import Admitted, Issued, RedemptionRequest, RefusalReason, State, admit, issue
from benefits.rules import PointsRules
from marketplace.kernel.refusals import Explanation, Refusal
from marketplace.kernel.states import Transitions
from marketplace.kernel.text import Text

MAX_MINUTES = 24 * 60
"""The longest hold: what waits longer is not waiting for an answer any more."""


class HoldStatus(StrEnum):
    """Where a hold stands."""

    HELD = "held"  # points and units are set aside
    POSTED = "posted"  # redeemed, in full or in part; the rest went back
    VOIDED = "voided"  # given up: everything went back
    EXPIRED = "expired"  # nobody ended it in time: everything went back


HOLD_TRANSITIONS: Transitions[HoldStatus] = Transitions(
    {
        (HoldStatus.HELD, "post"): HoldStatus.POSTED,
        (HoldStatus.HELD, "void"): HoldStatus.VOIDED,
        (HoldStatus.HELD, "expire"): HoldStatus.EXPIRED,
    }
)

End = Literal["post", "void", "expire"]
EndStatus = Literal["posted", "voided", "expired"]

_ENDS: dict[End, EndStatus] = {"post": "posted", "void": "voided", "expire": "expired"}


class HoldEndedAlready(Refusal):
    """The hold has had its end."""

    code = "hold_ended"
    zh = "该预留已结束（{status}）。"
    en = "The hold has ended ({status})."
    explanation = Explanation(
        Text("该预留已入账、作废或过期。", "The hold was already posted, voided or has expired."),
        Text("如仍需要，请建立新的预留。", "Place a new hold if it is still needed."),
    )


class TooManyUnits(Refusal):
    """More is to be posted than was held."""

    code = "more_than_held"
    zh = "预留 {held} 份，不能入账 {wanted} 份。"
    en = "{held} units are held; {wanted} cannot be posted."
    explanation = Explanation(
        Text("要入账的份数多于预留的份数。", "More units would be posted than are held."),
        Text("请减少份数，或建立新的预留。", "Post fewer units, or place a new hold."),
    )


class Hold(msgspec.Struct):
    """A hold in memory, under its wallet's lock: what was frozen when it was placed, and the lots it took from."""

    id: UUID
    terms: Admitted
    parts: list[LotPart]
    status: str
    reference: str
    held_at: datetime
    deadline: datetime


class PlacedHold(msgspec.Struct, frozen=True):
    """A hold placed: everything that has to be written."""

    hold_id: UUID
    terms: Admitted
    reference: str
    deadline: datetime
    postings: list[Posting]
    event: HoldPlaced


class EndedHold(msgspec.Struct, frozen=True):
    """A hold's end: the redemption if it was posted, what went back, the codes that are free again."""

    hold: Hold
    issued: Issued | None
    postings: list[Posting]
    event: HoldEnded


class EndIds(msgspec.Struct, frozen=True):
    """The ids that an end may need, handed in, with the redemption's code."""

    redemption_id: UUID
    voucher_id: UUID
    release_id: UUID
    expiry_id: UUID
    code: str


def place_hold(
    request: RedemptionRequest,
    hold_id: UUID,
    minutes: int,
    reference: str,
    state: State,
    rules: PointsRules,
    now: datetime,
) -> tuple[PlacedHold | list[RefusalReason], list[Posting]]:
    """Set points and units aside, or return the reasons against it; and what expired on the way, posted either way.

    The same checks as a redemption's: a hold that was placed can be posted.
    """
    wallet = state.members[request.member_id].wallet
    expired = expire_due(wallet, request.expiry_id, rules.calendar.day_of(now), now)
    terms = admit(request, state, rules.calendar, now, hold=True)
    if isinstance(terms, list):
        return terms, expired
    deadline = now + timedelta(minutes=minutes)
    postings = hold(wallet, terms.points, hold_id, now)
    event = HoldPlaced(
        hold_id=hold_id,
        member_id=request.member_id,
        offer_id=request.offer_id,
        quantity=request.quantity,
        points=terms.points,
        reference=reference,
        deadline=deadline,
        held_at=now,
    )
    return PlacedHold(hold_id, terms, reference, deadline, postings, event), expired


def end_hold(
    found: Hold,
    how: End,
    quantity: int | None,
    reason: str,
    ids: EndIds,
    state: State,
    rules: PointsRules,
    now: datetime,
) -> EndedHold:
    """End the hold and move the state on. `quantity` units are posted, all of them if None; the rest goes back.

    A hold whose deadline has passed can only expire: the first command on it, a post or a void included, ends it so, and
    the caller looks at the result's status. Raises HoldEndedAlready, TooManyUnits.
    """
    if found.status != HoldStatus.HELD:
        raise HoldEndedAlready(status=found.status)
    due = now >= found.deadline
    if how == "expire" and not due:
        raise HoldEndedAlready(status="not due")
    how = "expire" if due else how
    held = found.terms.request.quantity
    units = (held if quantity is None else quantity) if how == "post" else 0
    if units > held:
        raise TooManyUnits(held=held, wanted=units)
    wallet, terms = state.members[found.terms.request.member_id].wallet, found.terms
    today = rules.calendar.day_of(now)
    postings = expire_due(wallet, ids.expiry_id, today, now)
    issued, rest = None, found.parts
    if units:
        part = _part(terms, units, ids)
        paid, rest = spend_held(wallet, found.parts, part.points, ids.redemption_id, terms.partner_id, now)
        issued = issue(part, part.request, paid, rules.calendar, now, found.id)
        postings += paid
    postings += release(wallet, rest, ids.release_id, today, now, rule=rules.expired_rule)
    _give_units_back(terms, units, state)
    found.status = HOLD_TRANSITIONS.after(HoldStatus.HELD, how).value
    event = HoldEnded(
        hold_id=found.id,
        member_id=terms.request.member_id,
        offer_id=terms.request.offer_id,
        status=_ENDS[how],
        quantity=held,
        posted_quantity=units,
        redemption_id=ids.redemption_id if units else None,
        reason=reason,
        ended_at=now,
    )
    return EndedHold(found, issued, postings, event)


def _part(terms: Admitted, units: int, ids: EndIds) -> Admitted:
    """Return the frozen terms for some of the held units: points by the unit, the settlement as frozen for that many units."""
    held = terms.request.quantity
    request = msgspec.structs.replace(
        terms.request, quantity=units, redemption_id=ids.redemption_id, voucher_id=ids.voucher_id, code=ids.code
    )
    return msgspec.structs.replace(
        terms,
        request=request,
        points=terms.points // held * units,
        settlement=terms.settlements[units - 1],
        codes=terms.codes[:units],
    )


def _give_units_back(terms: Admitted, posted: int, state: State) -> None:
    request = terms.request
    back = request.quantity - posted
    if terms.slice is not None:
        stock = state.stock[request.offer_id]
        if posted:
            stock.sell_held(terms.slice, posted)
        if back:
            stock.release(terms.slice, back)
    for window in terms.windows:
        state.used[request.member_id, request.offer_id, window] -= back
    if terms.codes[posted:] and request.offer_id in state.codes:
        # Never shown to anybody: they are handed out again, in upload order.
        state.codes[request.offer_id].extendleft(reversed(terms.codes[posted:]))
