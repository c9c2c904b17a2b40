"""Redemption events for settlement's tests, published as benefits would."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

from benefits.redemptions.events import (
    RedemptionCancelled,
    RedemptionIssued,
    SettlementTerms,
    VoucherExpired,
    VoucherUsed,
    VoucherUseUndone,
)
from marketplace.kernel.event import Event
from marketplace.kernel.ids import uuid7
from marketplace.platform.eventlog.events import catch_up, publish
from marketplace.platform.postgres.database import unit_of_work
from marketplace.settings import Settings
from settlement.books.consumer import Books

OCTOBER = datetime(2026, 10, 15, 4, tzinfo=UTC)


class Sale:
    """One redemption, and the events that can happen to it."""

    def __init__(
        self,
        partner_id: UUID | None = None,
        *,
        basis: Literal["on_issue", "on_use"] = "on_use",
        amount_minor: int = 12_900,
        currency: str = "CNY",
        tax_rate_ppm: int = 60_000,
        quantity: int = 1,
        **terms: Any,
    ) -> None:
        self.partner_id = partner_id or uuid7()
        self.redemption_id = uuid7()
        self.voucher_id = uuid7()
        self.offer_id = uuid7()
        self.quantity = quantity
        self.terms = SettlementTerms(uuid7(), 3, basis, amount_minor, currency, tax_rate_ppm, **terms)

    def _common(self) -> dict[str, Any]:
        return {
            "redemption_id": self.redemption_id,
            "voucher_id": self.voucher_id,
            "member_id": uuid7(),
            "partner_id": self.partner_id,
            "offer_id": self.offer_id,
            "settlement": self.terms,
        }

    def issued(self, at: datetime = OCTOBER) -> RedemptionIssued:
        return RedemptionIssued(**self._common(), revision=2, quantity=self.quantity, points=500, issued_at=at)

    def cancelled(self, at: datetime = OCTOBER) -> RedemptionCancelled:
        return RedemptionCancelled(
            **self._common(),
            revision=2,
            quantity=self.quantity,
            points_returned=500,
            points_forfeited=0,
            reason="changed my mind",
            cancelled_at=at,
        )

    def used(self, at: datetime = OCTOBER, reference: str = "R-1", occasion: int = 1) -> VoucherUsed:
        return VoucherUsed(**self._at_counter(reference, occasion), used_at=at)

    def undone(self, at: datetime = OCTOBER, reference: str = "R-1", occasion: int = 1) -> VoucherUseUndone:
        return VoucherUseUndone(
            **self._at_counter(reference, occasion), used_at=OCTOBER, reason="wrong guest", undone_at=at
        )

    def _at_counter(self, reference: str, occasion: int) -> dict[str, Any]:
        return self._common() | {
            "revision": 2, "quantity": self.quantity, "location_id": "L-1", "reference": reference, "occasion": occasion,
        }  # fmt: skip

    def expired(self, at: datetime = OCTOBER) -> VoucherExpired:
        return VoucherExpired(**self._common(), expired_at=at)


async def record(*events: Event) -> None:
    """Publish the events in a transaction of their own."""
    async with unit_of_work() as work:
        await publish(work, events, OCTOBER)


async def record_and_post(settings: Settings, events: Sequence[Event]) -> None:
    """Publish the events and let the money book take them."""
    await record(*events)
    await catch_up(Books(settings.calendar))
