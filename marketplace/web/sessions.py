"""Browser sessions. The cookie contains a random token, the table only its hash; signing out deletes the row."""

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import msgspec
from litestar import Request
from litestar.connection import ASGIConnection
from litestar.datastructures import Cookie
from litestar.handlers import BaseRouteHandler

from marketplace.kernel.refusals import Explanation, Kind, Refusal
from marketplace.kernel.text import Text
from marketplace.platform.postgres.database import DB, unit_of_work
from marketplace.platform.services import PlatformServices
from marketplace.settings import Settings
from marketplace.web.csrf import changes_something, proven_token
from marketplace.web.oidc import OneIdPerson

LIFETIME = timedelta(hours=12)

_TOKEN_BYTES = 32
_MAX_TOKEN = 100
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


class SignInNeeded(Refusal):
    """The page requires a signed-in person, and nobody is signed in (any more)."""

    kind = Kind.UNAUTHENTICATED
    code = "sign_in_needed"
    way_out = "sign_in"
    zh = "请先登录。"
    en = "Please sign in first."
    explanation = Explanation(
        Text("此页面需要登录。", "The page requires a sign-in."),
        Text("请先登录。", "Sign in first."),
    )


class FormExpired(Refusal):
    """The form was not issued to this session."""

    kind = Kind.FORBIDDEN
    code = "form_expired"
    zh = "页面已过期，请返回刷新后重试。"
    en = "This page has expired; go back, reload it, and try again."
    explanation = Explanation(
        Text("页面上的安全令牌已过期。", "The page's security token has expired."),
        Text("请返回并刷新页面后重试。", "Go back, reload the page and try again."),
    )


class Session(msgspec.Struct, frozen=True):
    """One signed-in browser. Each of its forms must have `csrf`."""

    person: OneIdPerson
    csrf: str
    token_hash: bytes
    expires_at: datetime


def cookie_name(settings: Settings, what: str) -> str:
    """Return the cookie's name. On plain http it carries the port, since browsers share cookies between ports.

    On https it has the `__Host-` prefix: no subdomain and no plain-http page can set it (RFC 6265bis §4.1.3.2).
    """
    parts = urlsplit(settings.base_url)
    return f"__Host-{what}" if parts.scheme == "https" else f"{what}-{parts.port or 80}"


def secure_cookie(settings: Settings, what: str, value: str, max_age: int) -> Cookie:
    """Return a cookie that scripts cannot read and other sites' forms do not send."""
    return Cookie(
        key=cookie_name(settings, what),
        value=value,
        max_age=max_age,
        path="/",
        httponly=True,
        secure=settings.base_url.startswith("https://"),
        samesite="lax",
    )


async def open_session(person: OneIdPerson, now: datetime) -> str:
    """Store a new session and return its token. Expired sessions are deleted on the way."""
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    async with unit_of_work() as work:
        await work.execute(
            "DELETE FROM web_session WHERE token_hash IN"
            " (SELECT token_hash FROM web_session WHERE expires_at <= $1 LIMIT 100 FOR UPDATE SKIP LOCKED)",
            now,
        )
        await work.execute(
            "INSERT INTO web_session (token_hash, subject, name, roles, csrf, created_at, expires_at)"
            " VALUES ($1, $2, $3, $4::jsonb, $5, $6, $7)",
            _hash(token),
            person.subject,
            person.name,
            sorted(person.roles),
            secrets.token_urlsafe(_TOKEN_BYTES),
            now,
            now + LIFETIME,
        )
    return token


async def find_session(token: str, now: datetime) -> Session | None:
    """Return the session of a cookie's token, or None if there is none or it has ended."""
    if not token or len(token) > _MAX_TOKEN:
        return None
    row = await DB.fetchrow(
        "SELECT token_hash, subject, name, roles, csrf, expires_at FROM web_session"
        " WHERE token_hash = $1 AND expires_at > $2",
        _hash(token),
        now,
    )
    if row is None:
        return None
    person = OneIdPerson(row["subject"], row["name"], frozenset(row["roles"]))
    return Session(person, row["csrf"], row["token_hash"], row["expires_at"])


async def close_session(token: str) -> None:
    """End the session of a cookie's token, if it has one."""
    async with unit_of_work() as work:
        await work.execute("DELETE FROM web_session WHERE token_hash = $1", _hash(token))


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


async def session_of(request: ASGIConnection[Any, Any, Any, Any]) -> Session | None:
    """Return the request's session, loaded once per request."""
    state = request.scope["state"]
    if "web_session" not in state:
        settings = PlatformServices.of(request).settings
        token = request.cookies.get(cookie_name(settings, "session"), "")
        state["web_session"] = await find_session(token, PlatformServices.of(request).clock.now())
    found: Session | None = state["web_session"]
    return found


async def signed_in(request: Request[Any, Any, Any]) -> OneIdPerson:
    """Litestar dependency `person`: the signed-in person. Raises SignInNeeded, for which pages redirect to ONE ID."""
    session = await session_of(request)
    if session is None:
        raise SignInNeeded
    return session.person


async def check_csrf(request: ASGIConnection[Any, Any, Any, Any], _handler: BaseRouteHandler) -> None:
    """Litestar guard: a form must have its session's token, as a field or (HTMX) a header. Raises FormExpired."""
    if not changes_something(request):
        return
    session = await session_of(request)
    if session is None:
        raise SignInNeeded
    if await proven_token(request, (session.csrf,), header=True) is None:
        raise FormExpired
