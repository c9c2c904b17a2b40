"""The grants that a partner's people gave to applications, listed and revoked by the partner.

Grants are stored on the live side, including those for a sandbox. Each side lists and revokes its own.
"""

from datetime import datetime
from uuid import UUID

from marketplace.kernel.refusals import NotFound
from marketplace.platform.eventlog import audit
from marketplace.platform.http.paging import Cursors, Page
from marketplace.platform.postgres.database import DB, UnitOfWork
from partners.oauth.access.client_cache import GRANT_COLUMNS, GRANT_FROM, grant_of
from partners.oauth.clients.schemas import GrantView
from partners.oauth.server.effects import end_grant

_VIEW = (
    "SELECT g.id, g.client_id, c.name AS application, c.publisher, g.staff_id, g.scopes, g.created_at, g.expires_at,"
    " g.revoked_at, g.revoked_for FROM oauth_grant g JOIN oauth_client c ON c.client_id = g.client_id"
)


async def list_grants(
    partner_id: UUID, cursors: Cursors, cursor: str | None, limit: int, *, livemode: bool
) -> Page[GrantView]:
    """Return a page of the partner's grants, the latest first, revoked ones included."""
    kind = f"grants:{partner_id}:{livemode}"
    before = UUID(cursors.read(kind, cursor)[0]) if cursor else None
    rows = await DB.fetch(
        f"{_VIEW} WHERE g.partner_id = $1 AND c.livemode = $4 AND ($2::uuid IS NULL OR g.id < $2)"
        " ORDER BY g.id DESC LIMIT $3",
        partner_id,
        before,
        limit + 1,
        livemode,
    )
    data = [GrantView(**row) for row in rows[:limit]]
    return Page(data, cursors.make(kind, [str(data[-1].id)]) if len(rows) > limit else None)


async def withdraw(
    work: UnitOfWork, partner_id: UUID, grant_id: UUID, actor: str, reason: str, now: datetime, *, livemode: bool
) -> GrantView:
    """Revoke a grant of the partner and return it. A revoked grant stays unchanged. Raises NotFound."""
    locked = await work.fetchval(
        "SELECT 1 FROM oauth_grant g JOIN oauth_client c ON c.client_id = g.client_id"
        " WHERE g.id = $1 AND g.partner_id = $2 AND c.livemode = $3 FOR UPDATE OF g",
        grant_id,
        partner_id,
        livemode,
    )
    if locked is None:
        raise NotFound
    row = await work.fetchrow(f"SELECT {GRANT_COLUMNS} FROM {GRANT_FROM} WHERE g.id = $1", grant_id)
    if row is not None and await end_grant(work, grant_of(row), "withdrawn", now):
        await audit.record(work, actor, "grant.withdraw", f"grant:{grant_id}", now, reason=reason)
    view = await work.fetchrow(f"{_VIEW} WHERE g.id = $1", grant_id)
    if view is None:
        raise NotFound
    return GrantView(**view)
