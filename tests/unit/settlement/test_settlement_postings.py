"""What each event adds to the money book, and in which period."""

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from marketplace.kernel.calendar import Calendar
from marketplace.kernel.ids import uuid7
from marketplace.kernel.money import tax_included
from settlement.books.domain import MoneyAccount, MoneyPostingCode, derived_id, payout_posting, period_of, postings_for
from tests.support.settlement import Sale

SHANGHAI = Calendar(ZoneInfo("Asia/Shanghai"))


@pytest.mark.parametrize(
    ("basis", "event", "amount", "expected"),
    [
        ("on_issue", "issued", 12_900, "benefit_on_issue oem:benefits>partner:payable"),
        ("on_issue", "cancelled", 12_900, "benefit_on_issue_reversed partner:payable>oem:benefits"),
        ("on_issue", "used", 12_900, None),
        ("on_issue", "expired", 12_900, None),
        ("on_use", "issued", 12_900, None),
        ("on_use", "cancelled", 12_900, None),
        ("on_use", "used", 12_900, "benefit_on_use oem:benefits>partner:payable"),
        ("on_use", "expired", 12_900, None),
        ("on_issue", "issued", 0, None),
        ("on_use", "used", 0, None),
    ],
)
def test_postings_for(basis: str, event: str, amount: int, expected: str | None) -> None:
    sale = Sale(basis=basis, amount_minor=amount, quantity=2)
    postings = postings_for(getattr(sale, event)())
    assert [f"{p.code} {p.source}>{p.destination}" for p in postings] == ([expected] if expected else [])
    for posting in postings:
        assert (posting.amount_minor, posting.currency, posting.quantity) == (12_900, "CNY", 2)
        assert posting.redemption_id == sale.redemption_id
        assert (posting.contract_id, posting.contract_version) == (sale.terms.contract_id, 3)


@pytest.mark.parametrize(
    ("amount", "rate_ppm", "tax"),
    [
        (10_600, 60_000, 600),
        (12_900, 60_000, 730),
        (1, 130_000, 0),
        (5, 130_000, 1),
        (12_900, 0, 0),
        (10**13, 60_000, 566_037_735_849),
    ],
)
def test_tax_is_contained(amount: int, rate_ppm: int, tax: int) -> None:
    """6 % of 106.00 is 6.00: the tax is in the price, not on it."""
    [posting] = postings_for(Sale(amount_minor=amount, tax_rate_ppm=rate_ppm).used())
    assert posting.tax_minor == tax


def test_a_reversal_names_its_original_and_mirrors_it() -> None:
    sale = Sale(basis="on_issue")
    [original] = postings_for(sale.issued())
    [reversal] = postings_for(sale.cancelled())
    assert reversal.reverses == original.id
    assert reversal.id != original.id
    assert (reversal.source, reversal.destination) == (original.destination, original.source)
    assert (reversal.amount_minor, reversal.tax_minor) == (original.amount_minor, original.tax_minor)
    assert (original.sign, reversal.sign) == (1, -1)


def test_a_told_again_event_gives_the_same_posting() -> None:
    sale = Sale()
    assert postings_for(sale.used()) == postings_for(sale.used())


def test_derived_ids_are_uuid7_that_sort_with_their_base() -> None:
    early, late = uuid7(unix_ms=1_000), uuid7(unix_ms=2_000)
    derived = derived_id(early, "x")
    assert derived.version == 7
    assert derived.variant == uuid7().variant
    assert derived < late
    assert derived.int >> 80 == 1_000
    assert len({derived, derived_id(early, "y"), derived_id(late, "x"), early}) == 4
    assert len({derived_id(uuid7(), "x") for _ in range(5_000)}) == 5_000


def test_a_payout_takes_from_the_payable() -> None:
    posting = payout_posting(uuid7(), uuid7(), 12_900, "CNY", datetime(2026, 11, 5, tzinfo=UTC))
    assert posting.code is MoneyPostingCode.PAYOUT
    assert (posting.source, posting.destination) == (MoneyAccount.PAYABLE, MoneyAccount.BANK)
    assert posting.sign == -1


