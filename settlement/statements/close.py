"""Close a period: every partner's postings become a statement, and later postings go to the next period.

`run` closes one period, `run_due` all that are over. Both let the money book read the event log first: a period that was
closed without it would miss what happened shortly before. `prepare` is for a caller whose answer is stored in the same
transaction. There is no other way to close.
"""

from collections.abc import Awaitable, Callable, Iterable
from datetime import date, datetime
from typing import get_args
from uuid import UUID
from zoneinfo import ZoneInfo

from marketplace.kernel.calendar import Calendar
from marketplace.kernel.ids import uuid7
from marketplace.kernel.periods import Cycle, Period
from marketplace.platform.eventlog import audit
from marketplace.platform.eventlog.events import catch_up, publish
from marketplace.platform.postgres.database import DB, UnitOfWork, columns, unit_of_work
from partners.contracts.terms import contracted_between, zones_of
from settlement.books.consumer import Books
from settlement.books.post import Ledger, lock_periods
from settlement.books.statement_scope import StatementScope
from settlement.statements.domain import EarlierPeriodOpen, PeriodNotOver, StatementStatus
from settlement.statements.events import StatementClosed
from settlement.statements.statements import COLUMNS, Statement, build, of_period

CloseProgress = Callable[[int, int], None]
"""Called after each statement with how many are made, of how many."""

Closing = Callable[[UnitOfWork], Awaitable[list[Statement]]]
"""Closes a period in the caller's unit of work and returns its statements."""

_WITH_LINES = """
SELECT partner_id, currency, cycle, min(period) AS period FROM money_posting
JOIN unnest($1::uuid[], $2::text[], $3::text[], $4::date[]) AS ledger (partner_id, currency, cycle, open_from)
     USING (partner_id, currency, cycle)
WHERE code <> 'payout' AND period <= $5 AND (open_from IS NULL OR period >= open_from)
GROUP BY partner_id, currency, cycle
"""

_EARLIEST_OPEN = """
SELECT min(coalesce(ledger.open_from, first.period)) FROM settlement_period ledger
LEFT JOIN LATERAL (
    SELECT min(period) AS period FROM money_posting p
    WHERE (p.partner_id, p.currency, p.cycle) = (ledger.partner_id, ledger.currency, ledger.cycle) AND p.code <> 'payout'
) first ON ledger.open_from IS NULL
WHERE ledger.cycle = $1
"""

_INSERT = f"""
INSERT INTO statement ({COLUMNS})
SELECT * FROM unnest(
    $1::uuid[], $2::uuid[], $3::text[], $4::date[], $5::text[], $6::int[], $7::bigint[], $8::bigint[], $9::bigint[],
    $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[], $14::bigint[], $15::text[], $16::text[],
    $17::text[], $18::timestamptz[], $19::text[], $20::timestamptz[], $21::date[], $22::timestamptz[]
)
"""


async def run(
    books: Books, period: Period, closer: str, now: datetime, progress: CloseProgress | None = None
) -> list[Statement]:
    """Close the period for every partner of its cycle and return its statements, by partner and currency.

    A partner with a contract of the cycle in force in the period gets a statement even without a line. A partner whose
    period is closed already keeps its statement, so closing again changes nothing. Raises PeriodNotOver, EarlierPeriodOpen.
    """
    close = await prepare(books, period, closer, now, progress)
    async with unit_of_work() as work:
        return await close(work)


async def run_due(books: Books, since: datetime, closer: str, now: datetime) -> list[Statement]:
    """Close every period of every cycle that is over, and return the statements of those periods, oldest period first.

    Begins with the period of `since`, or with an earlier one where a partner still has one open. A cycle that no contract
    uses has no periods.
    """
    await catch_up(books)
    statements = []
    for cycle in get_args(Cycle):
        earliest = await DB.fetchval(_EARLIEST_OPEN, cycle)
        contracted = await contracted_between(books.calendar.day_of(since), books.calendar.day_of(now), cycle)
        if earliest is None and not contracted:
            continue
        period = Period.of(cycle, min(filter(None, [earliest, books.calendar.day_of(since)])))
        while now >= await _over(period, books.calendar):
            statements += await run(books, period, closer, now)
            period = period.following
    return statements


async def prepare(
    books: Books, period: Period, closer: str, now: datetime, progress: CloseProgress | None = None
) -> Closing:
    """Bring the money book up to date and return a function that closes the period in a given unit of work."""
    await catch_up(books)

    async def close(work: UnitOfWork) -> list[Statement]:
        contracted = await contracted_between(period.first_day, period.end, period.cycle)
        return await _close(work, period, contracted, closer, now, books.calendar, progress)

    return close


