"""Post into the money book: the one way in."""

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from marketplace.kernel.calendar import Calendar
from marketplace.platform.postgres.database import UnitOfWork, columns
from settlement.books.domain import MoneyPosting, period_of

_OPEN_ROWS = """
INSERT INTO settlement_period (partner_id, currency, cycle)
SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[]) ON CONFLICT DO NOTHING
"""

_LOCK = """
SELECT partner_id, currency, cycle, open_from FROM settlement_period
WHERE (partner_id, currency, cycle) IN (SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[]))
ORDER BY partner_id, currency, cycle
"""

_INSERT = """
INSERT INTO money_posting (
    partner_id, id, transaction_id, code, source, destination, amount_minor, tax_minor, currency, occurred_at, period,
    redemption_id, voucher_id, offer_id, revision, quantity, reference, location_id, contract_id, contract_version,
    reverses, payout_id, occasion, cycle, zone
)
SELECT * FROM unnest(
    $1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::bigint[], $9::text[],
    $10::timestamptz[], $11::date[], $12::uuid[], $13::uuid[], $14::uuid[], $15::int[], $16::int[], $17::text[],
    $18::text[], $19::uuid[], $20::bigint[], $21::uuid[], $22::uuid[], $23::int[], $24::text[], $25::text[]
)
ON CONFLICT DO NOTHING
RETURNING 1
"""
_WIDTH = 25

Ledger = tuple[UUID, str, str]
"""A partner's book in one currency and one cycle: what was redeemed under a monthly contract is settled by the month even when
a later one is weekly."""


async def post(work: UnitOfWork, postings: Sequence[MoneyPosting], calendar: Calendar) -> int:
    """Add the postings to the book, each in its period, and return how many were new.

    A posting that is in the book already is passed over, so a doubled event changes nothing. A reversal whose original
    is not in the book is refused by the database (foreign key).
    """
    if not postings:
        return 0
    open_from = await lock_periods(work, {ledger_of(posting) for posting in postings})
    rows = [_row(posting, period_of(posting, open_from[ledger_of(posting)], calendar)) for posting in postings]
    return len(await work.fetch(_INSERT, *columns(rows, _WIDTH)))


async def lock_periods(work: UnitOfWork, ledgers: set[Ledger], *, to_close: bool = False) -> dict[Ledger, date | None]:
    """Lock the books' period rows, in their order, and return each one's first open period (None: nothing closed yet).

    Posting locks the row FOR SHARE, closing FOR UPDATE: the second sees what the first has done, so no posting can
    slip into a period while it is being closed.
    """
    wanted = columns(sorted(ledgers), 3)
    await work.execute(_OPEN_ROWS, *wanted)
    rows = await work.fetch(_LOCK + ("FOR UPDATE" if to_close else "FOR SHARE"), *wanted)
    return {(row["partner_id"], row["currency"], row["cycle"]): row["open_from"] for row in rows}


def ledger_of(posting: MoneyPosting) -> Ledger:
    """Return the book that a posting belongs to."""
    return posting.partner_id, posting.currency, posting.cycle


def _row(posting: MoneyPosting, period: date) -> tuple[object, ...]:
    return (
        posting.partner_id, posting.id, posting.transaction_id, posting.code, posting.source, posting.destination,
        posting.amount_minor, posting.tax_minor, posting.currency, posting.occurred_at, period,
        posting.redemption_id, posting.voucher_id, posting.offer_id, posting.revision, posting.quantity, posting.reference,
        posting.location_id, posting.contract_id, posting.contract_version, posting.reverses, posting.payout_id,
        posting.occasion, posting.cycle, posting.zone,
    )  # fmt: skip
