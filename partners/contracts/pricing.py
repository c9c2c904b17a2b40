"""What a redemption costs, who bears it, and what the OEM keeps: whole numbers in, whole numbers out. Pure.

Rounding: parts of an amount by GB/T 8170-2008 §3.2, half to even; shares of a split by the largest remainder, so that they
always sum; tax half up, as `kernel/money.py` says.
"""

from uuid import UUID

import msgspec

from marketplace.kernel.money import PPM, Money
from partners.contracts.agreement import CommissionRule, Funding, PriceRule, Terms


class Unit(msgspec.Struct, frozen=True):
    """What is priced: one unit of an offer. `own` is the settlement price that the offer proposes, `points` what it costs."""

    offer_id: UUID
    scenario: str
    points: int
    own: Money | None
    cash_minor: int = 0


class Shares(msgspec.Struct, frozen=True):
    """An amount, divided between those who bear it; the three sum to it."""

    oem_minor: int
    partner_minor: int
    dealer_minor: int


class Settled(msgspec.Struct, frozen=True):
    """What a redemption comes to, tax contained.

    The partner is credited `amount_minor` and bears `partner_minor` of it; `dealer_minor` is the dealer's to pay to the OEM;
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
    """Return what the contract gives for a unit, in minor units before any added tax; None if it says nothing.

    The first rule that fits the offer, the offer's own price, the contract's price, its rate for each point.
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
    """Divide the amount by largest remainder (Hamilton's method): whole parts first, then one unit each for those who
    lost most by that; of equals the OEM before the partner before the dealer.
    """
    rates = (funding.oem_ppm, funding.partner_ppm, funding.dealer_ppm)
    shares = [amount_minor * rate // PPM for rate in rates]
    by_loss = sorted(
        range(3), key=lambda place: -(amount_minor * rates[place] % PPM)
    )  # stable: equals keep their order
    for place in by_loss[: amount_minor - sum(shares)]:
        shares[place] += 1
    return Shares(*shares)


def commission(terms: Terms, unit: Unit, on: str, base_minor: int, quantity: int) -> int:
    """Return what the OEM keeps of the base, by the first rule that fits; never more than the base itself."""
    for rule in terms.commission:
        if rule.on == on and _fits(rule, unit):
            return _by_rule(rule, base_minor, quantity)
    return part(base_minor, terms.commission_ppm) if on == "cash" else 0


def settle(terms: Terms, unit: Unit, quantity: int) -> Settled | None:
    """Return what a redemption of that many units comes to under the terms, or None where the contract gives no price.

    The commission on points is on what others pay: the amount without the partner's own share.
    """
    price = unit_price(terms, unit)
    if price is None:
        return None
    if terms.max_settlement_price is not None and price > terms.max_settlement_price.amount:
        return None  # the offer was registered before this contract set its maximum; nothing may be owed above it
    amount = _with_tax(terms, price * quantity)
    partner, dealer, kept = 0, 0, 0
    if terms.funding.oem_ppm != PPM:  # most contracts share nothing, and this is asked for each redemption
        shares = split(amount, terms.funding)
        partner, dealer = shares.partner_minor, shares.dealer_minor
    if terms.commission:
        kept = commission(terms, unit, "points", amount - partner, quantity)
    if unit.cash_minor:
        kept += commission(terms, unit, "cash", unit.cash_minor * quantity, quantity)
    return Settled(amount, partner, dealer, kept)


def grant_price(terms: Terms, points: int) -> int:
    """Return what a partner owes for points that it grants postpaid, tax contained, in minor units."""
    return _with_tax(terms, part(points, terms.grant_per_point_micros or 0))


def _with_tax(terms: Terms, amount: int) -> int:
    """Return the amount with the tax that comes on top of it, if any: rounded half up, so that `tax_included` finds just
    this tax in the sum again.
    """
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
