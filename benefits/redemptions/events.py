"""The facts that redemptions publish. What settlement must know stands in them, frozen as it was at redemption."""

from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

from marketplace.kernel.event import Event


class SettlementTerms(msgspec.Struct, frozen=True):
    """What the OEM owes the partner for the whole redemption, and by which contract; never re-priced."""

    contract_id: UUID
    contract_version: int
    basis: Literal["on_issue", "on_use"]
    amount_minor: int
    currency: str
    tax_rate_ppm: int


class RedemptionIssued(Event, frozen=True, tag="redemption.issued"):
    """A member spent points and holds a voucher."""

    aggregate = "redemption"

    redemption_id: UUID
    voucher_id: UUID
    member_id: UUID
    partner_id: UUID
    offer_id: UUID
    revision: int
    quantity: int
    points: int
    settlement: SettlementTerms
    issued_at: datetime

    def subject(self) -> UUID:
        """The redemption."""
        return self.redemption_id


class RedemptionCancelled(Event, frozen=True, tag="redemption.cancelled"):
    """An unused redemption was undone; points went back."""

    aggregate = "redemption"

    redemption_id: UUID
    voucher_id: UUID
    member_id: UUID
    partner_id: UUID
    offer_id: UUID
    revision: int
    quantity: int
    points_returned: int
    points_forfeited: int
    reason: str
    settlement: SettlementTerms
    cancelled_at: datetime

    def subject(self) -> UUID:
        """The redemption."""
        return self.redemption_id


class VoucherUsed(Event, frozen=True, tag="voucher.used"):
    """The partner took the voucher at the counter or online."""

    aggregate = "redemption"

    redemption_id: UUID
    voucher_id: UUID
    member_id: UUID
    partner_id: UUID
    offer_id: UUID
    revision: int
    quantity: int
    location_id: str
    reference: str
    settlement: SettlementTerms
    used_at: datetime

    def subject(self) -> UUID:
        """The redemption."""
        return self.redemption_id


class VoucherExpired(Event, frozen=True, tag="voucher.expired"):
    """Nobody used the voucher in time; the points stay spent."""

    aggregate = "redemption"

    redemption_id: UUID
    voucher_id: UUID
    member_id: UUID
    partner_id: UUID
    offer_id: UUID
    settlement: SettlementTerms
    expired_at: datetime

    def subject(self) -> UUID:
        """The redemption."""
        return self.redemption_id
