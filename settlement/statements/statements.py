"""Statements as they are kept: read, found, and compared with their postings."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import asyncpg
import msgspec

from marketplace.kernel.calendar import Month
from marketplace.kernel.periods import Cycle, Period
from marketplace.kernel.refusals import NotFound
from marketplace.platform.postgres.database import DB, UnitOfWork
from partners.contracts.terms import zone_between
from settlement.books.statement_scope import FetchRows, StatementScope, read_scope
from settlement.statements.domain import StatementBuilder, StatementChanged, StatementDraft, StatementStatus
from settlement.statements.tables import StatementRow


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """A partner's closed period in one currency; amounts in minor units, `period` its first day.

    `due_on` is the business day on which it is to be paid, by the payment terms of its contract; known from its approval on.
    """

    id: UUID
    partner_id: UUID
    currency: str
    period: date
    cycle: Cycle
    lines: int
    gross_minor: int
    reversed_minor: int
    partner_share_minor: int
    dealer_share_minor: int
    commission_minor: int
    granted_minor: int
    total_minor: int
    tax_minor: int
    content_hash: str
    status: StatementStatus
    closed_by: str
    closed_at: datetime
    approved_by: str | None = None
    approved_at: datetime | None = None
    due_on: date | None = None
    paid_at: datetime | None = None

    @property
    def scope(self) -> StatementScope:
        """Which postings it is made of."""
        return StatementScope(self.partner_id, self.currency, self.period, self.cycle)

    @property
    def month(self) -> str:
        """The month in which it begins, as `2026-10`."""
        return str(Month.of(self.period))

    @property
    def days(self) -> Period:
        """The business days that it is for."""
        return Period(self.cycle, self.period)

    @property
    def period_end(self) -> date:
        """The first day after it."""
        return self.days.end

    @property
    def draft(self) -> StatementDraft:
        """What its postings came to when it was closed."""
        return StatementDraft(**{name: getattr(self, name) for name in StatementDraft.__struct_fields__})


COLUMNS = ", ".join(Statement.__struct_fields__)


class Filter(msgspec.Struct, frozen=True):
    """Which statements of a list; None lets all through."""

    month: Month | None = None
    partner_id: UUID | None = None
    status: StatementStatus | None = None


def statement_of(row: asyncpg.Record | Mapping[str, Any]) -> Statement:
    """Return a row as a statement."""
    values: dict[str, Any] = {name: row[name] for name in Statement.__struct_fields__}
    values["status"] = StatementStatus(values["status"])
    return Statement(**values)


async def find_own(partner_id: UUID, statement_id: UUID) -> Statement:
    """Return one of the partner's statements. Raises NotFound, the same for one that is not there and one that is another's."""
    row = (
        await StatementRow.select()
        .where(StatementRow.partner_id == partner_id, StatementRow.id == statement_id)
        .first()
    )
    if row is None:
        raise NotFound
    return statement_of(row)


async def find(statement_id: UUID | None) -> Statement:
    """Return a statement of whichever partner, for finance. Raises NotFound."""
    row = None if statement_id is None else await StatementRow.select().where(StatementRow.id == statement_id).first()
    if row is None:
        raise NotFound
    return statement_of(row)


async def zone_of_days(statement: Statement, business: ZoneInfo) -> ZoneInfo:
    """Return the zone by whose days the statement's period is counted: its contract's, or the business's."""
    days = statement.days
    named = await zone_between(statement.partner_id, days.cycle, days.first_day, days.end)
    return business if named is None else ZoneInfo(named)


async def lock(work: UnitOfWork, statement_id: UUID | None) -> Statement:
    """Return the statement, locked until the unit of work ends. Raises NotFound."""
    row = await work.fetchrow(f"SELECT {COLUMNS} FROM statement WHERE id = $1 FOR UPDATE", statement_id)
    if row is None:
        raise NotFound
    return statement_of(row)


async def of_period(fetch: FetchRows, period: Period) -> list[Statement]:
    """Return all statements of the period, by partner and currency."""
    rows = await fetch(
        f"SELECT {COLUMNS} FROM statement WHERE period = $1 AND cycle = $2 ORDER BY partner_id, currency",
        period.first_day, period.cycle,
    )  # fmt: skip
    return [statement_of(row) for row in rows]


async def select_statements(wanted: Filter, after: tuple[date, UUID] | None, limit: int) -> Sequence[Statement]:
    """Return the next statements of a list, newest month first."""
    period, identifier = after or (None, None)
    rows = await DB.fetch(
        f"SELECT {COLUMNS} FROM statement WHERE ($1::date IS NULL OR period >= $1 AND period < ($1 + interval '1 month')::date)"
        " AND ($2::uuid IS NULL OR partner_id = $2) AND ($3::text IS NULL OR status = $3)"
        " AND ($4::date IS NULL OR (period, id) < ($4, $5::uuid)) ORDER BY period DESC, id DESC LIMIT $6",
        wanted.month and wanted.month.first_day, wanted.partner_id, wanted.status, period, identifier, limit,
    )  # fmt: skip
    return [statement_of(row) for row in rows]


async def build(fetch: FetchRows, scope: StatementScope) -> StatementDraft:
    """Return what the postings of the scope come to now."""
    builder = StatementBuilder(scope.partner_id, scope.currency, scope.period, scope.cycle)
    async for chunk in read_scope(fetch, scope):
        for posting in chunk:
            builder.add(posting)
    return builder.draft()


async def check_unchanged(work: UnitOfWork, statement: Statement) -> None:
    """Build the statement again and raise StatementChanged unless it comes out the same, line for line."""
    if await build(work.fetch, statement.scope) != statement.draft:
        raise StatementChanged
