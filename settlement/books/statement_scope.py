"""The postings of a statement: what one partner is owed for one period in one currency, in the order of the lines."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from marketplace.kernel.periods import Cycle
from settlement.books.domain import MoneyAccount, MoneyPosting, MoneyPostingCode

CHUNK = 2000
"""Postings read at a time: a statement may have millions, and a read should hold no connection for long."""

FetchRows = Callable[..., Awaitable[Sequence[asyncpg.Record]]]
"""`DB.fetch`, or the `fetch` of an open unit of work."""

LinePosition = tuple[datetime, UUID]
"""Where a line stands in its statement: lines are ordered by the instant of their posting, then by its id."""

_COLUMNS = ", ".join(MoneyPosting.__struct_fields__)

_READ = f"""
SELECT {_COLUMNS} FROM money_posting
WHERE partner_id = $1 AND currency = $2 AND period = $3 AND cycle = $7 AND code <> 'payout'
  AND ($4::timestamptz IS NULL OR (occurred_at, id) > ($4, $5::uuid))
ORDER BY occurred_at, id LIMIT $6
"""


class StatementScope(msgspec.Struct, frozen=True, order=True):
    """Which postings belong to a statement: those of a partner's period (its first day), in a currency and a cycle."""

    partner_id: UUID
    currency: str
    period: date
    cycle: Cycle = "monthly"


def line_position(posting: MoneyPosting) -> LinePosition:
    """Return where the posting stands in its statement."""
    return posting.occurred_at, posting.id


async def read_some(
    fetch: FetchRows, scope: StatementScope, after: LinePosition | None, limit: int
) -> list[MoneyPosting]:
    """Return the next postings after a position, at most `limit` of them."""
    instant, identifier = after or (None, None)
    rows = await fetch(_READ, scope.partner_id, scope.currency, scope.period, instant, identifier, limit, scope.cycle)
    return [_posting(row) for row in rows]


async def read_scope(fetch: FetchRows, scope: StatementScope) -> AsyncIterator[list[MoneyPosting]]:
    """Yield all postings of the scope, in chunks.

    A closed period never changes, so its chunks need no common transaction: each takes a connection only while it is read,
    and a slow reader holds none.
    """
    after: LinePosition | None = None
    while chunk := await read_some(fetch, scope, after, CHUNK):
        yield chunk
        if len(chunk) < CHUNK:
            return
        after = line_position(chunk[-1])


def _posting(row: asyncpg.Record) -> MoneyPosting:
    values: dict[str, Any] = dict(row)
    values["code"] = MoneyPostingCode(values["code"])
    values["source"] = MoneyAccount(values["source"])
    values["destination"] = MoneyAccount(values["destination"])
    return MoneyPosting(**values)
