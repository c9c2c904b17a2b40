"""The consumer posts exactly once, in the right month, into a book that nobody can change."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import asyncpg
import msgspec
import pytest

from marketplace.kernel.ids import uuid7
from marketplace.kernel.periods import Period
from marketplace.platform.eventlog.events import StoredEvent, catch_up
from marketplace.platform.postgres.database import DB, unit_of_work
from marketplace.settings import Settings
from settlement.books.consumer import Books
from settlement.books.domain import postings_for
from settlement.books.post import lock_periods, post
from settlement.statements import close
from tests.support.settlement import OCTOBER, Sale, record_and_post

BOOKED_MONTH = Period("monthly", date(2026, 10, 1))
NOVEMBER_21 = datetime(2026, 11, 21, tzinfo=UTC)


async def _book() -> list[tuple[str, int, date]]:
    rows = await DB.fetch("SELECT code, amount_minor, period FROM money_posting ORDER BY id")
    return sorted((row["code"], row["amount_minor"], row["period"]) for row in rows)


async def test_events_become_postings_once(database: str, settings: Settings) -> None:
    used, cancelled = Sale(amount_minor=100), Sale(basis="on_issue", amount_minor=200)
    events = [used.issued(), used.used(), cancelled.issued(), cancelled.cancelled(), Sale(amount_minor=0).used()]
    await record_and_post(settings, events)
    october = date(2026, 10, 1)
    expected = [
        ("benefit_on_issue", 200, october),
        ("benefit_on_issue_reversed", 200, october),
        ("benefit_on_use", 100, october),
    ]
    assert await _book() == expected
    # The same facts told again, as other events of the log, change nothing.
    await record_and_post(settings, [*events, *events])
    assert await _book() == expected
    assert await DB.fetchval("SELECT error FROM consumer_position WHERE consumer = 'settlement.books'") is None


async def test_the_posting_keeps_what_the_statement_needs(database: str, settings: Settings) -> None:
    sale = Sale(quantity=2)
    await record_and_post(settings, [sale.used(reference="订单 7")])
    row = await DB.fetchrow("SELECT * FROM money_posting")
    assert row is not None
    assert (row["reference"], row["location_id"], row["quantity"], row["revision"]) == ("订单 7", "L-1", 2, 2)
    assert (row["redemption_id"], row["voucher_id"], row["offer_id"]) == (
        sale.redemption_id,
        sale.voucher_id,
        sale.offer_id,
    )
    assert (row["tax_minor"], row["contract_version"], row["reverses"]) == (730, 3, None)


async def test_a_cancellation_without_its_issue_stops_the_consumer(database: str, settings: Settings) -> None:
    """A hole in the log must not pass silently: the batch is undone and comes again."""
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await record_and_post(settings, [Sale(amount_minor=5).used(), Sale(basis="on_issue").cancelled()])
    assert await _book() == []


async def test_the_application_cannot_change_the_book(database: str, settings: Settings) -> None:
    await record_and_post(settings, [Sale().used()])
    for action in ("UPDATE money_posting SET amount_minor = 1", "DELETE FROM money_posting", "TRUNCATE money_posting"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await DB.fetch(action)
    assert len(await _book()) == 1


IMPOSSIBLE = [
    "amount_minor = 0",
    "amount_minor = -5",
    "amount_minor = 2000000000000000",
    "tax_minor = amount_minor + 1",
    "tax_minor = -1",
    "currency = 'cny'",
    "code = 'gift'",
    "source = 'partner:payable', destination = 'oem:benefits'",
    "destination = 'oem:bank'",
    "period = '2026-10-02'",
    "quantity = 0",
    "quantity = NULL",
    "redemption_id = NULL",
    "payout_id = id",
    "reverses = id",
]


async def test_the_database_refuses_postings_that_cannot_be(database: str, dsn: str, settings: Settings) -> None:
    await record_and_post(settings, [Sale().used()])
    owner = await asyncpg.connect(dsn)
    try:
        for change in IMPOSSIBLE:
            with pytest.raises(asyncpg.CheckViolationError):
                await owner.execute(f"UPDATE money_posting SET {change}")
    finally:
        await owner.close()


async def _close(settings: Settings) -> list[str]:
    made = await close.run(Books(settings.calendar), BOOKED_MONTH, "admin:li", NOVEMBER_21)
    return [f"{statement.month} {statement.total_minor}" for statement in made]


async def test_what_arrives_late_goes_to_the_next_month(database: str, settings: Settings) -> None:
    partner = uuid7()
    kept, undone = Sale(partner, amount_minor=100), Sale(partner, basis="on_issue", amount_minor=300)
    await record_and_post(settings, [kept.used(), undone.issued()])
    assert await _close(settings) == ["2026-10 400"]
    late = Sale(partner, amount_minor=50)
    await record_and_post(settings, [late.used(OCTOBER), undone.cancelled(OCTOBER + timedelta(days=1))])
    assert sorted((code, period) for code, _, period in await _book()) == [
        ("benefit_on_issue", date(2026, 10, 1)),
        ("benefit_on_issue_reversed", date(2026, 11, 1)),
        ("benefit_on_use", date(2026, 10, 1)),
        ("benefit_on_use", date(2026, 11, 1)),
    ]
    assert await _close(settings) == ["2026-10 400"]


async def test_posting_waits_for_a_close_and_goes_to_the_next_month(database: str, settings: Settings) -> None:
    """The close has the period's row alone: a posting that comes meanwhile sees the month closed."""
    partner = uuid7()
    await record_and_post(settings, [Sale(partner, amount_minor=100).used()])
    late = postings_for(Sale(partner, amount_minor=7).used())

    async def post_late() -> None:
        async with unit_of_work() as work:
            await post(work, late, settings.calendar)

    closing = await close.prepare(Books(settings.calendar), BOOKED_MONTH, "admin:li", NOVEMBER_21)
    async with unit_of_work() as work:
        await closing(work)
        waiting = _elsewhere(post_late)
        await asyncio.sleep(0.2)
        assert not waiting.done()
    await waiting
    assert await _book() == [("benefit_on_use", 7, date(2026, 11, 1)), ("benefit_on_use", 100, date(2026, 10, 1))]


