"""The content of a contract: one frozen Struct on the wire, in the row and in memory; and its validation. Pure.

Amounts are per unit, in minor units of `currency`; rates are parts per million. A field added later has a
default, so that earlier contracts keep their meaning.
"""

from collections.abc import Iterator
from datetime import date
from typing import Annotated, Literal
from uuid import UUID
from zoneinfo import available_timezones

import msgspec

from marketplace.kernel.money import PPM, AmountMinor, Currency, Money
from marketplace.kernel.periods import Cycle
from marketplace.kernel.refusals import InvalidField, refuse_all
from marketplace.kernel.scenarios import Scenario
from marketplace.kernel.text import marked
from partners.fields import Ppm, Reference

ContractRole = Literal["accepts_points", "grants_points", "both"]
"""Whether members spend points at the partner, receive points from it, or both."""

SettlementBasis = Literal["on_use", "on_issue"]
"""When the OEM owes the partner: when a voucher is used, or when it is issued."""

TaxMode = Literal["contained", "added"]
"""Whether the contract's prices include VAT, or it is added to them."""

Invoicer = Literal["partner", "oem"]
"""Who issues the invoice to the OEM: the partner, or the OEM in its name (self-billing)."""

OfferIds = Annotated[tuple[UUID, ...], msgspec.Meta(max_length=200, description="Of these offers; none means all.")]
Scenarios = Annotated[
    tuple[Scenario, ...], msgspec.Meta(max_length=10, description="Of these scenarios; none means all.")
]
PerPoint = Annotated[
    int,
    msgspec.Meta(ge=1, le=10**12, description="Millionths of a minor unit for one point: 1000000 is one fen a point."),
]
TimeZone = Annotated[
    str,
    msgspec.Meta(
        max_length=64,
        pattern=r"^[A-Za-z][A-Za-z0-9_+/-]*$(?!\n)",
        examples=["Asia/Shanghai"],
        extra=marked(words=(" IANA 时区，如 Asia/Shanghai", "an IANA time zone such as Asia/Shanghai")),
        description="IANA zone in which the periods of the cycle begin; null means that of the marketplace.",
    ),
]
PaymentDays = Annotated[int, msgspec.Meta(ge=0, le=365, description="Days from a statement's approval to its payment.")]
CounterMinutes = Annotated[
    int, msgspec.Meta(ge=0, le=1440, description="For how long the counter may undo a use; 0 means not at all.")
]


class PriceRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The price of a unit to the OEM, for the named offers and scenarios: an amount, or a rate for each point."""

    offers: OfferIds = ()
    scenarios: Scenarios = ()
    price: Money | None = None
    per_point_micros: PerPoint | None = None


class CommissionRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The OEM's commission, on cash or on its debt for points: a rate plus a fixed amount, between floor and cap.

    The amounts are per unit.
    """

    on: Literal["cash", "points"]
    offers: OfferIds = ()
    scenarios: Scenarios = ()
    rate_ppm: Ppm = 0
    fixed_minor: AmountMinor = 0
    floor_minor: AmountMinor = 0
    cap_minor: AmountMinor | None = None


