"""Known browsers: guesses from a browser in which the person signed in before are counted separately (OWASP, "device cookies").

Guesses at a password are counted by e-mail address. Without a separate counter, a stranger who knows an address could use up its
guesses and lock the owner out. The cookie grants no access: it only selects a counter, and a browser that has used up its own
counter falls back to the common one.
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
"""The lifetime after the last full sign-in."""

_COOKIE = "partner-device"
_PURPOSE = Purpose("browser in which a partner's person signed in")
_MOST_ACCOUNTS = 5
"""The accounts of one browser: at a counter several people share one."""

_MOST_COOKIE = 3000


class Device(msgspec.Struct, frozen=True, array_like=True):
    """One account's counter in a browser, and since when."""

    account: str
    name: str
    at: int


def device_of(request: ASGIConnection[Any, Any, Any, Any], settings: Settings, email: str, now: datetime) -> str | None:
    """Return the counter for guesses from this browser at the address, or None for an unknown browser."""
    account = _account(email)
    found = [each.name for each in _kept(request, settings, now) if each.account == account]
    return found[0] if found else None


def known_from_now(
    request: ASGIConnection[Any, Any, Any, Any], settings: Settings, email: str, now: datetime
) -> Cookie:
    """Return the cookie of a browser in which the person has just signed in with both factors."""
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
