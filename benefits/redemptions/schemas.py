"""What goes over the wire about redemptions and vouchers."""

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec

from benefits.offers.domain import Price
from benefits.redemptions.domain import MAX_QUANTITY, RedemptionStatus, VoucherStatus
from marketplace.kernel.money import Money
from marketplace.kernel.text import Text, marked

Quantity = Annotated[int, msgspec.Meta(ge=1, le=MAX_QUANTITY, description="Units; one voucher covers them all.")]
CodeText = Annotated[
    str,
    msgspec.Meta(min_length=1, max_length=40, description="As printed or as a person typed it.", extra=marked("typed")),
]
LocationId = Annotated[str, msgspec.Meta(max_length=64)]
CounterReference = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]


class QuoteInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many units a quote is asked for."""

    quantity: Quantity = 1


class ReasonView(msgspec.Struct, frozen=True):
    """Why not: a stable code, what was wanted, what was found, and a sentence."""

    code: str
    wanted: Any
    found: Any
    message: str


class Quote(msgspec.Struct, frozen=True):
    """What a redemption would cost and whether it would succeed now; nothing is reserved."""

    eligible: bool
    price: Price
    reasons: list[ReasonView]


class RedemptionInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A member's request."""

    offer_id: UUID
    quantity: Quantity = 1


class CancellationInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why the member gives it back; may be empty."""

    reason: Annotated[str, msgspec.Meta(max_length=500, extra=marked("paragraphs"))] = ""


class VoucherRef(msgspec.Struct, frozen=True):
    """The voucher of a redemption, good before `expires_at`: people are told the last day before it, in the business zone.

    `partner_codes`: the partner's own, one for each unit, where the offer has them.
    """

    id: UUID
    code: str
    status: VoucherStatus
    expires_at: datetime
    partner_codes: list[str]


class RedemptionView(msgspec.Struct, frozen=True):
    """A redemption as its member sees it. `points` is the whole price paid."""

    id: UUID
    status: RedemptionStatus
    offer_id: UUID
    revision: int
    quantity: int
    points: int
    cash: Money | None
    redeemed_at: datetime
    voucher: VoucherRef


class ReturnedLot(msgspec.Struct, frozen=True):
    """Points that came back and the day from which they are gone; `rule` says how they were treated.

    `original`: into the lot that they came from; `restored`: that lot had expired or would before the end of next month, and they
    last until then.
    """

    points: int
    expires_on: date
    rule: str


class ForfeitedLot(msgspec.Struct, frozen=True):
    """Points that did not come back, and the day from which they were gone."""

    points: int
    expires_on: date


class CancelledView(RedemptionView, frozen=True):
    """A cancelled redemption: what came back, into which lots, and what was forfeited because its lot had expired."""

    points_returned: int
    points_forfeited: int
    returned_lots: list[ReturnedLot]
    forfeited_lots: list[ForfeitedLot] = []


class VoucherView(msgspec.Struct, frozen=True):
    """A voucher as its member sees it. It is good before `expires_at`: people are told the last day before it."""

    id: UUID
    code: str
    status: VoucherStatus
    expires_at: datetime
    used_at: datetime | None
    quantity: int
    points: int
    partner_codes: list[str]
    redemption_id: UUID
    offer_id: UUID
    title: Text
    partner_id: UUID
    partner_name: Text


class VoucherVerifyInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A code at the counter; `location_id` is one of the partner's own locations, if it keeps any with us."""

    code: CodeText
    location_id: LocationId | None = None


class VerifiedVoucher(msgspec.Struct, frozen=True):
    """What the counter may know of a voucher, which is good before `expires_at`: people are told the last day before it.

    `use_token`, null unless it is usable, proves this look for ten minutes.
    """

    voucher_id: UUID
    status: VoucherStatus
    offer_id: UUID
    title: Text
    quantity: int
    expires_at: datetime
    use_token: str | None


class VoucherUseInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Take a voucher. `reference` is the partner's own number for the visit or order; `use_token` is what verify gave."""

    code: CodeText
    reference: CounterReference
    location_id: LocationId | None = None
    use_token: Annotated[str, msgspec.Meta(max_length=500)] | None = None


class UsedVoucher(msgspec.Struct, frozen=True):
    """The voucher is taken."""

    voucher_id: UUID
    status: VoucherStatus
    used_at: datetime
    offer_id: UUID
    quantity: int
    reference: str


class VoucherUndoInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Take a use back. `location_id` is the one at which the voucher was used."""

    code: CodeText
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    location_id: LocationId | None = None


class UndoneUse(msgspec.Struct, frozen=True):
    """The voucher can be used again, before `expires_at`."""

    voucher_id: UUID
    status: VoucherStatus
    undone_at: datetime
    offer_id: UUID
    quantity: int
    expires_at: datetime


class PartnerRedemption(msgspec.Struct, frozen=True):
    """A redemption as its partner sees it: no member, no name."""

    redemption_id: UUID
    voucher_id: UUID
    offer_id: UUID
    revision: int
    quantity: int
    status: VoucherStatus
    redeemed_at: datetime
    used_at: datetime | None
