"""The price of a redemption, who bears it, and the OEM's commission, in integers. Pure.

Rounding: rates of an amount by GB/T 8170-2008 §3.2, half to even; shares of a split by the largest remainder, so that they
always sum to the whole; tax half up, as in `kernel/money.py`.
"""

from uuid import UUID

import msgspec

from marketplace.kernel.money import PPM, Money
from partners.contracts.agreement import CommissionRule, Funding, PriceRule, Terms


class Unit(msgspec.Struct, frozen=True):
    """The priced unit of an offer. `own` is the settlement price that the offer proposes, `points` its price in points."""

    offer_id: UUID
    scenario: str
    points: int
    own: Money | None
    cash_minor: int = 0


class Shares(msgspec.Struct, frozen=True):
    """An amount divided between its bearers; the three parts sum to it."""

    oem_minor: int
    partner_minor: int
    dealer_minor: int


class Settled(msgspec.Struct, frozen=True):
    """The amounts of a redemption, tax included.

    The partner is credited `amount_minor` and bears `partner_minor` of it; the dealer pays `dealer_minor` to the OEM;
    `commission_minor` stays with the OEM.
    """

    amount_minor: int
    partner_minor: int
    dealer_minor: int
    commission_minor: int


def part(amount: int, rate: int, whole: int = PPM) -> int:
    """Return amount × rate ÷ whole, rounded half to even (GB/T 8170-2008 §3.2). None of them is negative."""
    quotient, rest = divmod(amount * rate, whole)
    return quotient + (2 * rest > whole or (2 * rest == whole and quotient % 2 == 1))


def unit_price(terms: Terms, unit: Unit) -> int | None:
    """Return the contract's price of a unit, in minor units before added tax; None if it has none.

    In this order: the first matching rule, the offer's own price, the contract's price, its rate for each point.
    """
    for rule in terms.prices:
        if _fits(rule, unit):
            if rule.price is not None:
                return rule.price.amount
            return part(unit.points, rule.per_point_micros or 0)
    price = unit.own or terms.settlement_price
    if price is not None:
        return price.amount
    return None if terms.per_point_micros is None else part(unit.points, terms.per_point_micros)


def split(amount_minor: int, funding: Funding) -> Shares:
    """Divide the amount by largest remainder (Hamilton's method): integer parts first, then one unit each for the largest
    remainders; among equals the OEM before the partner before the dealer.
    """
    rates = (funding.oem_ppm, funding.partner_ppm, funding.dealer_ppm)
    shares = [amount_minor * rate // PPM for rate in rates]
    by_loss = sorted(
        range(3), key=lambda place: -(amount_minor * rates[place] % PPM)
    )  # a stable sort: equals keep their order
    for place in by_loss[: amount_minor - sum(shares)]:
        shares[place] += 1
    return Shares(*shares)


def commission(terms: Terms, unit: Unit, on: str, base_minor: int, quantity: int) -> int:
    """Return the commission on the base by the first matching rule, at most the base itself."""
    for rule in terms.commission:
        if rule.on == on and _fits(rule, unit):
            return _by_rule(rule, base_minor, quantity)
    return part(base_minor, terms.commission_ppm) if on == "cash" else 0


def settle(terms: Terms, unit: Unit, quantity: int) -> Settled | None:
    """Return the amounts of a redemption of that many units, or None if the contract has no price.

    The base of the commission on points is what others pay: the amount without the partner's own share.
    """
    price = unit_price(terms, unit)
    if price is None:
        return None
    if terms.max_settlement_price is not None and price > terms.max_settlement_price.amount:
        return None  # the offer was registered before this contract set its maximum; no debt may exceed it
    amount = _with_tax(terms, price * quantity)
    partner, dealer, kept = 0, 0, 0
    if terms.funding.oem_ppm != PPM:  # a short cut: most contracts share nothing, and this runs for each redemption
        shares = split(amount, terms.funding)
        partner, dealer = shares.partner_minor, shares.dealer_minor
    if terms.commission:
        kept = commission(terms, unit, "points", amount - partner, quantity)
    if unit.cash_minor:
        kept += commission(terms, unit, "cash", unit.cash_minor * quantity, quantity)
    return Settled(amount, partner, dealer, kept)


def grant_price(terms: Terms, points: int) -> int:
    """Return what a partner owes for postpaid granted points, tax included, in minor units."""
    return _with_tax(terms, part(points, terms.grant_per_point_micros or 0))


def _with_tax(terms: Terms, amount: int) -> int:
    """Return the amount plus added tax, if any: rounded half up, so that `tax_included` computes the same tax from the sum."""
    if terms.tax == "contained":
        return amount
    return amount + (2 * amount * terms.tax_rate_ppm + PPM) // (2 * PPM)


def _fits(rule: PriceRule | CommissionRule, unit: Unit) -> bool:
    return (not rule.offers or unit.offer_id in rule.offers) and (not rule.scenarios or unit.scenario in rule.scenarios)


def _by_rule(rule: CommissionRule, base_minor: int, quantity: int) -> int:
    kept = max(part(base_minor, rule.rate_ppm) + rule.fixed_minor * quantity, rule.floor_minor * quantity)
    if rule.cap_minor is not None:
        kept = min(kept, rule.cap_minor * quantity)
    return min(kept, base_minor)
