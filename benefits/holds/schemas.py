"""What goes over the wire about holds."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec

from benefits.holds.domain import MAX_MINUTES, HoldStatus
from benefits.points.schemas import EarningReference
from benefits.redemptions.schemas import Quantity, VoucherRef
from marketplace.kernel.text import marked

Minutes = Annotated[int, msgspec.Meta(ge=1, le=MAX_MINUTES, description="How long points and units are set aside.")]


class HoldInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Set the points of an offer, and its units, aside for a member; `reference` is the caller's own."""

    member_id: UUID
    offer_id: UUID
    reference: EarningReference
    quantity: Quantity = 1
    minutes: Minutes = 15


class HoldPostInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many of the held units are redeemed; all of them, unless a number is given. The rest goes back."""

    quantity: Quantity | None = None


class HoldVoidInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why the hold is given up; may be empty."""

    reason: Annotated[str, msgspec.Meta(max_length=500, extra=marked("paragraphs"))] = ""


class HoldRedemption(msgspec.Struct, frozen=True):
    """What a posted hold became."""

    id: UUID
    points: int
    voucher: VoucherRef


class HoldView(msgspec.Struct, frozen=True):
    """A hold. `points` were set aside for `quantity` units; `posted_quantity` of them were redeemed."""

    id: UUID
    status: HoldStatus
    member_id: UUID
    offer_id: UUID
    quantity: int
    points: int
    reference: str
    held_at: datetime
    deadline: datetime
    posted_quantity: int
    redemption: HoldRedemption | None
