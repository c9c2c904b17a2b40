"""Reads of a partner's people."""

from datetime import datetime
from typing import Any
from uuid import UUID

from marketplace.kernel.refusals import NotFound
from marketplace.platform.http.paging import Cursors, Page
from marketplace.platform.outbound.mail_view import INVITATION, mail_view
from marketplace.platform.postgres.database import DB
from partners.roles import StaffRole, StaffStatus
from partners.staff.schemas import StaffView
from partners.staff.sign_in import IDLE

_SELECT = """
SELECT f.id, f.email, f.name, f.roles, f.status, f.created_at, f.changed_at, f.version,
    ARRAY(SELECT location_id FROM partner_staff_location l WHERE l.staff_id = f.id ORDER BY location_id) AS locations,
    CASE WHEN f.password_hash IS NOT NULL THEN 'password' WHEN f.provider_subject IS NOT NULL THEN 'provider' END AS signs_in_by,
    (SELECT count(*) FROM partner_staff_session s WHERE s.staff_id = f.id AND s.ended_at IS NULL AND s.expires_at > $2
     AND s.seen_at > $3) AS sessions,
    m.status AS mail_status, coalesce(m.ended_at, m.created_at) AS mail_at, m.error AS mail_error
FROM partner_staff f
LEFT JOIN partner_staff_invitation v ON v.staff_id = f.id AND v.purpose = 'join' AND f.status = 'invited'
LEFT JOIN outgoing_mail m ON m.id = v.mail_id
WHERE f.partner_id = $1
"""


async def get_staff(partner_id: UUID, staff_id: UUID, now: datetime) -> StaffView:
    """Return one of the partner's people. Raises NotFound."""
    row = await DB.fetchrow(f"{_SELECT} AND f.id = $4", partner_id, now, now - IDLE, staff_id)
    if row is None:
        raise NotFound
    return _view(row)


async def list_staff(
    partner_id: UUID, cursors: Cursors, cursor: str | None, limit: int, now: datetime
) -> Page[StaffView]:
    """Return a page of the partner's people in order of invitation, disabled ones included."""
    kind = f"staff:{partner_id}"
    after = cursors.read(kind, cursor)[0] if cursor else str(UUID(int=0))
    rows = await DB.fetch(
        f"{_SELECT} AND f.id > $4::uuid ORDER BY f.id LIMIT $5", partner_id, now, now - IDLE, after, limit + 1
    )
    data = [_view(row) for row in rows[:limit]]
    return Page(data, cursors.make(kind, [str(data[-1].id)]) if len(rows) > limit else None)


def _view(row: Any) -> StaffView:
    fields = dict(row)
    status, at, error = (fields.pop(f"mail_{name}") for name in ("status", "at", "error"))
    fields["mail"] = status and mail_view(status, at, error, INVITATION)
    fields["roles"] = [StaffRole(role) for role in row["roles"]]
    fields["status"] = StaffStatus(row["status"])
    fields["locations"] = list(row["locations"])
    return StaffView(**fields)
