"""States of a version, who may sign, what a later version displaces, and how a difference is said."""

from collections.abc import Callable
from datetime import date
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from marketplace.kernel.money import Money
from marketplace.kernel.states import TransitionRefusedError
from partners.contracts.agreement import (
    CommissionRule,
    ContractContent,
    Funding,
    Packs,
    Parties,
    PriceRule,
    Proposal,
    Terms,
)
from partners.contracts.difference import FIELDS, difference
from partners.contracts.domain import (
    CONTRACT,
    ContractOverlaps,
    ContractStatus,
    ContractTerms,
    Method,
    Party,
    SameSigner,
    Signature,
    Superseded,
    check_signer,
    content_hash,
    superseding,
    written,
)

STEPS = {
    ("drafted", "edit"): "drafted",
    ("drafted", "offer"): "offered",
    ("drafted", "withdraw"): "withdrawn",
    ("offered", "sign_oem"): "signed_by_oem",
    ("offered", "sign_partner"): "signed_by_partner",
    ("offered", "withdraw"): "withdrawn",
    ("signed_by_oem", "sign_partner"): "signed",
    ("signed_by_oem", "withdraw"): "withdrawn",
    ("signed_by_partner", "sign_oem"): "signed",
    ("signed_by_partner", "withdraw"): "withdrawn",
    ("signed", "end"): "signed",
    ("signed", "shorten"): "signed",
    ("signed", "supersede"): "superseded",
}


@pytest.mark.parametrize("action", sorted({action for _, action in STEPS}))
@pytest.mark.parametrize("state", list(ContractStatus))
def test_every_step_of_a_version(state: ContractStatus, action: str) -> None:
    wanted = STEPS.get((state.value, action))
    if wanted is None:
        with pytest.raises(TransitionRefusedError):
            CONTRACT.after(state, action)
    else:
        assert CONTRACT.after(state, action) == wanted


OURS, THEIRS = Signature(party=Party.OEM, actor="admin:a"), Signature(party=Party.PARTNER, actor="admin:a")


@pytest.mark.parametrize(
    ("party", "method", "actor", "standing", "good"),
    [
        (Party.OEM, Method.API, "admin:a", [], True),
        (Party.PARTNER, Method.PAPER, "admin:b", [OURS], True),
        (Party.PARTNER, Method.API, "client:x", [OURS], True),
        (Party.PARTNER, Method.PAPER, "admin:a", [OURS], False),
        (Party.OEM, Method.API, "admin:a", [THEIRS], False),
        (Party.OEM, Method.API, "admin:b", [THEIRS], True),
    ],
)
def test_nobody_is_both_sides(party: Party, method: Method, actor: str, standing: list[Signature], good: bool) -> None:
    if good:
        check_signer(party, method, actor, standing)
    else:
        with pytest.raises(SameSigner):
            check_signer(party, method, actor, standing)


TODAY = date(2026, 6, 15)


def contract(starts_on: date, ends_on: date | None = None, number: int = 1) -> ContractTerms:
    return ContractTerms(
        contract_id=UUID(int=number), version=number, starts_on=starts_on, ends_on=ends_on, settlement_basis="on_use"
    )


def proposal(starts_on: date, ends_on: date | None = None, **terms: Any) -> Proposal:
    return Proposal(starts_on=starts_on, ends_on=ends_on, settlement_basis="on_use", **terms)


JANUARY, JULY, AUGUST = date(2026, 1, 1), date(2026, 7, 1), date(2026, 8, 1)