async def test_closing_waits_for_a_posting_and_takes_it_in(database: str, settings: Settings) -> None:
    partner = uuid7()
    await record_and_post(settings, [Sale(partner, amount_minor=100).used()])
    async with unit_of_work() as work:
        await post(work, postings_for(Sale(partner, amount_minor=7).used()), settings.calendar)
        waiting = _elsewhere(lambda: _close(settings))
        await asyncio.sleep(0.2)
        assert not waiting.done()
    assert await waiting == ["2026-10 107"]


async def test_without_the_lock_that_race_is_lost(
    database: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The guard's test can fail: with a poster that only reads the period, a posting slips into a closed month."""

    async def read_only(work: Any, ledgers: Any, **_options: Any) -> Any:
        rows = await work.fetch("SELECT * FROM settlement_period")
        return dict.fromkeys(ledgers) | {
            (row["partner_id"], row["currency"], row["cycle"]): row["open_from"] for row in rows
        }

    partner = uuid7()
    await record_and_post(settings, [Sale(partner, amount_minor=100).used()])
    async with unit_of_work() as work:
        with monkeypatch.context() as patch:
            patch.setattr("settlement.books.post.lock_periods", read_only)
            await post(work, postings_for(Sale(partner, amount_minor=7).used()), settings.calendar)
        await _elsewhere(lambda: _close(settings))
    assert await DB.fetchval("SELECT total_minor FROM statement") == 100
    assert await DB.fetchval("SELECT sum(amount_minor) FROM money_posting WHERE period = '2026-10-01'") == 107


async def test_posting_and_closing_side_by_side_lose_nothing(database: str, settings: Settings) -> None:
    """Twenty posters and a closer at once: every posting is in the statement or in an open month, none in both or neither."""
    partners = [uuid7() for _ in range(4)]
    await record_and_post(settings, [Sale(partner, amount_minor=1_000).used() for partner in partners])

    async def poster(number: int) -> None:
        await asyncio.sleep(number % 5 * 0.004)
        async with unit_of_work() as work:
            sales = [Sale(partner, amount_minor=number + 1).used() for partner in partners]
            await post(work, [posting for sale in sales for posting in postings_for(sale)], settings.calendar)

    async def closer() -> None:
        await asyncio.sleep(0.008)
        await _close(settings)

    await asyncio.gather(closer(), *(poster(number) for number in range(20)))
    in_statements = await DB.fetchval("SELECT sum(total_minor) FROM statement")
    in_october = await DB.fetchval("SELECT sum(amount_minor) FROM money_posting WHERE period = '2026-10-01'")
    whole = await DB.fetchval("SELECT sum(amount_minor) FROM money_posting")
    assert in_statements == in_october
    assert whole == 4 * (1_000 + sum(range(1, 21)))


async def test_periods_are_locked_in_order(database: str) -> None:
    ledgers = {(uuid7(), "CNY", "monthly") for _ in range(5)}
    async with unit_of_work() as work:
        locked = await lock_periods(work, ledgers)
    assert list(locked) == sorted(ledgers)
    assert set(locked.values()) == {None}


async def test_a_batch_delivered_twice_in_one_go(database: str, settings: Settings) -> None:
    sale = Sale(basis="on_issue", amount_minor=9)
    rows = [
        StoredEvent((0, place), 0, str(event.__struct_config__.tag), event.subject(), _payload(event), OCTOBER)
        for place, event in enumerate([sale.issued(), sale.issued(), sale.cancelled(), sale.cancelled()])
    ]
    async with unit_of_work() as work:
        await Books(settings.calendar).handle(work, rows)
    assert [code for code, _, _ in await _book()] == ["benefit_on_issue", "benefit_on_issue_reversed"]


async def test_catching_up_with_nothing_to_do(database: str, settings: Settings) -> None:
    await catch_up(Books(settings.calendar))
    assert await _book() == []


def _payload(event: object) -> dict[str, object]:
    return dict(msgspec.json.decode(msgspec.json.encode(event)))


def _elsewhere(work: Callable[[], Awaitable[Any]]) -> asyncio.Task[Any]:
    """Run the work as another request would: in a task that did not inherit this one's unit of work."""

    async def run() -> Any:
        DB.current_transaction.set(None)
        return await work()

    return asyncio.create_task(run())
