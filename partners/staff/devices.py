"""Browsers in which somebody signed in before: their guesses are counted apart from everybody else's (OWASP, "device cookies").

Guesses at a password are counted by e-mail address, so that nobody may try them all. Without this, a stranger who knows an
address could use those guesses up and keep its owner out for good. The cookie opens nothing: it says which count a guess
belongs to, and a browser that used its own up is one of everybody's again.
"""

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Any

import msgspec
from litestar.connection import ASGIConnection
from litestar.datastructures import Cookie

from marketplace.kernel.keyring import Purpose, WrongSecretError
from marketplace.settings import Settings
from marketplace.web.sessions import cookie_name, secure_cookie
from partners.staff.domain import normal_email

LIFETIME = timedelta(days=180)
"""After the last full sign-in."""

_COOKIE = "partner-device"
_PURPOSE = Purpose("browser in which a partner's person signed in")
_MOST_ACCOUNTS = 5
"""At a counter several people share a browser."""

_MOST_COOKIE = 3000


class Device(msgspec.Struct, frozen=True, array_like=True):
    """One account's mark in a browser: what its guesses are counted under, and since when."""

    account: str
    name: str
    at: int


def device_of(request: ASGIConnection[Any, Any, Any, Any], settings: Settings, email: str, now: datetime) -> str | None:
    """Return what guesses from this browser at the address are counted under, or None in a browser that is new to it."""
    account = _account(email)
    found = [each.name for each in _kept(request, settings, now) if each.account == account]
    return found[0] if found else None


def known_from_now(
    request: ASGIConnection[Any, Any, Any, Any], settings: Settings, email: str, now: datetime
) -> Cookie:
    """Return the cookie of a browser in which the person of the address has just signed in with both factors."""
    account = _account(email)
    others = [each for each in _kept(request, settings, now) if each.account != account]
    mine = Device(account, secrets.token_urlsafe(16), int(now.timestamp()))
    sealed = settings.keys.encrypt(_PURPOSE, msgspec.json.encode([mine, *others][:_MOST_ACCOUNTS])).decode()
    return secure_cookie(settings, _COOKIE, sealed, int(LIFETIME.total_seconds()))


def _kept(request: ASGIConnection[Any, Any, Any, Any], settings: Settings, now: datetime) -> list[Device]:
    sealed = request.cookies.get(cookie_name(settings, _COOKIE), "")
    if not sealed or len(sealed) > _MOST_COOKIE:
        return []
    try:
        found = msgspec.json.decode(settings.keys.decrypt(_PURPOSE, sealed.encode()), type=list[Device])
    except (WrongSecretError, msgspec.MsgspecError):
        return []
    since = (now - LIFETIME).timestamp()
    return [each for each in found if each.at > since]


def _account(email: str) -> str:
    return hashlib.sha256(normal_email(email).encode()).hexdigest()[:32]
