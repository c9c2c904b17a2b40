"""The facts that redemptions publish. What settlement must know stands in them, frozen as it was at redemption."""

from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

from marketplace.kernel.event import Event
from marketplace.kernel.periods import Cycle


class SettlementTerms(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the OEM owes the partner for the whole redemption, and by which contract; never re-priced.

    Of the amount the partner bears `partner_minor`, and the dealer that the contract names owes the OEM `dealer_minor`;
    `commission_minor` stays with the OEM. All of it is tax included. It is settled in periods of the `cycle`, whose days are
    those of the `zone` (none: the marketplace's own).
    """

    contract_id: UUID
    contract_version: int
    basis: Literal["on_issue", "on_use"]
    amount_minor: int
    currency: str
    tax_rate_ppm: int
    partner_minor: int = 0
    dealer_minor: int = 0
    commission_minor: int = 0
    counter_cancel_minutes: int = 0
    cycle: Cycle = "monthly"
    zone: str = ""


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
    occasion: int

    def subject(self) -> UUID:
        """The redemption."""
        return self.redemption_id


class VoucherUseUndone(Event, frozen=True, tag="voucher.use_undone"):
    """The counter took back a use by mistake, in the time that the contract allows; the voucher can be used again.

    All but `undone_at` is what the use said: `occasion` counts the uses of the voucher.
    """

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
    reason: str
    undone_at: datetime
    occasion: int

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
