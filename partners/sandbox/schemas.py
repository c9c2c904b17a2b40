"""The wire format of a partner's sandbox."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec

from marketplace.kernel.refusals import InvalidField
from marketplace.kernel.text import Text

Days = Annotated[int, msgspec.Meta(ge=1, le=3660, description="Whole days forward.")]


class SandboxMember(msgspec.Struct, frozen=True, kw_only=True):
    """A test member at creation; use its token at `GET /v1/me` for its current state."""

    id: UUID
    name: str
    tier: str
    points: int


class MagicOffer(msgspec.Struct, frozen=True, kw_only=True):
    """An offer whose redemption always ends as `answers` says: `sold_out`, `insufficient_points`, `slow_fulfilment` (201 after
    some seconds) or `fulfilment_failed` (409, nothing taken).
    """

    id: UUID
    sku: str
    title: Text
    answers: str


class SandboxView(msgspec.Struct, frozen=True, kw_only=True):
    """A sandbox: its clock, test members and test offers. `ahead_seconds` is how far the clock was moved."""

    now: datetime
    ahead_seconds: int
    made_at: datetime
    members: list[SandboxMember]
    offers: list[MagicOffer]


class SandboxClockInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The new time: an instant after the sandbox's current one, or a number of days. Exactly one of the two."""

    to: datetime | None = None
    days: Days | None = None

    def __post_init__(self) -> None:
        """Refuse both or neither."""
        if (self.to is None) == (self.days is None):
            raise InvalidField("to", "to 与 days 须且只能填一个。", "give either to or days.")
        if self.to is not None and self.to.tzinfo is None:
            raise InvalidField("to", "须带时区。", "needs a time zone, such as +08:00.")


class ClockView(msgspec.Struct, frozen=True, kw_only=True):
    """The current time of the sandbox."""

    now: datetime
    ahead_seconds: int


class MemberTokenInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The test member for whom you want to act."""

    member_id: UUID


class MemberToken(msgspec.Struct, frozen=True, kw_only=True):
    """A bearer token of the test member, for `/v1/me`, `/v1/offers`, `/v1/redemptions` and `/v1/vouchers` of this sandbox."""

    access_token: str
    expires_in: int
    token_type: str = "Bearer"  # noqa: S105 - the scheme
