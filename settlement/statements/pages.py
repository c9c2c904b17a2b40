"""Pages of statements and of lines, the same for finance and for partners."""

from collections.abc import Callable
from datetime import date, datetime
from typing import TypeVar
from uuid import UUID

import msgspec

from marketplace.platform.http.paging import Cursors, Page
from settlement.books.statement_scope import line_position
from settlement.statements.lines import some_lines
from settlement.statements.schemas import LineView, PartnerStatementView, line_view, partner_view
from settlement.statements.statements import Filter, Statement, select_statements

PageViewT = TypeVar("PageViewT")


async def statement_page(
    cursors: Cursors, wanted: Filter, cursor: str | None, limit: int, view: Callable[[Statement], PageViewT]
) -> Page[PageViewT]:
    """Return a page of statements, the newest month first. Raises InvalidField for a cursor of another list."""
    kind = f"statements:{wanted.month}:{wanted.partner_id}:{wanted.status}"
    after = None
    if cursor is not None:
        period, identifier = cursors.read(kind, cursor)
        after = date.fromisoformat(period), UUID(identifier)
    found = await select_statements(wanted, after, limit + 1)
    page = found[:limit]
    more = len(found) > limit
    following = cursors.make(kind, [page[-1].period.isoformat(), str(page[-1].id)]) if more else None
    return Page([view(statement) for statement in page], following)


async def own_statement_page(
    partner_id: UUID, cursors: Cursors, wanted: Filter, cursor: str | None, limit: int
) -> Page[PartnerStatementView]:
    """Return a page of the partner's statements as it sees them, whosever `wanted` names."""
    own = msgspec.structs.replace(wanted, partner_id=partner_id)
    return await statement_page(cursors, own, cursor, limit, partner_view)


async def line_page(cursors: Cursors, statement: Statement, cursor: str | None, limit: int) -> Page[LineView]:
    """Return a page of the statement's lines. Raises InvalidField for a cursor of another list."""
    kind = f"lines:{statement.id}"
    after = None
    if cursor is not None:
        instant, identifier = cursors.read(kind, cursor)
        after = datetime.fromisoformat(instant), UUID(identifier)
    found = await some_lines(statement, after, limit + 1)
    page = found[:limit]
    following = None
    if len(found) > limit:
        instant, identifier = line_position(page[-1][0])
        following = cursors.make(kind, [instant.isoformat(), str(identifier)])
    return Page([line_view(posting, title) for posting, title in page], following)
