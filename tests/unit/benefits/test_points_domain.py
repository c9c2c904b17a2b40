"""Points, row by row: what is taken from which lot, and where it comes back to."""

from datetime import UTC, date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from benefits.points.domain import (
    LotPart,
    OverdrawnError,
    PointsPostingCode,
    Wallet,
    expire_due,
    expiry_day,
    give_back,
    restored_expiry,
    spend,
    wallet_change,
)
from marketplace.kernel.calendar import Calendar

MEMBER, PARTNER, REDEMPTION, UNDOING = (UUID(int=number) for number in range(1, 5))
NOW = datetime(2026, 11, 20, 4, tzinfo=UTC)
TODAY = date(2026, 11, 20)
DEC, JAN, FEB = date(2026, 12, 1), date(2027, 1, 1), date(2027, 2, 1)


def wallet(lots: dict[date, int]) -> Wallet:
    return Wallet(MEMBER, sum(lots.values()), dict(lots))


@pytest.mark.parametrize(
    ("lots", "points", "taken"),
    [
        ({DEC: 100, JAN: 50}, 30, [(DEC, 30)]),
        ({JAN: 50, DEC: 100}, 100, [(DEC, 100)]),
        ({JAN: 50, DEC: 100}, 120, [(DEC, 100), (JAN, 20)]),
        ({DEC: 0, JAN: 50, FEB: 5}, 55, [(JAN, 50), (FEB, 5)]),
    ],
)
def test_what_expires_first_is_spent_first(lots: dict[date, int], points: int, taken: list[tuple[date, int]]) -> None:
    held = wallet(lots)
    postings = spend(held, points, REDEMPTION, PARTNER, NOW)
    assert [(posting.expires_on, posting.points) for posting in postings] == taken
    assert held.balance == sum(lots.values()) - points == sum(held.lots.values())
    assert wallet_change(postings) == -points


def test_nothing_is_taken_where_there_is_too_little() -> None:
    held = wallet({DEC: 10, JAN: 5})
    with pytest.raises(OverdrawnError, match="16 points were to be taken from a wallet of 15"):
        spend(held, 16, REDEMPTION, PARTNER, NOW)
    assert held.lots == {DEC: 10, JAN: 5}


@pytest.mark.parametrize(
    ("today", "rule", "lots_after", "change", "codes"),
    [
        (TODAY, "restore", {DEC: 0, JAN: 150}, 120, ["cancellation", "cancellation"]),
        (date(2026, 11, 30), "restore", {DEC: 0, JAN: 150}, 120, ["cancellation", "cancellation"]),
        (date(2026, 10, 31), "restore", {DEC: 100, JAN: 50}, 120, ["cancellation", "cancellation"]),
        (TODAY, "forfeit", {DEC: 100, JAN: 50}, 120, ["cancellation", "cancellation"]),
        (date(2026, 11, 30), "forfeit", {DEC: 100, JAN: 50}, 120, ["cancellation", "cancellation"]),
        # From 1 December on what comes back lasts until the end of January, or the first lot's points not at all.
        (DEC, "restore", {DEC: 0, JAN: 30, FEB: 120}, 120, ["cancellation", "cancellation"]),
        (DEC, "forfeit", {DEC: 0, JAN: 50}, 20, ["cancellation", "forfeiture", "cancellation"]),
    ],
)
def test_where_points_come_back_to(
    today: date, rule: str, lots_after: dict[date, int], change: int, codes: list[str]
) -> None:
    held = wallet({DEC: 100, JAN: 50})
    taken = spend(held, 120, REDEMPTION, PARTNER, NOW)
    postings = give_back(held, taken, UNDOING, today, NOW, rule=rule)
    assert held.lots == lots_after
    assert held.balance == 30 + change == sum(held.lots.values())
    assert wallet_change(postings) == change
    assert [str(posting.code) for posting in postings] == codes
    assert all(posting.reverses == REDEMPTION for posting in postings)


def test_a_reversal_undone_twice_is_the_posting_again() -> None:
    (posting,) = spend(wallet({DEC: 10}), 10, REDEMPTION, PARTNER, NOW)
    back = posting.reverse(UNDOING, PointsPostingCode.CANCELLATION, NOW)
    assert (back.source, back.destination) == (posting.destination, posting.source)
    assert (back.points, back.expires_on, back.counterparty) == (10, DEC, PARTNER)


def test_what_is_due_expires_and_nothing_else() -> None:
    held = wallet({date(2026, 11, 1): 7, DEC: 5, JAN: 3})
    assert [(p.expires_on, p.points) for p in expire_due(held, UNDOING, DEC, NOW)] == [(date(2026, 11, 1), 7), (DEC, 5)]
    assert (held.balance, held.lots[JAN]) == (3, 3)
    assert expire_due(held, UNDOING, DEC, NOW) == []


@pytest.mark.parametrize(
    ("occurred_at", "months", "gone_from"),
    [
        ("2026-11-20T00:00:00+00:00", 24, "2028-12-01"),
        ("2026-10-31T15:59:59+00:00", 24, "2028-11-01"),  # still October in Shanghai
        ("2026-10-31T16:00:00+00:00", 24, "2028-12-01"),  # November has begun there
        ("2026-12-31T00:00:00+08:00", 1, "2027-02-01"),
    ],
)
def test_a_lots_day_is_the_first_of_a_month(occurred_at: str, months: int, gone_from: str) -> None:
    calendar = Calendar(ZoneInfo("Asia/Shanghai"))
    assert expiry_day(datetime.fromisoformat(occurred_at), calendar, months) == date.fromisoformat(gone_from)


def test_restored_points_last_at_least_a_whole_month() -> None:
    assert restored_expiry(date(2026, 11, 1)) == date(2027, 1, 1)
    assert restored_expiry(date(2026, 12, 31)) == date(2027, 2, 1)


def test_a_part_put_into_a_lot_counts() -> None:
    held = wallet({})
    held.put(LotPart(JAN, 4))
    held.put(LotPart(JAN, 6))
    assert (held.balance, held.lots) == (10, {JAN: 10})