async def _close(
    work: UnitOfWork,
    period: Period,
    contracted: Iterable[tuple[UUID, str]],
    closer: str,
    now: datetime,
    calendar: Calendar,
    progress: CloseProgress | None,
) -> list[Statement]:
    if now < await _over(period, calendar):
        raise PeriodNotOver(period)
    wanted = {(partner_id, currency, str(period.cycle)) for partner_id, currency in contracted}
    rows = await work.fetch("SELECT partner_id, currency, cycle FROM settlement_period WHERE cycle = $1", period.cycle)
    known = {(row["partner_id"], row["currency"], row["cycle"]) for row in rows}
    locked = await lock_periods(work, known | wanted, to_close=True)
    still_open = {ledger: start for ledger, start in locked.items() if start is None or start <= period.first_day}
    with_lines = await _first_with_lines(work, still_open, period)
    _check_order(still_open, with_lines, period)
    # From here on nothing refuses: make the statements, then move the periods on.
    ledgers = sorted(with_lines.keys() | wanted & still_open.keys())
    made = []
    for partner_id, currency, _ in ledgers:
        scope = StatementScope(partner_id, currency, period.first_day, period.cycle)
        made.append(await _statement(work, scope, closer, now))
        if progress is not None:
            progress(len(made), len(ledgers))
    await _insert(work, made)
    await _open_next(work, still_open, period)
    await _publish(work, made, period, closer, now)
    return await of_period(work.fetch, period)


async def _over(period: Period, calendar: Calendar) -> datetime:
    """Return when the period is over for everyone, by the business zone's days and by those of contracts with their own zone."""
    zones = await zones_of(period.cycle)
    return max(each.start_of(period.end) for each in [calendar, *(Calendar(ZoneInfo(zone)) for zone in zones)])


async def _first_with_lines(
    work: UnitOfWork, still_open: dict[Ledger, date | None], period: Period
) -> dict[Ledger, date]:
    """Return the books that have open postings up to the period's end, and the first period of each with some."""
    keys = columns([(*ledger, start) for ledger, start in still_open.items()], 4)
    rows = await work.fetch(_WITH_LINES, *keys, period.first_day)
    return {(row["partner_id"], row["currency"], row["cycle"]): row["period"] for row in rows}


def _check_order(still_open: dict[Ledger, date | None], with_lines: dict[Ledger, date], period: Period) -> None:
    """Raise EarlierPeriodOpen, which names the first one, if a period before is open for any partner, with lines or without.

    A book that was closed before is open from where that ended, and one that never was from its first line: a partner that
    joins later begins with the next close.
    """
    starts = [start for start in still_open.values() if start is not None]
    earliest = min([*starts, *with_lines.values()], default=period.first_day)
    if earliest < period.first_day:
        raise EarlierPeriodOpen(Period(period.cycle, earliest), period)


async def _statement(work: UnitOfWork, scope: StatementScope, closer: str, now: datetime) -> Statement:
    draft = await build(work.fetch, scope)
    return Statement(
        id=_statement_id(now),
        partner_id=scope.partner_id,
        currency=scope.currency,
        period=scope.period,
        cycle=scope.cycle,
        total_minor=draft.total_minor,
        **{name: getattr(draft, name) for name in draft.__struct_fields__},
        status=StatementStatus.CLOSED,
        closed_by=closer,
        closed_at=now,
    )


def _statement_id(now: datetime) -> UUID:
    return uuid7(unix_ms=int(now.timestamp() * 1000))


async def _insert(work: UnitOfWork, made: list[Statement]) -> None:
    rows = [tuple(getattr(statement, name) for name in Statement.__struct_fields__) for statement in made]
    await work.execute(_INSERT, *columns(rows, len(Statement.__struct_fields__)))


async def _open_next(work: UnitOfWork, still_open: dict[Ledger, date | None], period: Period) -> None:
    """Open the next period, for partners without a statement too: late postings go there."""
    await work.execute(
        "UPDATE settlement_period SET open_from = $4"
        " WHERE (partner_id, currency, cycle) IN (SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[]))",
        *columns(sorted(still_open), 3), period.end,
    )  # fmt: skip


async def _publish(work: UnitOfWork, made: list[Statement], period: Period, closer: str, now: datetime) -> None:
    if not made:
        return
    events = [
        StatementClosed(
            statement_id=statement.id,
            partner_id=statement.partner_id,
            currency=statement.currency,
            period=statement.period,
            lines=statement.lines,
            total_minor=statement.total_minor,
            tax_minor=statement.tax_minor,
            content_hash=statement.content_hash,
            closed_at=now,
        )
        for statement in made
    ]
    await publish(work, events, now)
    hashes = {str(statement.id): statement.content_hash for statement in made}
    await audit.record(work, closer, "period.close", f"period:{period}", now, statements=hashes)
