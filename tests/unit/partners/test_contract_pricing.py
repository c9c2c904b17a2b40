"""Prices, shares, commissions and tax: by example, and by properties; each property is shown to fail for a broken rule."""

from collections.abc import Callable
from fractions import Fraction
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from marketplace.kernel.money import PPM, Money, tax_included
from partners.contracts.agreement import CommissionRule, Funding, PriceRule, Terms
from partners.contracts.pricing import Shares, Unit, commission, part, settle, split, unit_price

ROOM, SUITE = UUID(int=1), UUID(int=2)
UNIT = Unit(ROOM, "lodging", 2600, None)
TERMS = Terms(settlement_basis="on_use", settlement_price=Money(12_000))

AMOUNTS = st.one_of(st.integers(0, 5), st.integers(0, 10**7), st.just(10**13))
PPMS = st.one_of(st.sampled_from([0, 1, 333_333, 500_000, 999_999, PPM]), st.integers(0, PPM))


@st.composite
def fundings(draw: Any) -> Funding:
    one, other = sorted((draw(PPMS), draw(PPMS)))
    dealer = PPM - other
    return Funding(oem_ppm=one, partner_ppm=other - one, dealer_ppm=dealer, dealer="D-1" if dealer else None)


def rules(on: str = "points") -> st.SearchStrategy[CommissionRule]:
    return st.builds(
        lambda rate, fixed, floor, more, capped: CommissionRule(
            on=on, rate_ppm=rate, fixed_minor=fixed, floor_minor=floor, cap_minor=floor + more if capped else None
        ),
        PPMS, st.integers(0, 500), st.integers(0, 500), st.integers(0, 5000), st.booleans(),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("amount", "rate", "expected"),
    [(5, 100_000, 0), (15, 100_000, 2), (25, 100_000, 2), (26, 100_000, 3), (0, PPM, 0), (7, PPM, 7), (1, 500_001, 1)],
)
def test_parts_are_rounded_half_to_even(amount: int, rate: int, expected: int) -> None:
    assert part(amount, rate) == expected
    assert part(amount, rate) == round(Fraction(amount * rate, PPM))


@pytest.mark.parametrize(
    ("terms", "unit", "expected"),
    [
        ({}, UNIT, 12_000),
        ({}, msgspec.structs.replace(UNIT, own=Money(9_000)), 9_000),
        ({"settlement_price": None}, UNIT, None),
        ({"settlement_price": None, "per_point_micros": 1_500_000}, UNIT, 3_900),
        ({"prices": (PriceRule(scenarios=("dining",), price=Money(1)),)}, UNIT, 12_000),
        ({"prices": (PriceRule(scenarios=("lodging",), price=Money(1)),)}, UNIT, 1),
        # What both sides signed goes before what the offer proposes.
        ({"prices": (PriceRule(offers=(ROOM,), price=Money(2)),)}, msgspec.structs.replace(UNIT, own=Money(9)), 2),
        ({"prices": (PriceRule(offers=(SUITE,), price=Money(2)), PriceRule(per_point_micros=1_000_000))}, UNIT, 2_600),
        # The first that fits, whatever comes after it.
        ({"prices": (PriceRule(price=Money(3)), PriceRule(offers=(ROOM,), price=Money(4)))}, UNIT, 3),
    ],
)
def test_the_price_of_a_unit(terms: dict[str, Any], unit: Unit, expected: int | None) -> None:
    assert unit_price(msgspec.structs.replace(TERMS, **terms), unit) == expected


def test_nothing_is_owed_above_the_maximum() -> None:
    capped = msgspec.structs.replace(TERMS, max_settlement_price=Money(11_999))
    assert settle(capped, UNIT, 1) is None


@pytest.mark.parametrize(
    ("amount", "funding", "shares"),
    [
        (100, Funding(), (100, 0, 0)),
        (100, Funding(oem_ppm=800_000, partner_ppm=100_000, dealer_ppm=100_000, dealer="D"), (80, 10, 10)),
        # A third each of 100: one is left, and of equals the OEM comes first; the dealer lost most of 101.
        (100, Funding(oem_ppm=333_333, partner_ppm=333_333, dealer_ppm=333_334, dealer="D"), (33, 33, 34)),
        (1, Funding(oem_ppm=500_000, partner_ppm=500_000), (1, 0, 0)),
        (3, Funding(oem_ppm=500_000, partner_ppm=500_000), (2, 1, 0)),
        (1, Funding(oem_ppm=0, partner_ppm=0, dealer_ppm=PPM, dealer="D"), (0, 0, 1)),
    ],
)
def test_split_by_largest_remainder(amount: int, funding: Funding, shares: tuple[int, int, int]) -> None:
    assert split(amount, funding) == Shares(*shares)


def _splits_exactly(divide: Callable[[int, Funding], Shares], amount: int, funding: Funding) -> None:
    shares = divide(amount, funding)
    rates = (funding.oem_ppm, funding.partner_ppm, funding.dealer_ppm)
    found = (shares.oem_minor, shares.partner_minor, shares.dealer_minor)
    assert sum(found) == amount
    for share, rate in zip(found, rates, strict=True):
        assert abs(share * PPM - amount * rate) < PPM, "a share is never a whole unit away from its part"
        assert rate > 0 or share == 0, "who bears nothing gets nothing"


@given(AMOUNTS, fundings())
@hypothesis_settings(max_examples=300, deadline=None, derandomize=True)
def test_shares_sum_exactly_and_keep_the_quota(amount: int, funding: Funding) -> None:
    _splits_exactly(split, amount, funding)


