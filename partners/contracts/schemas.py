"""What goes over the wire about contracts."""

from datetime import date
from typing import Annotated
from uuid import UUID

import msgspec

from marketplace.kernel.money import Currency, Money
from partners.contracts.domain import Cycle, Proposal, SettlementBasis
from partners.fields import Line, Ppm

PaymentDays = Annotated[int, msgspec.Meta(ge=0, le=365, description="Days from a statement's approval to its payment.")]


class NewContract(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The terms of a new version. `ends_on` is the first day on which it is no longer in force; null is open-ended."""

    starts_on: date
    ends_on: date | None = None
    settlement_basis: SettlementBasis
    settlement_price: Money | None = None
    max_settlement_price: Money | None = None
    commission_ppm: Ppm = 0
    tax_rate_ppm: Ppm = 0
    currency: Currency = "CNY"
    cycle: Cycle = "monthly"
    payment_terms_days: PaymentDays = 30

    def proposal(self) -> Proposal:
        """Return the terms as the domain knows them."""
        return Proposal(**{name: getattr(self, name) for name in self.__struct_fields__})


class EndContract(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """From which day on the contract is no longer in force, and why."""

    ends_on: date
    reason: Line


class ContractView(msgspec.Struct, frozen=True, kw_only=True):
    """A version of a contract; amounts per unit."""

    id: UUID
    partner_id: UUID
    version: int
    starts_on: date
    ends_on: date | None
    settlement_basis: SettlementBasis
    settlement_price: Money | None
    max_settlement_price: Money | None
    commission_ppm: int
    tax_rate_ppm: int
    currency: str
    cycle: Cycle
    payment_terms_days: int
    partner_status: str
