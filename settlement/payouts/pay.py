"""Pay a statement: the payout, its posting and the statement's new state, together or not at all."""

from datetime import date, datetime
from uuid import UUID

from marketplace.kernel.calendar import Calendar
from marketplace.kernel.ids import uuid7
from marketplace.kernel.money import Money
from marketplace.platform.eventlog import audit
from marketplace.platform.eventlog.events import publish
from marketplace.platform.invariants.report import TRUSTED_H, oldest_check, standing_breach
from marketplace.platform.postgres.database import UnitOfWork
from marketplace.platform.postgres.database_time import database_time
from partners.contracts.terms import contract_in_force, load_terms
from settlement.books.domain import payout_posting
from settlement.books.post import post
from settlement.invariants import BY_PARTNER, INVARIANTS
from settlement.payouts.domain import ChecksTooOld, PayoutsStopped, check_minimum, check_paid_on, check_payable
from settlement.payouts.events import StatementPaid
from settlement.payouts.schemas import PayoutInput, PayoutView
from settlement.payouts.tables import PayoutRow
from settlement.statements.domain import STATEMENT_STEPS, StatementStatus
from settlement.statements.statements import Statement, check_unchanged, lock


async def pay(work: UnitOfWork, wanted: PayoutInput, payer: str, now: datetime, calendar: Calendar) -> PayoutView:
    """Record the payout of a statement's total and return it.

    Checked in this order: the statement is there (NotFound), it is approved and not paid (TransitionRefusedError), its total
    is positive (NothingToPay), the day can be (InvalidField), it is enough together with others (BelowMinimum), the
    book still gives the same statement (StatementChanged), its partner's book adds up now, and everything did when the
    running checks last looked, which was not long ago (PayoutsStopped, ChecksTooOld).
    """
    statement = await lock(work, wanted.statement_id)
    if statement.status is StatementStatus.SETTLED:  # nothing to pay is the better answer than the wrong state
        check_payable(statement.total_minor)
    status = STATEMENT_STEPS.after(statement.status, "pay")
    check_payable(statement.total_minor)
    check_paid_on(wanted.paid_on, statement.period_end, calendar.day_of(now))
    check_minimum(await _waiting(work, statement, wanted), await _smallest_payout(statement, calendar.day_of(now)))
    await check_unchanged(work, statement)
    await _check_book(work, statement.partner_id)
    # Decided; the writes. The statement's row is locked, and a second payout of it is refused by a unique index.
    payout = PayoutView(
        id=uuid7(unix_ms=int(now.timestamp() * 1000)),
        statement_id=statement.id,
        partner_id=statement.partner_id,
        amount=Money(statement.total_minor, statement.currency),
        rail=wanted.rail,
        reference=wanted.reference,
        paid_on=wanted.paid_on,
        recorded_at=now,
        recorded_by=payer,
    )
    await _insert(work, payout)
    await work.execute(
        "UPDATE statement SET status = $3, paid_at = $4 WHERE partner_id = $1 AND id = $2",
        statement.partner_id, statement.id, status, now,
    )  # fmt: skip
    paid_at = calendar.start_of(wanted.paid_on)
    owed = payout_posting(
        payout.id, statement.partner_id, statement.total_minor, statement.currency, paid_at, statement.cycle
    )
    await post(work, [owed], calendar)
    await _publish(work, payout, statement)
    return payout


async def _waiting(work: UnitOfWork, statement: Statement, wanted: PayoutInput) -> int:
    """Return what the partner's approved statements that are not paid come to, this one included, and what the same
    transfer has paid already.

    The rows of its books are locked first: of two payouts at once the second sees what the first has left.
    """
    await work.execute(
        "SELECT 1 FROM settlement_period WHERE partner_id = $1 AND currency = $2 ORDER BY cycle FOR UPDATE",
        statement.partner_id, statement.currency,
    )  # fmt: skip
    waiting: int = await work.fetchval(
        "SELECT (SELECT sum(total_minor) FROM statement"
        " WHERE partner_id = $1 AND currency = $2 AND status = 'approved' AND total_minor > 0)::bigint"
        " + (SELECT coalesce(sum(amount_minor), 0) FROM payout"
        " WHERE partner_id = $1 AND currency = $2 AND rail = $3 AND reference = $4 AND paid_on = $5)::bigint",
        statement.partner_id, statement.currency, wanted.rail, wanted.reference, wanted.paid_on,
    )  # fmt: skip
    return waiting


async def _smallest_payout(statement: Statement, today: date) -> int:
    """Return the smallest payout by the contract of today; without one everything is paid out."""
    partner = (await load_terms([statement.partner_id])).get(statement.partner_id)
    contract = contract_in_force(partner, today) if partner else None
    return contract.minimum_payout.amount if contract and contract.minimum_payout else 0


async def _check_book(work: UnitOfWork, partner_id: UUID) -> None:
    """Look at this partner's book now, and trust the running checks with all the others' for some hours."""
    for invariant in INVARIANTS:
        if invariant.cut == BY_PARTNER and (await invariant.inspect(work.fetch, BY_PARTNER.only(partner_id))).broken:
            raise PayoutsStopped(invariant.name, await database_time(work))
    breach = await standing_breach(work.fetch)
    if breach is not None:
        raise PayoutsStopped(breach.name, breach.since)
    oldest = await oldest_check(work.fetch, [invariant.name for invariant in INVARIANTS], await database_time(work))
    if oldest.hours is None or oldest.hours >= TRUSTED_H:
        raise ChecksTooOld(oldest.name, oldest.checked_at, TRUSTED_H)


async def _insert(work: UnitOfWork, payout: PayoutView) -> None:
    await work.run(
        PayoutRow.insert(
            PayoutRow(
                partner_id=payout.partner_id,
                id=payout.id,
                statement_id=payout.statement_id,
                amount_minor=payout.amount.amount,
                currency=payout.amount.currency,
                rail=payout.rail,
                reference=payout.reference,
                paid_on=payout.paid_on,
                recorded_by=payout.recorded_by,
                recorded_at=payout.recorded_at,
            )
        )
    )


async def _publish(work: UnitOfWork, payout: PayoutView, statement: Statement) -> None:
    fact = StatementPaid(
        statement_id=statement.id,
        payout_id=payout.id,
        partner_id=payout.partner_id,
        currency=payout.amount.currency,
        period=statement.period,
        amount_minor=payout.amount.amount,
        rail=payout.rail,
        reference=payout.reference,
        paid_on=payout.paid_on,
        recorded_at=payout.recorded_at,
    )
    await publish(work, [fact], payout.recorded_at)
    await audit.record(
        work, payout.recorded_by, "payout.record", f"statement:{statement.id}", payout.recorded_at,
        payout_id=payout.id, amount_minor=fact.amount_minor, currency=fact.currency, rail=fact.rail,
        reference=fact.reference, paid_on=fact.paid_on,
    )  # fmt: skip
