"""The facts that points publish."""

from datetime import datetime
from uuid import UUID

import msgspec

from marketplace.kernel.event import Event
from marketplace.kernel.periods import Cycle


class PointsCredited(Event, frozen=True, tag="points.credited"):
    """The OEM credited an earning."""

    aggregate = "wallet"

    member_id: UUID
    transaction_id: UUID
    reference: str
    kind: str
    points: int
    occurred_at: datetime

    def subject(self) -> UUID:
        """The wallet's member."""
        return self.member_id


class PointsExpired(Event, frozen=True, tag="points.expired"):
    """Points of a member were not spent in time."""

    aggregate = "wallet"

    member_id: UUID
    transaction_id: UUID
    points: int
    expired_at: datetime

    def subject(self) -> UUID:
        """The wallet's member."""
        return self.member_id


class PointsGiven(Event, frozen=True, tag="points.given"):
    """A member gave points to another; they keep the days on which they expire."""

    aggregate = "wallet"

    member_id: UUID
    recipient_id: UUID
    transaction_id: UUID
    points: int
    given_at: datetime

    def subject(self) -> UUID:
        """The giver's wallet."""
        return self.member_id


class GrantTerms(msgspec.Struct, frozen=True, kw_only=True):
    """What a partner owes for points that it granted postpaid, frozen at the grant: minor units, tax contained."""

    contract_id: UUID
    contract_version: int
    amount_minor: int
    currency: str
    tax_rate_ppm: int
    cycle: Cycle
    zone: str


class PointsGranted(Event, frozen=True, tag="points.granted"):
    """A partner granted a member points: out of its prepaid packs (`pack_balance` is what it has left), or postpaid."""

    aggregate = "partner"

    partner_id: UUID
    member_id: UUID
    reference: str
    points: int
    pack_balance: int | None
    granted_at: datetime
    transaction_id: UUID
    settlement: GrantTerms | None = None

    def subject(self) -> UUID:
        """The partner."""
        return self.partner_id
