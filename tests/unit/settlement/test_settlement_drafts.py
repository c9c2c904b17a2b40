"""A statement is a pure function of its slice."""

import random
from datetime import date, timedelta

import msgspec
import pytest

from marketplace.kernel.ids import uuid7
from marketplace.kernel.refusals import InvalidField
from marketplace.kernel.states import TransitionRefusedError
from settlement.books.domain import MoneyPosting, payout_posting, postings_for
from settlement.payouts.domain import NothingToPay, check_paid_on, check_payable
from settlement.statements.domain import (
    STATEMENT_STEPS,
    OutsideScopeError,
    SamePerson,
    StatementBuilder,
    StatementDraft,
    StatementStatus,
    build_statement,
    check_approver,
)
from tests.support.settlement import OCTOBER, Sale

PARTNER = uuid7()
PERIOD = date(2026, 10, 1)


def owed(amount: int, minutes: int = 0, reference: str = "R-1") -> MoneyPosting:
    [posting] = postings_for(Sale(PARTNER, amount_minor=amount).used(OCTOBER + timedelta(minutes=minutes), reference))
    return posting


def undone(amount: int, minutes: int = 0) -> MoneyPosting:
    sale = Sale(PARTNER, basis="on_issue", amount_minor=amount)
    [posting] = postings_for(sale.cancelled(OCTOBER + timedelta(minutes=minutes)))
    return posting


@pytest.mark.parametrize(
    ("postings", "lines", "gross", "reversed_minor", "tax", "total"),
    [
        ([], 0, 0, 0, 0, 0),
        ([owed(10_600)], 1, 10_600, 0, 600, 10_600),
        ([owed(10_600), owed(1)], 2, 10_601, 0, 600, 10_601),
        ([owed(10_600), undone(10_600)], 2, 10_600, 10_600, 0, 0),
        ([undone(10_600)], 1, 0, 10_600, -600, -10_600),
    ],
)
def test_build_statement(
    postings: list[MoneyPosting], lines: int, gross: int, reversed_minor: int, tax: int, total: int
) -> None:
    draft = build_statement(PARTNER, "CNY", PERIOD, postings)
    assert (draft.lines, draft.gross_minor, draft.reversed_minor) == (lines, gross, reversed_minor)
    assert (draft.tax_minor, draft.total_minor) == (tax, total)


def test_the_hash_depends_on_the_lines_and_not_on_their_order() -> None:
    postings = [owed(100 + place, place % 7) for place in range(50)]
    draft = build_statement(PARTNER, "CNY", PERIOD, postings)
    shuffled = postings[:]
    random.Random(1).shuffle(shuffled)
    assert build_statement(PARTNER, "CNY", PERIOD, shuffled) == draft
    assert build_statement(PARTNER, "CNY", date(2026, 11, 1), postings).content_hash != draft.content_hash


@pytest.mark.parametrize(
    "change",
    [
        {"amount_minor": 101},
        {"tax_minor": 7},
        {"quantity": 2},
        {"revision": 9},
        {"reference": "R-2"},
        {"location_id": "L-2"},
        {"contract_version": 4},
        {"offer_id": uuid7()},
        {"voucher_id": uuid7()},
        {"occurred_at": OCTOBER + timedelta(microseconds=1)},
    ],
)
def test_every_field_of_a_line_is_in_the_hash(change: dict[str, object]) -> None:
    posting = owed(100)
    changed = msgspec.structs.replace(posting, **change)
    assert StatementBuilder.canonical(posting) != StatementBuilder.canonical(changed)


def test_no_text_passes_for_another_field() -> None:
    posting = owed(100)
    one = msgspec.structs.replace(posting, reference="a|1:b", location_id="c")
    other = msgspec.structs.replace(posting, reference="a", location_id="b|1:c")
    assert StatementBuilder.canonical(one) != StatementBuilder.canonical(other)


def test_foreign_postings_are_refused() -> None:
    payout = payout_posting(uuid7(), PARTNER, 1, "CNY", OCTOBER)
    [foreign] = postings_for(Sale().used())
    for posting in (payout, foreign, msgspec.structs.replace(owed(1), currency="EUR")):
        with pytest.raises(OutsideScopeError):
            build_statement(PARTNER, "CNY", PERIOD, [posting])
    builder = StatementBuilder(PARTNER, "CNY", PERIOD)
    builder.add(owed(1, 1))
    with pytest.raises(OutsideScopeError):
        builder.add(owed(1, 0))


def test_draft_is_a_value() -> None:
    draft = StatementDraft(
        lines=1,
        gross_minor=50,
        reversed_minor=2,
        partner_share_minor=10,
        commission_minor=3,
        tax_minor=0,
        content_hash="x",
    )
    assert draft.total_minor == 35


@pytest.mark.parametrize(
    ("state", "action", "expected"),
    [
        ("closed", "approve", "approved"),
        ("approved", "pay", "paid"),
        ("closed", "pay", None),
        ("approved", "approve", None),
        ("paid", "approve", None),
        ("paid", "pay", None),
    ],
)
def test_steps(state: str, action: str, expected: str | None) -> None:
    if expected is None:
        with pytest.raises(TransitionRefusedError):
            STATEMENT_STEPS.after(StatementStatus(state), action)
    else:
        assert STATEMENT_STEPS.after(StatementStatus(state), action) == expected


def test_four_eyes() -> None:
    check_approver("admin:li", "admin:wang")
    with pytest.raises(SamePerson):
        check_approver("admin:li", "admin:li")


@pytest.mark.parametrize(("total", "good"), [(1, True), (0, False), (-1, False)])
def test_check_payable(total: int, good: bool) -> None:
    if good:
        check_payable(total)
    else:
        with pytest.raises(NothingToPay):
            check_payable(total)


@pytest.mark.parametrize(
    ("paid_on", "good"),
    [
        (date(2026, 10, 31), False),
        (date(2026, 11, 1), True),
        (date(2026, 11, 20), True),
        (date(2026, 11, 21), False),
    ],
)
def test_check_paid_on(paid_on: date, good: bool) -> None:
    today = date(2026, 11, 20)
    if good:
        check_paid_on(paid_on, date(2026, 11, 1), today)
    else:
        with pytest.raises(InvalidField):
            check_paid_on(paid_on, date(2026, 11, 1), today)
