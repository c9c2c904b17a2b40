"""Payouts to look at."""

from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from marketplace.kernel.money import Money
from marketplace.platform.http.paging import Cursors, Page
from marketplace.platform.postgres.database import DB
from settlement.payouts.domain import Rail
from settlement.payouts.schemas import PartnerPayoutView

PayoutViewT = TypeVar("PayoutViewT", bound=PartnerPayoutView)


async def payout_page(
    cursors: Cursors,
    kind: type[PayoutViewT],
    *,
    partner_id: UUID | None,
    statement_id: UUID | None,
    cursor: str | None,
    limit: int,
) -> Page[PayoutViewT]:
    """Return a page of payouts, the newest first, as views of the kind. Raises InvalidField for a foreign cursor."""
    name = f"payouts:{partner_id}:{statement_id}"
    recorded_at, identifier = None, None
    if cursor is not None:
        position = cursors.read(name, cursor)
        recorded_at, identifier = datetime.fromisoformat(position[0]), UUID(position[1])
    rows = await DB.fetch(
        "SELECT * FROM payout WHERE ($1::uuid IS NULL OR partner_id = $1) AND ($2::uuid IS NULL OR statement_id = $2)"
        " AND ($3::timestamptz IS NULL OR (recorded_at, id) < ($3, $4::uuid)) ORDER BY recorded_at DESC, id DESC LIMIT $5",
        partner_id, statement_id, recorded_at, identifier, limit + 1,
    )  # fmt: skip
    page = [_view(dict(row), kind) for row in rows[:limit]]
    if len(rows) <= limit:
        return Page(page)
    return Page(page, cursors.make(name, [page[-1].recorded_at.isoformat(), str(page[-1].id)]))


async def own_payout_page(
    partner_id: UUID, cursors: Cursors, *, statement_id: UUID | None, cursor: str | None, limit: int
) -> Page[PartnerPayoutView]:
    """Return a page of what was paid to the partner, as it sees it. Raises InvalidField for a foreign cursor."""
    return await payout_page(
        cursors, PartnerPayoutView, partner_id=partner_id, statement_id=statement_id, cursor=cursor, limit=limit
    )


def _view(row: dict[str, Any], kind: type[PayoutViewT]) -> PayoutViewT:
    row["amount"] = Money(row.pop("amount_minor"), row.pop("currency"))
    row["rail"] = Rail(row["rail"])
    return kind(**{name: row[name] for name in kind.__struct_fields__})
