"""Whichever way a period is closed, its statements hold everything that happened before the close.

`marketplace close` is closed the same way in test_settlement_commands.py: its events are only published there, too.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta

import msgspec
import pytest

from marketplace.kernel.clock import Clock
from marketplace.kernel.ids import uuid7
from marketplace.kernel.periods import Period
from marketplace.platform.packages import SeedContext
from marketplace.platform.postgres.database import DB, unit_of_work
from marketplace.settings import Settings
from settlement.books.consumer import Books
from settlement.plugin import Settlement
from settlement.seed import seed
from settlement.statements import close
from tests.support import today
from tests.support.app import running_app
from tests.support.finance import closed
from tests.support.settlement import OCTOBER, Sale, record

BOOKED_MONTH = Period("monthly", date(2026, 10, 1))
NOVEMBER_10 = datetime(2026, 11, 10, tzinfo=UTC)

Way = Callable[[Settings], Awaitable[object]]


def _at(instant: datetime) -> Clock:
    clock = Clock()
    clock.offset = instant - today.now()
    return clock


async def _by_the_seed(settings: Settings) -> None:
    december = _at(datetime(2026, 12, 10, tzinfo=UTC))
    await seed(SeedContext(settings, december, None, {}, lambda *_: None))


async def _by_moving_the_clock(settings: Settings) -> None:
    await Settlement(settings, Clock()).time_passed(OCTOBER, NOVEMBER_10)


async def _by_run(settings: Settings) -> None:
    await close.run(Books(settings.calendar), BOOKED_MONTH, "admin:li", NOVEMBER_10)


async def _by_prepare(settings: Settings) -> None:
    closing = await close.prepare(Books(settings.calendar), BOOKED_MONTH, "admin:li", NOVEMBER_10)
    async with unit_of_work() as work:
        await closing(work)


WAYS = [_by_the_seed, _by_moving_the_clock, _by_run, _by_prepare]


@pytest.mark.parametrize("way", WAYS)
async def test_a_late_event_is_in_the_statement(database: str, settings: Settings, way: Way) -> None:
    partner = uuid7()
    await record(Sale(partner, amount_minor=100).used(), Sale(partner, amount_minor=23).used(OCTOBER))
    await way(settings)
    assert [tuple(row) for row in await DB.fetch("SELECT period, total_minor FROM statement")] == [
        (date(2026, 10, 1), 123)
    ]


@pytest.mark.parametrize("way", WAYS)
async def test_a_close_that_forgets_the_log_would_be_found_out(
    database: str, settings: Settings, monkeypatch: pytest.MonkeyPatch, way: Way
) -> None:
    """The guard's test can fail: without the catch-up none of the ways has the late event in a statement."""
    monkeypatch.setattr(close, "catch_up", _forget)
    await record(Sale(amount_minor=100).used())
    await way(settings)
    assert await DB.fetchval("SELECT count(*) FROM statement") == 0


@pytest.mark.parametrize("forgotten", [False, True])
async def test_over_http(settings: Settings, dsn: str, monkeypatch: pytest.MonkeyPatch, *, forgotten: bool) -> None:
    async with running_app(settings, dsn, _at(NOVEMBER_10)) as api:
        if forgotten:
            monkeypatch.setattr(close, "catch_up", _forget)
        await record(Sale(amount_minor=100).used())
        assert [statement["total_minor"] for statement in await closed(api)] == ([] if forgotten else [100])


async def _forget(_books: Books) -> None:
    """Stand in for a close that does not read the event log."""


async def test_what_is_due_is_closed_in_every_cycle_from_the_first_that_is_open(
    database: str, settings: Settings
) -> None:
    """A monthly partner with an older open month and a weekly one: every period that is over, none that is not."""
    september = OCTOBER - timedelta(days=30)
    weekly = Sale(amount_minor=7)
    weekly.terms = msgspec.structs.replace(weekly.terms, cycle="weekly")
    await record(Sale(amount_minor=5).used(september), Sale(amount_minor=6).used(OCTOBER), weekly.used(OCTOBER))
    books = Books(settings.calendar)
    made = await close.run_due(books, NOVEMBER_10 - timedelta(days=1), "admin:li", NOVEMBER_10)
    assert [(one.cycle, one.period, one.total_minor) for one in made] == [
        ("monthly", date(2026, 9, 1), 5),
        ("monthly", date(2026, 10, 1), 6),
        ("weekly", date(2026, 10, 12), 7),
    ]
    open_from = await DB.fetch("SELECT cycle, open_from FROM settlement_period ORDER BY cycle, partner_id")
    assert [tuple(row) for row in open_from] == [
        ("monthly", date(2026, 11, 1)), ("monthly", date(2026, 11, 1)), ("weekly", date(2026, 11, 9)),
    ]  # fmt: skip
    assert await close.run_due(books, NOVEMBER_10, "admin:li", NOVEMBER_10) == []