class Funding(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who bears the price of a unit, in shares that sum to one million; `dealer` is the account of the dealer's share."""

    oem_ppm: Ppm = PPM
    partner_ppm: Ppm = 0
    dealer_ppm: Ppm = 0
    dealer: Reference | None = None


class Packs(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Prepaid points: the points of a pack, its price, and the balance at which the partner is warned."""

    points: Annotated[int, msgspec.Meta(ge=1, le=10**9)]
    price: Money
    low_balance_points: Annotated[int, msgspec.Meta(ge=0, le=10**9)] = 0


class Terms(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The terms without their dates.

    The price of a unit is the first of `prices` that matches the offer; else the offer's own price, which may not exceed
    `max_settlement_price`; else `settlement_price` or `per_point_micros`. The first matching rule of `commission` applies;
    without one, `commission_ppm` is kept of cash, and nothing of points. Points that the partner grants are prepaid in
    `packs`, or postpaid: each costs it `grant_per_point_micros`, which its statements deduct. With neither it cannot grant.
    """

    role: ContractRole = "accepts_points"
    settlement_basis: SettlementBasis
    settlement_price: Money | None = None
    per_point_micros: PerPoint | None = None
    max_settlement_price: Money | None = None
    prices: Annotated[tuple[PriceRule, ...], msgspec.Meta(max_length=50)] = ()
    funding: Funding = Funding()
    commission_ppm: Ppm = 0
    commission: Annotated[tuple[CommissionRule, ...], msgspec.Meta(max_length=50)] = ()
    tax_rate_ppm: Ppm = 0
    tax: TaxMode = "contained"
    invoiced_by: Invoicer = "partner"
    currency: Currency = "CNY"
    cycle: Cycle = "monthly"
    time_zone: TimeZone | None = None
    payment_terms_days: PaymentDays = 30
    minimum_payout: Money | None = None
    counter_cancel_minutes: CounterMinutes = 0
    packs: Packs | None = None
    grant_per_point_micros: PerPoint | None = None


class Proposal(Terms, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The terms of one version. `ends_on` is the first day on which it is no longer in force; null is open-ended."""

    starts_on: date
    ends_on: date | None = None


class Parties(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The parties: the OEM's name, and the partner's as its application had it when the version was drafted."""

    oem: str
    partner: str
    registration_number: str


class ContractContent(Proposal, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The content that is hashed and signed: the whole version, its parties, and its format."""

    format: Literal[1] = 1
    partner_id: UUID
    parties: Parties
    version: int


_FIRST_DAY, _LAST_DAY = date(2000, 1, 1), date(2199, 12, 31)
"""Dates outside are typing errors, such as a year with a missing digit."""


def check_proposal(proposal: Proposal, home_currency: str) -> None:
    """Raise InvalidField, or InvalidFields, for terms that contradict each other or this marketplace.

    There is one currency: amounts are never converted, so a contract in another could not be settled.
    """
    refuse_all(_faults(proposal, home_currency))


def _faults(proposal: Proposal, home_currency: str) -> Iterator[InvalidField]:
    yield from _days_faults(proposal)
    if proposal.currency != home_currency:
        yield InvalidField(
            "currency", f"本平台以 {home_currency} 结算。", f"must be {home_currency}: this marketplace settles in it."
        )
    yield from _prices_faults(proposal)
    least = proposal.minimum_payout
    if least is not None and least.currency != proposal.currency:
        yield InvalidField(
            "minimum_payout.currency",
            f"必须与合同币种 {proposal.currency} 一致。",
            f"must be the contract's {proposal.currency}.",
        )
    if proposal.time_zone is not None and proposal.time_zone not in available_timezones():
        yield InvalidField("time_zone", "不是 IANA 时区。", "is no IANA time zone.")
    yield from _grants_faults(proposal)
    yield from _funding_faults(proposal.funding)
    for place, rule in enumerate(proposal.commission):
        yield from _names_faults(f"commission[{place}]", rule)
        if rule.cap_minor is not None and rule.cap_minor < rule.floor_minor:
            yield InvalidField(
                f"commission[{place}].cap_minor", "不能低于 floor_minor。", "must not be below floor_minor."
            )


def day_faults(field: str, day: date | None) -> Iterator[InvalidField]:
    """Yield the fault of a date on which no contract can begin or end."""
    if day is not None and not _FIRST_DAY <= day <= _LAST_DAY:
        yield InvalidField(
            field, f"须在 {_FIRST_DAY} 与 {_LAST_DAY} 之间。", f"must lie from {_FIRST_DAY} to {_LAST_DAY}."
        )


def _days_faults(proposal: Proposal) -> Iterator[InvalidField]:
    yield from day_faults("starts_on", proposal.starts_on)
    yield from day_faults("ends_on", proposal.ends_on)
    if proposal.ends_on is not None and proposal.ends_on <= proposal.starts_on:
        yield InvalidField(
            "ends_on", "必须晚于 starts_on（不含当日）。", "must lie after starts_on; it is the first day without it."
        )


def _prices_faults(proposal: Proposal) -> Iterator[InvalidField]:
    named = [("settlement_price", proposal.settlement_price), ("max_settlement_price", proposal.max_settlement_price)]
    for place, rule in enumerate(proposal.prices):
        yield from _names_faults(f"prices[{place}]", rule)
        if (rule.price is None) == (rule.per_point_micros is None):
            yield InvalidField(
                f"prices[{place}]",
                "须且只须给出 price 或 per_point_micros。",
                "names either price or per_point_micros.",
            )
        named.append((f"prices[{place}].price", rule.price))
    limit = proposal.max_settlement_price
    for field, price in named:
        if price is None:
            continue
        if price.currency != proposal.currency:
            yield InvalidField(
                f"{field}.currency",
                f"必须与合同币种 {proposal.currency} 一致。",
                f"must be the contract's {proposal.currency}.",
            )
        if limit is not None and price.amount > limit.amount:
            yield InvalidField("max_settlement_price", f"不能低于 {field}。", f"must not be below {field}.")
    if proposal.settlement_price is not None and proposal.per_point_micros is not None:
        yield InvalidField(
            "per_point_micros", "与 settlement_price 只能二选一。", "goes without settlement_price: give one of them."
        )


def _grants_faults(proposal: Proposal) -> Iterator[InvalidField]:
    for field in ("packs", "grant_per_point_micros"):
        if getattr(proposal, field) is not None and proposal.role == "accepts_points":
            yield InvalidField(field, "仅用于发放积分的合同。", "goes with a contract that grants points.")
    if proposal.packs is None:
        return
    if proposal.grant_per_point_micros is not None:
        yield InvalidField(
            "grant_per_point_micros",
            "与 packs 只能二选一：预付或后付。",
            "goes without packs: points are paid before they are granted, or after.",
        )
    if proposal.packs.price.currency != proposal.currency:
        yield InvalidField(
            "packs.price.currency",
            f"必须与合同币种 {proposal.currency} 一致。",
            f"must be the contract's {proposal.currency}.",
        )


def _funding_faults(funding: Funding) -> Iterator[InvalidField]:
    total = funding.oem_ppm + funding.partner_ppm + funding.dealer_ppm
    if total != PPM:
        yield InvalidField(
            "funding", f"三方比例合计须为 {PPM}，现为 {total}。", f"must sum to {PPM} parts; it sums to {total}."
        )
    if (funding.dealer is None) != (funding.dealer_ppm == 0):
        yield InvalidField(
            "funding.dealer", "经销商承担比例大于 0 时必填，否则须为空。", "is given just when dealer_ppm is above 0."
        )


def _names_faults(field: str, rule: PriceRule | CommissionRule) -> Iterator[InvalidField]:
    for name, values in (("offers", rule.offers), ("scenarios", rule.scenarios)):
        if len(set(values)) != len(values):
            yield InvalidField(f"{field}.{name}", "不能重复。", "names one twice.")