@pytest.mark.parametrize(
    ("new", "standing", "expected"),
    [
        (proposal(JULY), contract(JANUARY, JULY), []),
        (proposal(JULY), contract(JANUARY), [JULY]),
        (proposal(JULY), contract(JANUARY, AUGUST), [JULY]),
        (proposal(JULY, AUGUST), contract(JANUARY), [JULY]),  # it does not come back afterwards
        (proposal(JULY), contract(AUGUST), [None]),
        (proposal(JULY), contract(JULY), [None]),
        (proposal(JANUARY, JULY), contract(JULY), []),
        (proposal(TODAY), contract(AUGUST), [None]),
        (proposal(AUGUST), contract(JULY), [AUGUST]),
        (proposal(TODAY), contract(JANUARY), "overlaps"),  # today's redemptions have their contract
        (proposal(JANUARY), contract(JANUARY), "overlaps"),
        (proposal(date(2025, 1, 1)), contract(JANUARY), "overlaps"),
        (proposal(date(2026, 2, 1), date(2026, 3, 1)), contract(JANUARY, JULY), "overlaps"),
        (proposal(date(2025, 1, 1), JANUARY), contract(JANUARY), []),
    ],
)
def test_what_a_later_version_displaces(new: Proposal, standing: ContractTerms, expected: Any) -> None:
    if expected == "overlaps":
        with pytest.raises(ContractOverlaps):
            superseding(new, [standing], TODAY)
    else:
        assert [one.ends_on for one in superseding(new, [standing], TODAY)] == expected


DAYS = st.dates(date(2026, 1, 1), date(2026, 12, 31))


Displace = Callable[[Proposal, list[ContractTerms], date], list[Superseded]]


@given(st.lists(st.tuples(DAYS, st.none() | DAYS), min_size=1, max_size=8), DAYS)
@hypothesis_settings(max_examples=300, deadline=None, derandomize=True)
def test_no_version_moves_a_day_that_has_come(spans: list[tuple[date, date | None]], today: date) -> None:
    _sign_one_after_the_other(superseding, spans, today)


def _in_the_past_too(new: Proposal, standing: list[ContractTerms], _today: date) -> list[Superseded]:
    return superseding(new, standing, date(2000, 1, 1))


def _never(_new: Proposal, _standing: list[ContractTerms], _today: date) -> list[Superseded]:
    return []


@pytest.mark.parametrize("broken", [_in_the_past_too, _never])
def test_rules_that_change_the_past_or_overlap_would_be_found_out(broken: Displace) -> None:
    with pytest.raises(AssertionError):
        _sign_one_after_the_other(broken, [(JANUARY, None), (date(2026, 3, 1), None)], TODAY)


def _sign_one_after_the_other(rule: Displace, spans: list[tuple[date, date | None]], today: date) -> None:
    """At most one holds on each day, and up to today each day keeps the one that it had."""
    standing: list[ContractTerms] = []
    for number, (starts_on, ends_on) in enumerate(spans, start=1):
        if ends_on is not None and ends_on <= starts_on:
            continue
        before = _by_day(standing)
        try:
            displaced = rule(proposal(starts_on, ends_on), standing, today)
        except ContractOverlaps:
            continue
        gone = {one.contract.contract_id: one.ends_on for one in displaced}
        kept = [one for one in standing if one.contract_id not in gone]
        kept += [
            msgspec.structs.replace(one.contract, ends_on=one.ends_on) for one in displaced if one.ends_on is not None
        ]
        standing = [*kept, contract(starts_on, ends_on, number)]
        after = _by_day(standing)
        for day, version in before.items():
            if day <= today:
                assert after.get(day) == version, day


def _by_day(standing: list[ContractTerms]) -> dict[date, int]:
    found: dict[date, int] = {}
    for ordinal in range(date(2026, 1, 1).toordinal(), date(2027, 1, 1).toordinal()):
        day = date.fromordinal(ordinal)
        covering = [one.version for one in standing if one.covers(day)]
        assert len(covering) <= 1, day
        found |= {day: covering[0]} if covering else {}
    return found


