"""Close a month: every partner's slice of the book becomes a statement, and the book goes on in the next month."""

from collections.abc import Callable, Iterable
from datetime import date, datetime
from uuid import UUID

from marketplace.kernel.calendar import Calendar, Month
from marketplace.kernel.ids import uuid7
from marketplace.platform import audit
from marketplace.platform.database import UnitOfWork, columns
from marketplace.platform.events import publish
from settlement.books.post import Ledger, lock_periods
from settlement.books.slices import SliceKey
from settlement.statements.domain import EarlierPeriodOpen, PeriodNotOver, StatementStatus
from settlement.statements.events import StatementClosed
from settlement.statements.statements import COLUMNS, Statement, build, of_month

Progress = Callable[[int, int], None]
"""Told after each statement: how many are made, of how many."""

_FIRST_OPEN = """
SELECT partner_id, currency, min(period) AS period FROM money_posting
JOIN unnest($1::uuid[], $2::text[], $3::date[]) AS ledger (partner_id, currency, open_from) USING (partner_id, currency)
WHERE code <> 'payout' AND period <= $4 AND (open_from IS NULL OR period >= open_from)
GROUP BY partner_id, currency
"""

_INSERT = f"""
INSERT INTO statement ({COLUMNS})
SELECT * FROM unnest(
    $1::uuid[], $2::uuid[], $3::text[], $4::date[], $5::int[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[],
    $10::text[], $11::text[], $12::text[], $13::timestamptz[], $14::text[], $15::timestamptz[], $16::timestamptz[]
)
"""


async def close_month(
    work: UnitOfWork,
    month: Month,
    contracted: Iterable[Ledger],
    closer: str,
    now: datetime,
    calendar: Calendar,
    progress: Progress | None = None,
) -> list[Statement]:
    """Close the month for every partner and return its statements, by partner and currency.

    `contracted` are the partners with a contract in force in the month: they get a statement even without a line. A partner
    whose month is closed already keeps the statement that it has, so closing again changes nothing.

    The caller has brought the consumer up to date before. Raises PeriodNotOver, EarlierPeriodOpen.
    """
    if calendar.start_of(month.plus(1).first_day) > now:
        raise PeriodNotOver(month=str(month))
    contracted = set(contracted)
    known = {(row["partner_id"], row["currency"]) for row in await work.fetch("SELECT * FROM settlement_period")}
    first_day = month.first_day
    locked = await lock_periods(work, known | contracted, to_close=True)
    still_open = {ledger: start for ledger, start in locked.items() if start is None or start <= first_day}
    with_lines = await _ledgers_with_lines(work, still_open, month)
    # From here on nothing refuses: make the statements, then move the months on.
    wanted = sorted(with_lines | contracted & still_open.keys())
    made = []
    for partner_id, currency in wanted:
        made.append(await _statement(work, SliceKey(partner_id, currency, first_day), closer, now))
        if progress is not None:
            progress(len(made), len(wanted))
    await _keep(work, made)
    await _move_on(work, still_open, month)
    await _tell(work, made, month, closer, now)
    return await of_month(work.fetch, month)


async def _ledgers_with_lines(work: UnitOfWork, still_open: dict[Ledger, date | None], month: Month) -> set[Ledger]:
    """Return the books that have postings in the month. Raises EarlierPeriodOpen if one has some in a month before."""
    keys = columns([(*ledger, start) for ledger, start in still_open.items()], 3)
    rows = await work.fetch(_FIRST_OPEN, *keys, month.first_day)
    earliest = min((row["period"] for row in rows), default=month.first_day)
    if earliest < month.first_day:
        raise EarlierPeriodOpen(open_month=str(Month.of(earliest)), month=str(month))
    return {(row["partner_id"], row["currency"]) for row in rows}


async def _statement(work: UnitOfWork, key: SliceKey, closer: str, now: datetime) -> Statement:
    draft = await build(work.fetch, key)
    return Statement(
        id=_statement_id(now),
        partner_id=key.partner_id,
        currency=key.currency,
        period=key.period,
        lines=draft.lines,
        gross_minor=draft.gross_minor,
        reversed_minor=draft.reversed_minor,
        total_minor=draft.total_minor,
        tax_minor=draft.tax_minor,
        content_hash=draft.content_hash,
        status=StatementStatus.CLOSED,
        closed_by=closer,
        closed_at=now,
    )


def _statement_id(now: datetime) -> UUID:
    return uuid7(unix_ms=int(now.timestamp() * 1000))


async def _keep(work: UnitOfWork, made: list[Statement]) -> None:
    rows = [tuple(getattr(statement, name) for name in Statement.__struct_fields__) for statement in made]
    await work.execute(_INSERT, *columns(rows, len(Statement.__struct_fields__)))


async def _move_on(work: UnitOfWork, still_open: dict[Ledger, date | None], month: Month) -> None:
    """Open the next month, for partners without a statement too: what arrives late goes there."""
    await work.execute(
        "UPDATE settlement_period SET open_from = $3"
        " WHERE (partner_id, currency) IN (SELECT * FROM unnest($1::uuid[], $2::text[]))",
        *columns(sorted(still_open), 2), month.plus(1).first_day,
    )  # fmt: skip


async def _tell(work: UnitOfWork, made: list[Statement], month: Month, closer: str, now: datetime) -> None:
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
    await audit.record(work, closer, "period.close", f"period:{month}", now, statements=hashes)
