"""Whatever happens to redemptions, and however it is delivered, the book equals a small pure model, to the fen."""

import contextlib
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal
from uuid import UUID

import msgspec
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from marketplace.kernel.event import Event
from marketplace.kernel.ids import uuid7
from marketplace.kernel.periods import Period
from marketplace.platform.eventlog.events import StoredEvent, catch_up, publish
from marketplace.platform.postgres.database import DB, unit_of_work
from marketplace.settings import Settings
from settlement.books.consumer import Books
from settlement.invariants import INVARIANTS
from settlement.statements import close
from settlement.statements.domain import EarlierPeriodOpen
from settlement.statements.statements import build, of_period
from tests.support.settlement import OCTOBER, Sale

JANUARY = datetime(2027, 1, 20, tzinfo=UTC)
MONTHS = [Period("monthly", date(2026, number, 1)) for number in (10, 11, 12)]


class Life(msgspec.Struct, frozen=True):
    """One redemption: its terms, and how it ends."""

    partner: int
    basis: Literal["on_issue", "on_use"]
    amount_minor: int
    tax_rate_ppm: int
    end: Literal["open", "used", "cancelled", "expired"]
    day: int
    later: int


LIVES = st.lists(
    st.builds(
        Life,
        partner=st.integers(0, 2),
        basis=st.sampled_from(["on_issue", "on_use"]),
        amount_minor=st.one_of(st.integers(0, 3), st.integers(0, 10**7), st.just(10**13)),
        tax_rate_ppm=st.sampled_from([0, 10_000, 60_000, 130_000, 999_999]),
        end=st.sampled_from(["open", "used", "cancelled", "expired"]),
        # Mid-October and the days around the ends of months, where periods are decided.
        day=st.sampled_from([0, 1, 15, 16, 17, 40, 47]),
        later=st.sampled_from([0, 1, 16, 30]),
    ),
    min_size=3,
    max_size=12,
)


class Step(msgspec.Struct, frozen=True):
    """What is done next; `picks` choose from whatever is there then."""

    do: Literal["publish", "tell again", "deliver again", "catch up", "close"]
    picks: list[int]


# The whole plan is drawn before the test runs: a draw inside an asynchronous test would stop the runner of all others.
STEPS = st.lists(
    st.builds(
        Step,
        do=st.sampled_from(["publish", "publish", "close", "catch up", "tell again", "deliver again"]),
        picks=st.lists(st.integers(0, 30), min_size=1, max_size=5),
    ),
    min_size=4,
    max_size=20,
)


def _events(lives: list[Life], partners: list[UUID]) -> list[list[Event]]:
    """Return the events of each life, in the order in which they are told."""
    reported = []
    for life in lives:
        sale = Sale(
            partners[life.partner], basis=life.basis, amount_minor=life.amount_minor, tax_rate_ppm=life.tax_rate_ppm
        )
        at = OCTOBER + timedelta(days=life.day)
        events: list[Event] = [sale.issued(at)]
        if life.end != "open":
            events.append(getattr(sale, life.end)(at + timedelta(days=life.later)))
        reported.append(events)
    return reported


def _owed(lives: list[Life], partners: list[UUID]) -> Counter[UUID]:
    """The model: what each partner is owed in the end, in one line per basis."""
    owed: Counter[UUID] = Counter()
    for life in lives:
        if life.basis == "on_issue" and life.end != "cancelled":
            owed[partners[life.partner]] += life.amount_minor
        if life.basis == "on_use" and life.end == "used":
            owed[partners[life.partner]] += life.amount_minor
    return owed


@hypothesis_settings(
    max_examples=100, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(lives=LIVES, steps=STEPS)
async def test_the_book_equals_the_model(
    database: str, settings: Settings, lives: list[Life], steps: list[Step]
) -> None:
    partners = [uuid7() for _ in range(3)]
    waiting, reported = _events(lives, partners), list[Event]()
    closed: dict[Period, list[Any]] = {}
    for step in steps:
        again = [reported[pick % len(reported)] for pick in step.picks if reported]
        match step.do:
            case "publish":
                batch = _next_batch(waiting, step.picks)
                reported += batch
                await _publish(batch)
            case "tell again":
                await _publish(again)
            case "deliver again":
                await _deliver(settings, again)
            case "catch up":
                await catch_up(Books(settings.calendar))
            case "close":
                in_order = MONTHS[min(len(closed), len(MONTHS) - 1)]
                await catch_up(Books(settings.calendar))
                await _close(settings, in_order if len(step.picks) > 1 else MONTHS[step.picks[0] % 3], closed)
    await _publish([event for events in waiting for event in events])
    await catch_up(Books(settings.calendar))
    await _check(partners, _owed(lives, partners))
    for month in MONTHS:
        await _close(settings, month, closed)
    await _check(partners, _owed(lives, partners))
    await _check_closed(partners, closed)


def _next_batch(waiting: list[list[Event]], picks: list[int]) -> list[Event]:
    """Take some of what waits; the order within one redemption stays, between redemptions it is any."""
    batch = []
    for pick in picks:
        if waiting:
            place = pick % len(waiting)
            batch.append(waiting[place].pop(0))
            if not waiting[place]:
                waiting.pop(place)
    return batch


async def _publish(batch: list[Event]) -> None:
    async with unit_of_work() as work:
        await publish(work, batch, OCTOBER)


async def _deliver(settings: Settings, batch: list[Event]) -> None:
    """Hand events to the consumer past its position, as a position that was set back would."""
    await catch_up(Books(settings.calendar))
    rows = [
        StoredEvent((0, place), 0, str(event.__struct_config__.tag), event.subject(), _payload(event), OCTOBER)
        for place, event in enumerate(batch)
    ]
    async with unit_of_work() as work:
        await Books(settings.calendar).handle(work, rows)


def _payload(event: Event) -> dict[str, Any]:
    return dict(msgspec.json.decode(msgspec.json.encode(event)))


async def _close(settings: Settings, month: Period, closed: dict[Period, list[Any]]) -> None:
    made: list[Any] | None = None
    with contextlib.suppress(EarlierPeriodOpen):
        made = await close.run(Books(settings.calendar), month, "admin:li", JANUARY)
    if made is None:
        return
    kept = {statement.id: statement for statement in closed.get(month, [])}
    again = {statement.id: statement for statement in made}
    assert kept.items() <= again.items(), "a statement changed after its close"
    closed[month] = made


async def _check(partners: list[UUID], owed: Counter[UUID]) -> None:
    rows = await DB.fetch(
        "SELECT partner_id, sum(CASE WHEN destination = 'partner:payable' THEN amount_minor ELSE -amount_minor END)::bigint"
        " AS owed FROM money_posting WHERE partner_id = ANY($1) GROUP BY 1",
        partners,
    )
    assert +Counter({row["partner_id"]: row["owed"] for row in rows}) == +owed
    for invariant in INVARIANTS:
        async with unit_of_work("REPEATABLE READ") as work:
            looked = await invariant.inspect(work.fetch, invariant.cut.everything)
        assert not looked.broken, (invariant.name, looked.breaches)


async def _check_closed(partners: list[UUID], closed: dict[Period, list[Any]]) -> None:
    for month in closed:
        for statement in await of_period(DB.fetch, month):
            if statement.partner_id in partners:
                assert await build(DB.fetch, statement.scope) == statement.draft
