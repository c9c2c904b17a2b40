"""What a contract says, and which one is in force on a day: pure."""

from datetime import date
from typing import Literal
from uuid import UUID

import msgspec

from marketplace.kernel.facts import InvalidField
from marketplace.kernel.money import Money
from marketplace.kernel.text import Text

SettlementBasis = Literal["on_use", "on_issue"]
"""When the OEM begins to owe the partner: when a voucher is used, or already when it is issued."""

Cycle = Literal["monthly"]


_FIRST_DAY, _LAST_DAY = date(2000, 1, 1), date(2199, 12, 31)
"""Days outside are slips of the pen, such as a year typed with one digit too few."""


class ContractTerms(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a partner's contract, in force on the business days `[starts_on, ends_on)`.

    Amounts are per unit, in minor units of `currency`. `settlement_price` holds unless an offer proposes its own, which
    may not exceed `max_settlement_price`. Rates are parts per million: the commission is on cash, the tax is contained.
    """

    contract_id: UUID
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

    def covers(self, day: date) -> bool:
        """Return whether the contract is in force on the business day."""
        return self.starts_on <= day and (self.ends_on is None or day < self.ends_on)


class PartnerTerms(msgspec.Struct, frozen=True, kw_only=True):
    """A partner with all its contracts, oldest first. `version` grows with each change of its status or contracts."""

    partner_id: UUID
    name: Text
    status: str
    version: int
    contracts: tuple[ContractTerms, ...]


def contract_in_force(terms: PartnerTerms, day: date) -> ContractTerms | None:
    """Return the contract that covers the business day, or None. The partner's status is not asked here."""
    return next((contract for contract in terms.contracts if contract.covers(day)), None)


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """The terms of a contract that is to be signed."""

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


def check_proposal(proposal: Proposal, home_currency: str) -> None:
    """Raise InvalidField for terms that contradict each other or this marketplace.

    There is one currency: nothing here converts, so a contract in another could never be settled.
    """
    for field in ("starts_on", "ends_on"):
        day: date | None = getattr(proposal, field)
        if day is not None and not _FIRST_DAY <= day <= _LAST_DAY:
            raise InvalidField(
                field, f"须在 {_FIRST_DAY} 与 {_LAST_DAY} 之间。", f"must lie from {_FIRST_DAY} to {_LAST_DAY}."
            )
    if proposal.ends_on is not None and proposal.ends_on <= proposal.starts_on:
        raise InvalidField(
            "ends_on", "必须晚于 starts_on（不含当日）。", "must lie after starts_on; it is the first day without it."
        )
    if proposal.currency != home_currency:
        raise InvalidField(
            "currency", f"本平台以 {home_currency} 结算。", f"must be {home_currency}: this marketplace settles in it."
        )
    for field in ("settlement_price", "max_settlement_price"):
        price: Money | None = getattr(proposal, field)
        if price is not None and price.currency != proposal.currency:
            raise InvalidField(
                f"{field}.currency",
                f"必须与合同币种 {proposal.currency} 一致。",
                f"must be the contract's {proposal.currency}.",
            )
    price, limit = proposal.settlement_price, proposal.max_settlement_price
    if price is not None and limit is not None and price.amount > limit.amount:
        raise InvalidField("max_settlement_price", "不能低于 settlement_price。", "must not be below settlement_price.")


def check_end(current: ContractTerms, ends_on: date, today: date) -> None:
    """Raise InvalidField unless the contract can end on that day.

    It can only be shortened, and never into the past: what was redeemed under it keeps a contract that covers its day.
    """
    if ends_on <= current.starts_on:
        raise InvalidField("ends_on", "必须晚于 starts_on。", "must lie after starts_on.")
    if ends_on <= today:
        raise InvalidField("ends_on", "必须晚于今天。", "must lie after today.")
    if current.ends_on is not None and ends_on >= current.ends_on:
        raise InvalidField(
            "ends_on", "只能提前结束合同。", "can only be moved to an earlier day; a longer term is a new contract."
        )
