"""A slice of the book: what one partner is owed for one period in one currency, in the order of its statement's lines."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from marketplace.kernel.periods import Cycle
from settlement.books.domain import Account, Posting, PostingCode

CHUNK = 2000
"""Postings read at a time: a slice may have millions, and a read should hold no connection for long."""

Fetch = Callable[..., Awaitable[Sequence[asyncpg.Record]]]
"""`DB.fetch`, or the `fetch` of an open unit of work."""

Place = tuple[datetime, UUID]
"""Where a line stands in its slice: lines go by the instant of their posting, then by its id."""

_COLUMNS = ", ".join(Posting.__struct_fields__)

_READ = f"""
SELECT {_COLUMNS} FROM money_posting
WHERE partner_id = $1 AND currency = $2 AND period = $3 AND cycle = $7 AND code <> 'payout'
  AND ($4::timestamptz IS NULL OR (occurred_at, id) > ($4, $5::uuid))
ORDER BY occurred_at, id LIMIT $6
"""


class SliceKey(msgspec.Struct, frozen=True, order=True):
    """Which slice: a partner's period (its first day) in a currency and a cycle."""

    partner_id: UUID
    currency: str
    period: date
    cycle: Cycle = "monthly"


def place_of(posting: Posting) -> Place:
    """Return where the posting stands in its slice."""
    return posting.occurred_at, posting.id


async def read_some(fetch: Fetch, key: SliceKey, after: Place | None, limit: int) -> list[Posting]:
    """Return the slice's next postings after a place, at most `limit` of them."""
    instant, identifier = after or (None, None)
    rows = await fetch(_READ, key.partner_id, key.currency, key.period, instant, identifier, limit, key.cycle)
    return [_posting(row) for row in rows]


async def read_slice(fetch: Fetch, key: SliceKey) -> AsyncIterator[list[Posting]]:
    """Give the whole slice, in chunks.

    A closed slice never changes, so its chunks need no common transaction: each takes a connection only while it is read,
    and a slow reader holds none.
    """
    after: Place | None = None
    while chunk := await read_some(fetch, key, after, CHUNK):
        yield chunk
        if len(chunk) < CHUNK:
            return
        after = place_of(chunk[-1])


def _posting(row: asyncpg.Record) -> Posting:
    values: dict[str, Any] = dict(row)
    values["code"] = PostingCode(values["code"])
    values["source"] = Account(values["source"])
    values["destination"] = Account(values["destination"])
    return Posting(**values)