FULL = proposal(
    JULY,
    AUGUST,
    role="both",
    settlement_price=Money(12_000),
    max_settlement_price=Money(20_000),
    prices=(
        PriceRule(scenarios=("dining",), per_point_micros=1_500_000),
        PriceRule(offers=(UUID(int=7),), price=Money(99)),
    ),
    funding=Funding(oem_ppm=800_000, partner_ppm=150_000, dealer_ppm=50_000, dealer="D-0042"),
    commission=(CommissionRule(on="points", rate_ppm=62_500, fixed_minor=10, floor_minor=100, cap_minor=900),),
    tax_rate_ppm=60_000,
    tax="added",
    invoiced_by="oem",
    cycle="ten_day",
    time_zone="Asia/Shanghai",
    minimum_payout=Money(100_000),
    counter_cancel_minutes=15,
    packs=Packs(points=10_000, price=Money(80_000), low_balance_points=1_000),
)


def test_what_is_signed_is_one_text() -> None:
    parties = Parties(oem="Nebula Motors", partner="Huazhu Group", registration_number="91310000MA1FL0G37X")
    content = ContractContent(partner_id=UUID(int=1), parties=parties, version=3, **msgspec.structs.asdict(FULL))
    text = written(content)
    assert msgspec.json.decode(text, type=ContractContent) == content
    assert written(msgspec.json.decode(text, type=ContractContent)) == text
    assert len(content_hash(text)) == 64
    for change in ({"version": 4}, {"partner_id": UUID(int=2)}, {"tax_rate_ppm": 60_001}, {"ends_on": None}):
        assert content_hash(written(msgspec.structs.replace(content, **change))) != content_hash(text)


def test_every_field_can_be_said() -> None:
    assert set(FIELDS) == set(Proposal.__struct_fields__)
    assert set(Terms.__struct_fields__) < set(FIELDS)
    said = {change.field: change for change in difference(None, FULL)}
    assert all(change.before is None and change.after is not None for change in said.values())
    funding = said["funding"].after
    assert funding is not None
    assert (funding.zh, funding.en) == (
        "主机厂 80 %，合作方 15 %，经销商 D-0042 5 %",
        "the OEM 80 %, the partner 15 %, the dealer D-0042 5 %",
    )
    assert said["commission"].after.en == "1. all (points): 6.25 %, plus 0.10, at least 1.00, at most 9.00"
    assert said["prices"].after.zh.startswith("1. 食：每积分 0.015；2. 权益商品 ")
    assert said["prices"].after.en.startswith("1. Dining: 0.015 a point; 2. offer ")
    assert said["cycle"].after.zh == "每旬"
    assert said["packs"].after.en == "10000 points for 800.00 CNY; a warning below 1000"


def test_an_overlap_is_told_in_words_that_have_an_end() -> None:
    for ends_on, chinese, english in (
        (None, "2026年1月1日 起，长期有效", "from 1 Jan 2026, open-ended"),
        (JULY, "至 2026年6月30日", "to 30 Jun 2026"),
    ):
        refusal = ContractOverlaps(2, JANUARY, ends_on, JULY)
        assert chinese in refusal.message("zh-CN")
        assert english in refusal.message("en")
        assert "None" not in refusal.message("zh-CN") + refusal.message("en")


def test_a_difference_is_field_by_field() -> None:
    before = proposal(JANUARY, settlement_price=Money(12_000))
    after = proposal(JULY, settlement_price=None, per_point_micros=1_000_000)
    changes = {
        one.field: (one.before and one.before.en, one.after and one.after.en) for one in difference(before, after)
    }
    assert changes == {
        "starts_on": ("1 Jan 2026", "1 Jul 2026"),
        "settlement_price": ("120.00 CNY", None),
        "per_point_micros": (None, "0.01 a point"),
    }
    assert difference(before, before) == []
    (ended,) = difference(before, msgspec.structs.replace(before, ends_on=JULY))
    assert (ended.after.zh, ended.after.en) == ("2026年6月30日", "30 Jun 2026"), "as the contract's page says it"