@pytest.mark.parametrize(
    ("occurred_at", "open_from", "expected"),
    [
        # 23:59:59.999999 on the last day in Shanghai is still October; a microsecond later it is November.
        (datetime(2026, 10, 31, 15, 59, 59, 999_999, UTC), None, date(2026, 10, 1)),
        (datetime(2026, 10, 31, 16, tzinfo=UTC), None, date(2026, 11, 1)),
        (datetime(2026, 10, 15, tzinfo=UTC), date(2026, 10, 1), date(2026, 10, 1)),
        (datetime(2026, 9, 30, 12, tzinfo=UTC), date(2026, 10, 1), date(2026, 10, 1)),
        (datetime(2026, 1, 1, tzinfo=UTC), date(2026, 11, 1), date(2026, 11, 1)),
        (datetime(2026, 12, 1, tzinfo=UTC), date(2026, 11, 1), date(2026, 12, 1)),
    ],
)
def test_period_of(occurred_at: datetime, open_from: date | None, expected: date) -> None:
    [posting] = postings_for(Sale().used(occurred_at))
    assert period_of(posting, open_from, SHANGHAI) == expected


SHARED = {"partner_minor": 1_500, "dealer_minor": 3_000, "commission_minor": 900}


@pytest.mark.parametrize("tax_rate_ppm", [0, 60_000, 130_000])
def test_a_split_benefit_is_one_transaction(tax_rate_ppm: int) -> None:
    sale = Sale(amount_minor=10_000, tax_rate_ppm=tax_rate_ppm, **SHARED)
    postings = postings_for(sale.used())
    assert [f"{p.code} {p.source}>{p.destination} {p.amount_minor}" for p in postings] == [
        "benefit_on_use oem:benefits>partner:payable 7000",
        "dealer_share dealer:receivable>partner:payable 3000",
        "partner_share partner:payable>oem:benefits 1500",
        "commission partner:payable>oem:commission 900",
    ]
    assert len({p.transaction_id for p in postings}) == 1
    assert len({p.id for p in postings}) == 4
    credited = [p for p in postings if p.sign == 1]
    assert sum(p.tax_minor for p in credited) == tax_included(10_000, tax_rate_ppm), "the parts have the whole's tax"
    assert all(0 <= p.tax_minor <= p.amount_minor for p in postings)


@pytest.mark.parametrize(
    ("basis", "done", "undone"), [("on_issue", "issued", "cancelled"), ("on_use", "used", "undone")]
)
def test_what_is_undone_is_undone_whole(basis: str, done: str, undone: str) -> None:
    sale = Sale(basis=basis, amount_minor=10_000, **SHARED)
    originals, reversals = postings_for(getattr(sale, done)()), postings_for(getattr(sale, undone)())
    assert [p.reverses for p in reversals] == [p.id for p in originals]
    assert [p.code for p in reversals] == [f"{p.code}_reversed" for p in originals]
    assert len({p.id for p in [*originals, *reversals]}) == 8
    assert sum(p.sign * p.amount_minor for p in [*originals, *reversals]) == 0
    assert sum(p.sign * p.tax_minor for p in [*originals, *reversals]) == 0


def test_a_use_after_one_that_was_undone_is_another() -> None:
    sale = Sale(amount_minor=10_000, **SHARED)
    first, second = postings_for(sale.used()), postings_for(sale.used(occasion=2))
    assert not {p.id for p in first} & {p.id for p in second}
    assert [p.reverses for p in postings_for(sale.undone(occasion=2))] == [p.id for p in second]


@pytest.mark.parametrize(
    ("cycle", "zone", "occurred_at", "open_from", "expected"),
    [
        ("ten_day", "", datetime(2026, 10, 10, 15, 59, tzinfo=UTC), None, date(2026, 10, 1)),
        ("ten_day", "", datetime(2026, 10, 10, 16, tzinfo=UTC), None, date(2026, 10, 11)),
        ("ten_day", "UTC", datetime(2026, 10, 10, 16, tzinfo=UTC), None, date(2026, 10, 1)),
        ("weekly", "", datetime(2026, 10, 18, 16, tzinfo=UTC), None, date(2026, 10, 19)),
        ("weekly", "UTC", datetime(2026, 10, 18, 16, tzinfo=UTC), None, date(2026, 10, 12)),
        ("weekly", "UTC", datetime(2026, 10, 18, 16, tzinfo=UTC), date(2026, 10, 19), date(2026, 10, 19)),
    ],
)
def test_periods_of_other_cycles_and_zones(
    cycle: Any, zone: str, occurred_at: datetime, open_from: date | None, expected: date
) -> None:
    [posting] = postings_for(Sale(cycle=cycle, zone=zone).used(occurred_at))
    assert period_of(posting, open_from, SHANGHAI) == expected
