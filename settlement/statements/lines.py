"""The lines of a statement: its postings, with the titles of the offers."""

from collections.abc import AsyncIterator, Iterable
from uuid import UUID

from benefits.offers.titles import revision_titles
from marketplace.kernel.text import Text
from marketplace.platform.postgres.database import DB
from settlement.books.domain import MoneyPosting
from settlement.books.statement_scope import LinePosition, read_scope, read_some
from settlement.statements.statements import Statement

OfferRevision = tuple[UUID, int]
"""An offer as it was when it was redeemed."""

StatementLine = tuple[MoneyPosting, Text | None]
"""A posting, and the title that its offer then had, where the offer is known."""


async def some_lines(statement: Statement, after: LinePosition | None, limit: int) -> list[StatementLine]:
    """Return the next lines of the statement after a position, at most `limit`."""
    postings = await read_some(DB.fetch, statement.scope, after, limit)
    found = await revision_titles(sorted(_offers(postings)))
    return [(posting, _title(posting, found)) for posting in postings]


async def all_lines(statement: Statement) -> AsyncIterator[list[StatementLine]]:
    """Give all lines, in chunks; each title is asked for once."""
    known: dict[OfferRevision, Text] = {}
    async for chunk in read_scope(DB.fetch, statement.scope):
        missing = _offers(chunk) - known.keys()
        if missing:
            known |= await revision_titles(sorted(missing))
        yield [(posting, _title(posting, known)) for posting in chunk]


def _offers(postings: Iterable[MoneyPosting]) -> set[OfferRevision]:
    return {found for posting in postings if (found := _offer(posting)) is not None}


def _offer(posting: MoneyPosting) -> OfferRevision | None:
    if posting.offer_id is None or posting.revision is None:
        return None
    return posting.offer_id, posting.revision


def _title(posting: MoneyPosting, known: dict[OfferRevision, Text]) -> Text | None:
    offer = _offer(posting)
    return None if offer is None else known.get(offer)
