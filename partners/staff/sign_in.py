"""Sessions of a partner's people. The cookie holds a random token, the table only its hash.

Every page reads the session from the database, so it ends at once when the person is disabled, the partner is terminated, or the
password changes.
"""

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from litestar.connection import ASGIConnection
from litestar.datastructures import Cookie

from marketplace.kernel.clock import Clock
from marketplace.kernel.ids import uuid7
from marketplace.kernel.refusals import Kind, Refusal
from marketplace.platform.postgres.database import DB, UnitOfWork, unit_of_work
from marketplace.settings import Settings
from marketplace.web.sessions import cookie_name, secure_cookie
from partners.roles import SignedIn, StaffRole
from partners.staff.domain import MAY_SIGN_IN
from partners.staff.tables import PartnerStaffSessionRow

LIFETIME = timedelta(hours=12)
"""The longest life of a session, also of an active one: a working day."""

IDLE = timedelta(hours=1)
"""The idle time after which a session ends."""

_SEEN_EVERY = timedelta(minutes=1)
"""The resolution of the last use: not every page causes a write."""

_COOKIE = "partner"
_TOKEN_BYTES = 32
_MAX_TOKEN = 100
_MAX_AGENT = 300
_MOST_SESSIONS = 100

_CURRENT = """
SELECT s.id, s.csrf, s.created_at, s.seen_at, f.id AS staff_id, f.partner_id, f.name, f.roles
FROM partner_staff_session s JOIN partner_staff f ON f.id = s.staff_id JOIN partner p ON p.id = f.partner_id
WHERE s.token_hash = $1 AND s.ended_at IS NULL AND s.expires_at > $2 AND s.seen_at > $3
  AND f.status = 'active' AND (NOT f.demo OR $4) AND p.status = ANY($5)
"""


class PartnerSignInNeeded(Refusal):
    """The page needs a signed-in person of a partner."""

    kind = Kind.UNAUTHENTICATED
    code = "sign_in_needed"
    way_out = "partner_sign_in"
    zh = "请先登录。"
    en = "Please sign in first."


class Browser(msgspec.Struct, frozen=True):
    """A signed-in browser: the person, and the CSRF token of its forms."""

    person: SignedIn
    csrf: str


class PartnerSignIn:
    """Opens, finds and ends sessions."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        """Set cookie settings and clock."""
        self._settings = settings
        self._clock = clock

    async def current(self, request: ASGIConnection[Any, Any, Any, Any]) -> SignedIn | None:
        """Return the person who is signed in, or None. The database is read once for each request."""
        found = await self.browser(request)
        return found.person if found else None

    async def browser(self, request: ASGIConnection[Any, Any, Any, Any]) -> Browser | None:
        """Return the signed-in browser, or None."""
        state = request.scope["state"]
        if "partner_browser" not in state:
            state["partner_browser"] = await self._find(self._token(request))
        found: Browser | None = state["partner_browser"]
        return found

    async def open(self, work: UnitOfWork, staff_id: UUID, request: ASGIConnection[Any, Any, Any, Any]) -> Cookie:
        """Insert a new session and return its cookie. The browser's previous session ends.

        A token that is already in the browser is never reused (session fixation).
        """
        now, token = self._clock.now(), secrets.token_urlsafe(_TOKEN_BYTES)
        await self.close(work, request)
        await work.run(
            PartnerStaffSessionRow.insert(
                PartnerStaffSessionRow(
                    id=uuid7(),
                    token_hash=_hash(token),
                    staff_id=staff_id,
                    csrf=secrets.token_urlsafe(_TOKEN_BYTES),
                    created_at=now,
                    seen_at=now,
                    expires_at=now + LIFETIME,
                    ip=address_of(request),
                    user_agent=_agent(request),
                )
            )
        )
        return secure_cookie(self._settings, _COOKIE, token, int(LIFETIME.total_seconds()))

    async def close(self, work: UnitOfWork, request: ASGIConnection[Any, Any, Any, Any]) -> Cookie:
        """End the browser's session, if any, and return the cookie that deletes it."""
        token = self._token(request)
        if token:
            await work.run(
                PartnerStaffSessionRow.update({PartnerStaffSessionRow.ended_at: self._clock.now()}).where(
                    PartnerStaffSessionRow.token_hash == _hash(token), PartnerStaffSessionRow.ended_at.is_null()
                )
            )
        return secure_cookie(self._settings, _COOKIE, "", 0)

    def _token(self, request: ASGIConnection[Any, Any, Any, Any]) -> str:
        token = request.cookies.get(cookie_name(self._settings, _COOKIE), "")
        return token if len(token) <= _MAX_TOKEN else ""

    async def _find(self, token: str) -> Browser | None:
        if not token:
            return None
        now = self._clock.now()
        demo = self._settings.mode in {"demo", "test"}
        row = await DB.fetchrow(_CURRENT, _hash(token), now, now - IDLE, demo, sorted(MAY_SIGN_IN))
        if row is None:
            return None
        if row["seen_at"] <= now - _SEEN_EVERY:
            async with unit_of_work() as work:
                await work.run(
                    PartnerStaffSessionRow.update({PartnerStaffSessionRow.seen_at: now}).where(
                        PartnerStaffSessionRow.id == row["id"], PartnerStaffSessionRow.seen_at < now
                    )
                )
        person = SignedIn(
            staff_id=row["staff_id"],
            partner_id=row["partner_id"],
            name=row["name"],
            roles=frozenset(StaffRole(role) for role in row["roles"]),
            session_id=row["id"],
            signed_in_at=row["created_at"],
        )
        return Browser(person, row["csrf"])


class SessionView(msgspec.Struct, frozen=True, kw_only=True):
    """A session, as its person sees it."""

    id: UUID
    created_at: datetime
    seen_at: datetime
    expires_at: datetime
    ip: str
    user_agent: str


async def list_sessions(staff_id: UUID, now: datetime) -> list[SessionView]:
    """Return the person's valid sessions, the last used first."""
    session = PartnerStaffSessionRow
    rows = (
        await session.select(
            session.id, session.created_at, session.seen_at, session.expires_at, session.ip, session.user_agent
        )
        .where(
            session.staff_id == staff_id,
            session.ended_at.is_null(),
            session.expires_at > now,
            session.seen_at > now - IDLE,
        )
        .order_by(session.seen_at, ascending=False)
        .limit(_MOST_SESSIONS)
    )
    return [SessionView(**row) for row in rows]


async def end_sessions(
    work: UnitOfWork, staff_id: UUID, now: datetime, *, only: UUID | None = None, but: UUID | None = None
) -> int:
    """End all of the person's sessions, or `only` one, or all `but` one, and return their number."""
    ended = await work.fetch(
        "UPDATE partner_staff_session SET ended_at = $2 WHERE staff_id = $1 AND ended_at IS NULL"
        " AND ($3::uuid IS NULL OR id = $3) AND ($4::uuid IS NULL OR id <> $4) RETURNING 1",
        staff_id,
        now,
        only,
        but,
    )
    return len(ended)


async def delete_sessions(now: datetime) -> None:
    """Delete sessions that expired over a day ago."""
    await PartnerStaffSessionRow.delete().where(PartnerStaffSessionRow.expires_at <= now - timedelta(days=1))


def address_of(request: ASGIConnection[Any, Any, Any, Any]) -> str:
    """Return the client's internet address; behind a proxy, the forwarded one."""
    return request.client.host if request.client else ""


def _agent(request: ASGIConnection[Any, Any, Any, Any]) -> str:
    text = request.headers.get("user-agent", "")[:_MAX_AGENT]
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text)


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