def _rounded_each_for_itself(amount: int, funding: Funding) -> Shares:
    return Shares(*(part(amount, rate) for rate in (funding.oem_ppm, funding.partner_ppm, funding.dealer_ppm)))


def _rest_to_the_dealer(amount: int, funding: Funding) -> Shares:
    oem, partner = amount * funding.oem_ppm // PPM, amount * funding.partner_ppm // PPM
    return Shares(oem, partner, amount - oem - partner)


@pytest.mark.parametrize("broken", [_rounded_each_for_itself, _rest_to_the_dealer])
def test_other_ways_to_split_would_be_found_out(broken: Callable[[int, Funding], Shares]) -> None:
    with pytest.raises(AssertionError):
        for amount in range(20):
            for partner in (0, 333_333, 500_000, 250_000):
                funding = Funding(oem_ppm=PPM - partner, partner_ppm=partner)
                _splits_exactly(broken, amount, funding)


RULE = CommissionRule(on="points", rate_ppm=100_000)


@pytest.mark.parametrize(
    ("rule", "base", "quantity", "kept"),
    [
        ({}, 12_000, 1, 1_200),
        ({"rate_ppm": 0, "fixed_minor": 150}, 12_000, 2, 300),
        ({"fixed_minor": 150}, 12_000, 1, 1_350),
        ({"floor_minor": 1_500}, 12_000, 1, 1_500),
        ({"floor_minor": 1_500}, 24_000, 2, 3_000),
        ({"cap_minor": 1_000}, 12_000, 1, 1_000),
        ({"floor_minor": 500}, 300, 1, 300),
        ({}, 0, 1, 0),
    ],
)
def test_commission_by_its_rule(rule: dict[str, Any], base: int, quantity: int, kept: int) -> None:
    terms = msgspec.structs.replace(TERMS, commission=(msgspec.structs.replace(RULE, **rule),))
    assert commission(terms, UNIT, "points", base, quantity) == kept


def test_the_first_rule_that_fits() -> None:
    dining, rooms, rest, cash = (
        CommissionRule(on="points", scenarios=("dining",), rate_ppm=1),
        CommissionRule(on="points", offers=(ROOM,), rate_ppm=200_000),
        CommissionRule(on="points", rate_ppm=100_000),
        CommissionRule(on="cash", scenarios=("lodging",), rate_ppm=300_000),
    )
    terms = msgspec.structs.replace(TERMS, commission=(dining, rooms, rest, cash), commission_ppm=50_000)
    suite = msgspec.structs.replace(UNIT, offer_id=SUITE)
    assert commission(terms, UNIT, "points", 1000, 1) == 200
    assert commission(terms, suite, "points", 1000, 1) == 100
    assert commission(terms, UNIT, "cash", 1000, 1) == 300
    # No rule for cash fits: the contract's own rate. For points there is none.
    assert commission(terms, Unit(SUITE, "travel", 1, None), "cash", 1000, 1) == 50
    only_dining = msgspec.structs.replace(terms, commission=(dining,))
    assert commission(only_dining, UNIT, "points", 1000, 1) == 0
    swapped = msgspec.structs.replace(terms, commission=(rest, rooms))
    assert commission(swapped, UNIT, "points", 1000, 1) == 100, "the order decides, not how well a rule fits"


@given(rules(), AMOUNTS, AMOUNTS, st.integers(1, 20))
@hypothesis_settings(max_examples=300, deadline=None, derandomize=True)
def test_commission_grows_with_its_base_between_floor_and_cap(
    rule: CommissionRule, one: int, other: int, quantity: int
) -> None:
    terms = msgspec.structs.replace(TERMS, commission=(rule,))
    less, more = sorted((one, other))
    small = commission(terms, UNIT, "points", less, quantity)
    great = commission(terms, UNIT, "points", more, quantity)
    assert 0 <= small <= great
    for base, kept in ((less, small), (more, great)):
        assert kept <= base, "the partner never pays for being redeemed"
        assert kept >= min(base, rule.floor_minor * quantity)
        assert rule.cap_minor is None or kept <= rule.cap_minor * quantity


@given(AMOUNTS, PPMS, st.integers(1, 20))
@hypothesis_settings(max_examples=300, deadline=None, derandomize=True)
def test_tax_that_is_added_is_found_again_in_the_sum(price: int, rate: int, quantity: int) -> None:
    terms = msgspec.structs.replace(TERMS, settlement_price=Money(price), tax="added", tax_rate_ppm=rate)
    settled = settle(terms, UNIT, quantity)
    assert settled is not None
    assert settled.amount_minor - tax_included(settled.amount_minor, rate) == price * quantity


@given(AMOUNTS, fundings(), rules(), st.integers(1, 20))
@hypothesis_settings(max_examples=300, deadline=None, derandomize=True)
def test_the_partner_is_never_left_with_less_than_nothing(
    price: int, funding: Funding, rule: CommissionRule, quantity: int
) -> None:
    terms = msgspec.structs.replace(TERMS, settlement_price=Money(price), funding=funding, commission=(rule,))
    settled = settle(terms, UNIT, quantity)
    assert settled is not None
    assert settled.amount_minor - settled.partner_minor - settled.commission_minor >= 0
    assert settled.dealer_minor + settled.partner_minor <= settled.amount_minor == price * quantity


def test_commission_on_cash_comes_beside_that_on_points() -> None:
    unit = msgspec.structs.replace(UNIT, cash_minor=1_000)
    terms = msgspec.structs.replace(TERMS, commission=(RULE,), commission_ppm=50_000)
    settled = settle(terms, unit, 2)
    assert settled is not None
    assert settled.commission_minor == 2_400 + 100
