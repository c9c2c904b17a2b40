"""The demo's settled past: of the two months with redemptions, the older one is closed, approved and paid."""

from datetime import date, datetime, timedelta

from marketplace.kernel.calendar import Calendar
from marketplace.kernel.periods import Period
from marketplace.platform.invariants.checker import check_now
from marketplace.platform.packages import SeedContext
from marketplace.platform.postgres.database import unit_of_work
from settlement.books.consumer import Books
from settlement.invariants import INVARIANTS
from settlement.payouts.domain import Rail
from settlement.payouts.pay import pay
from settlement.payouts.schemas import PayoutInput
from settlement.statements import close
from settlement.statements.approve import approve
from settlement.statements.domain import StatementStatus
from settlement.statements.statements import Statement

_CLOSER = "admin:staff-finance"
_APPROVER = "admin:staff-approver"
"""The demo's people of finance, by the names that they have over HTTP: nobody approves what they closed."""

_APPROVED_ONLY, _CLOSED_ONLY = 3, 2
"""How many of the month's statements wait for their payout, and how many for the second pair of eyes."""


async def seed(context: SeedContext) -> None:
    """Close, approve and pay the month before last, at plausible hours of the days after it."""
    calendar = context.settings.calendar
    period = Period("monthly", calendar.month_of(context.clock.now()).plus(-2).first_day)
    after = period.end
    statements = await close.run(Books(calendar), period, _CLOSER, _at(calendar, after, 2))
    await check_now(INVARIANTS)
    left = _APPROVED_ONLY + _CLOSED_ONLY if len(statements) > 2 * (_APPROVED_ONLY + _CLOSED_ONLY) else 0
    for done, statement in enumerate(statements, start=1):
        waiting = left - (len(statements) - done)
        if waiting <= _APPROVED_ONLY:
            await _settle(statement, calendar, after, paid=waiting <= 0)
        context.progress("settlement", done, len(statements))


async def _settle(statement: Statement, calendar: Calendar, after: date, *, paid: bool) -> None:
    async with unit_of_work() as work:
        if statement.status is StatementStatus.CLOSED:
            statement = await approve(work, statement.id, _APPROVER, _at(calendar, after, 3), calendar)
        if paid and statement.status is StatementStatus.APPROVED and statement.total_minor > 0:
            paid_at = _at(calendar, after, 5)
            reference = f"DEMO-{statement.month}-{str(statement.partner_id)[-6:]}"
            wanted = PayoutInput(statement.id, Rail.MANUAL, reference, calendar.day_of(paid_at))
            await pay(work, wanted, _CLOSER, paid_at, calendar)


def _at(calendar: Calendar, first_day: date, days: int) -> datetime:
    """Return ten o'clock, business time, that many days into the month."""
    return calendar.start_of(first_day + timedelta(days=days)) + timedelta(hours=10)
