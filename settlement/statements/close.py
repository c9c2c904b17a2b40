"""Close a period: every partner's slice of the book becomes a statement, and the book goes on in the next period."""

from collections.abc import Callable, Iterable
from datetime import date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from marketplace.kernel.calendar import Calendar, Month
from marketplace.kernel.ids import uuid7
from marketplace.kernel.periods import Period
from marketplace.platform import audit
from marketplace.platform.database import UnitOfWork, columns
from marketplace.platform.events import publish
from partners.contracts.terms import zones_of
from settlement.books.post import Ledger, lock_periods
from settlement.books.slices import SliceKey
from settlement.statements.domain import EarlierPeriodOpen, PeriodNotOver, StatementStatus
from settlement.statements.events import StatementClosed
from settlement.statements.statements import COLUMNS, Statement, build, of_period

Progress = Callable[[int, int], None]
"""Told after each statement: how many are made, of how many."""

_WITH_LINES = """
SELECT partner_id, currency, cycle, min(period) AS period FROM money_posting
JOIN unnest($1::uuid[], $2::text[], $3::text[], $4::date[]) AS ledger (partner_id, currency, cycle, open_from)
     USING (partner_id, currency, cycle)
WHERE code <> 'payout' AND period <= $5 AND (open_from IS NULL OR period >= open_from)
GROUP BY partner_id, currency, cycle
"""

_INSERT = f"""
INSERT INTO statement ({COLUMNS})
SELECT * FROM unnest(
    $1::uuid[], $2::uuid[], $3::text[], $4::date[], $5::text[], $6::int[], $7::bigint[], $8::bigint[], $9::bigint[],
    $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[], $14::bigint[], $15::text[], $16::text[],
    $17::text[], $18::timestamptz[], $19::text[], $20::timestamptz[], $21::date[], $22::timestamptz[]
)
"""


async def close_month(
    work: UnitOfWork,
    month: Month,
    contracted: Iterable[tuple[UUID, str]],
    closer: str,
    now: datetime,
    calendar: Calendar,
    progress: Progress | None = None,
) -> list[Statement]:
    """Close the month for the partners with a monthly cycle: `close_period`."""
    period = Period("monthly", month.first_day)
    return await close_period(work, period, contracted, closer, now, calendar, progress)


async def close_period(
    work: UnitOfWork,
    period: Period,
    contracted: Iterable[tuple[UUID, str]],
    closer: str,
    now: datetime,
    calendar: Calendar,
    progress: Progress | None = None,
) -> list[Statement]:
    """Close the period for every partner of its cycle and return its statements, by partner and currency.

    `contracted` are the partners with a contract of the cycle in force in the period: they get a statement even without a
    line. A partner whose period is closed already keeps the statement that it has, so closing again changes nothing.

    The caller has brought the consumer up to date before. Raises PeriodNotOver, EarlierPeriodOpen.
    """
    zones = await zones_of(period.cycle)
    if now < _over(period, [calendar, *(Calendar(ZoneInfo(zone)) for zone in zones)]):
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
        made.append(await _statement(work, SliceKey(partner_id, currency, period.first_day, period.cycle), closer, now))
        if progress is not None:
            progress(len(made), len(ledgers))
    await _keep(work, made)
    await _move_on(work, still_open, period)
    await _tell(work, made, period, closer, now)
    return await of_period(work.fetch, period)


def _over(period: Period, calendars: Iterable[Calendar]) -> datetime:
    """Return when the period is over for all who count their days in one of these zones."""
    return max(calendar.start_of(period.end) for calendar in calendars)


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


async def _statement(work: UnitOfWork, key: SliceKey, closer: str, now: datetime) -> Statement:
    draft = await build(work.fetch, key)
    return Statement(
        id=_statement_id(now),
        partner_id=key.partner_id,
        currency=key.currency,
        period=key.period,
        cycle=key.cycle,
        total_minor=draft.total_minor,
        **{name: getattr(draft, name) for name in draft.__struct_fields__},
        status=StatementStatus.CLOSED,
        closed_by=closer,
        closed_at=now,
    )


def _statement_id(now: datetime) -> UUID:
    return uuid7(unix_ms=int(now.timestamp() * 1000))


async def _keep(work: UnitOfWork, made: list[Statement]) -> None:
    rows = [tuple(getattr(statement, name) for name in Statement.__struct_fields__) for statement in made]
    await work.execute(_INSERT, *columns(rows, len(Statement.__struct_fields__)))


async def _move_on(work: UnitOfWork, still_open: dict[Ledger, date | None], period: Period) -> None:
    """Open the next period, for partners without a statement too: what arrives late goes there."""
    await work.execute(
        "UPDATE settlement_period SET open_from = $4"
        " WHERE (partner_id, currency, cycle) IN (SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[]))",
        *columns(sorted(still_open), 3), period.end,
    )  # fmt: skip


async def _tell(work: UnitOfWork, made: list[Statement], period: Period, closer: str, now: datetime) -> None:
    if not made:
        return
    facts = [
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
    await publish(work, facts, now)
    hashes = {str(statement.id): statement.content_hash for statement in made}
    await audit.record(work, closer, "period.close", f"period:{period}", now, statements=hashes)
