"""What goes over the wire about points."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec

from benefits.points.domain import MAX_POINTS, PointsPostingCode
from marketplace.kernel.text import Text, marked

Points = Annotated[int, msgspec.Meta(ge=1, le=MAX_POINTS, description="Whole points.")]
EarningReference = Annotated[
    str,
    msgspec.Meta(
        min_length=1,
        max_length=100,
        pattern=r"^[\x21-\x7e]+$(?!\n)",
        extra=marked(
            words=(" 1 至 100 个可见的 ASCII 字符，不含空格", "1 to 100 visible ASCII characters without blanks")
        ),
    ),
]
EarningKind = Literal["service", "purchase", "activity", "referral", "gift", "adjustment"]

MAX_EARNINGS = 1000


class EarningInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One earning: `reference` is the caller's own and unique for the member; `occurred_at` decides the expiry month."""

    reference: EarningReference
    member_id: UUID
    points: Points
    kind: EarningKind
    occurred_at: Annotated[
        datetime,
        msgspec.Meta(tz=True, extra={"moment": "any"}, description="Any instant: each earning is answered by itself."),
    ]


class EarningsInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Up to 1,000 earnings, each answered by itself."""

    earnings: Annotated[list[EarningInput], msgspec.Meta(min_length=1, max_length=MAX_EARNINGS)]


class EarningResult(msgspec.Struct, frozen=True):
    """What became of one earning: credited, replayed (it was here before), or refused with a code and the reason in words.

    `balance` is the member's after it; null where the member is unknown. An earning that is not as described is refused with
    `invalid_request`; its `reference` is null where that is what is wrong.
    """

    reference: str | None
    status: Literal["credited", "replayed", "refused"]
    code: str | None
    balance: int | None
    message: Text | None = None


class EarningResults(msgspec.Struct, frozen=True):
    """The results, in the order of the call."""

    results: list[EarningResult]


class Expiring(msgspec.Struct, frozen=True):
    """Points that are gone from the day `expires_on` (a business day) unless spent before: the day before is their last."""

    points: int
    expires_on: date


class PointsView(msgspec.Struct, frozen=True):
    """A wallet as its member sees it: expired points do not count, whether or not the expiry has run."""

    balance: int
    held: int
    expiring: list[Expiring]


class Movement(msgspec.Struct, frozen=True):
    """One transaction on the wallet: `points` is the change, negative when spent; `offer_id` where there is one."""

    id: UUID
    code: PointsPostingCode
    points: int
    occurred_at: datetime
    reference: str | None
    offer_id: UUID | None


class GiftInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Points for another member, named by the id that their app shows them."""

    member_id: UUID
    points: Points


class GiftView(msgspec.Struct, frozen=True):
    """A gift made; `balance` is the giver's after it."""

    id: UUID
    member_id: UUID
    points: int
    balance: int
    given_at: datetime
