"""Approve a statement: the second pair of eyes."""

from datetime import date, datetime, timedelta
from uuid import UUID

from marketplace.kernel.calendar import Calendar
from marketplace.platform.eventlog import audit
from marketplace.platform.eventlog.events import publish
from marketplace.platform.postgres.database import UnitOfWork
from partners.contracts.terms import load_terms
from settlement.statements.domain import STATEMENT_STEPS, check_approver
from settlement.statements.events import StatementApproved, StatementSettled
from settlement.statements.statements import COLUMNS, Statement, check_unchanged, lock, statement_of


async def approve(
    work: UnitOfWork, statement_id: UUID | None, approver: str, now: datetime, calendar: Calendar
) -> Statement:
    """Approve the statement and return it, with the business day on which it is to be paid, if anything is.

    One of zero is settled by that. One below zero stays approved: what it says stands in the book (`check_payable`).

    Checked in this order: it is there (NotFound), it is closed and not approved yet (TransitionRefusedError), the approver is
    another than the closer (SamePerson), the book still gives the same statement (StatementChanged).
    """
    statement = await lock(work, statement_id)
    status = STATEMENT_STEPS.after(statement.status, "approve")
    settled = statement.total_minor == 0
    if settled:
        status = STATEMENT_STEPS.after(status, "settle")
    check_approver(statement.closed_by, approver)
    await check_unchanged(work, statement)
    due_on = await _due_on(statement, calendar.day_of(now)) if statement.total_minor > 0 else None
    # Decided; the writes. The row is locked, and the database itself refuses an approver who is the closer.
    row = await work.fetchrow(
        "UPDATE statement SET status = $3, approved_by = $4, approved_at = $5, due_on = $6"
        f" WHERE partner_id = $1 AND id = $2 RETURNING {COLUMNS}",
        statement.partner_id, statement.id, status, approver, now, due_on,
    )  # fmt: skip
    fact = StatementApproved(
        statement_id=statement.id,
        partner_id=statement.partner_id,
        currency=statement.currency,
        period=statement.period,
        total_minor=statement.total_minor,
        approved_at=now,
    )
    await publish(work, [fact, *([_settled(statement, now)] if settled else [])], now)
    await audit.record(
        work, approver, "statement.approve", f"statement:{statement.id}", now,
        total_minor=statement.total_minor, currency=statement.currency, content_hash=statement.content_hash,
    )  # fmt: skip
    return statement_of(row)


def _settled(statement: Statement, now: datetime) -> StatementSettled:
    return StatementSettled(
        statement_id=statement.id,
        partner_id=statement.partner_id,
        currency=statement.currency,
        period=statement.period,
        settled_at=now,
    )


async def _due_on(statement: Statement, today: date) -> date | None:
    """Return when the statement is to be paid: by the last contract that held in its period, None where there was none."""
    partner = (await load_terms([statement.partner_id])).get(statement.partner_id)
    held = [one for one in (partner.contracts if partner else ()) if one.starts_on < statement.period_end]
    return today + timedelta(days=held[-1].payment_terms_days) if held else None
