"""Client assertions, `private_key_jwt` (RFC 7523 §2.2): accepted once, for a short time, and only with our issuer as audience."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
from authlib.oauth2.rfc6749 import InvalidClientError
from authlib.oauth2.rfc7523 import JWTBearerClientAssertion

from marketplace.kernel.clock import WALL
from marketplace.platform.validation.foreign import UnreadableError, peek_jwt, verify_jwt
from partners.oauth.clients.jwks import key_set

MAX_LIFETIME_S = 600
"""The longest life of an assertion, that of a token: ten minutes. Each is stored until then, since it is valid once."""

_LEEWAY_S = 10
_MAX_JTI = 128
_MAX_ASSERTION = 8192
_HEADERS = frozenset({"alg", "kid", "typ"})
"""Refused header members: a key or its address (`jwk`, `jku`, `x5u`, `x5c`) in an assertion proves nothing about its sender."""


class UsedAssertion(msgspec.Struct, frozen=True):
    """A used assertion, as the server stores it."""

    client_id: str
    jti: str
    expires_at: datetime


def claimed_client(assertion: str) -> str:
    """Return the client that an unverified assertion names. Use it only to know which row to load.

    Raises InvalidClientError.
    """
    unreadable = InvalidClientError(description="The assertion cannot be read.")
    if len(assertion) > _MAX_ASSERTION:
        raise unreadable
    try:
        subject = peek_jwt(assertion).claims.get("sub")
    except UnreadableError as error:
        raise unreadable from error
    if not isinstance(subject, str):
        raise unreadable
    return subject


def named_key(assertion: str) -> str | None:
    """Return the key id that an unverified assertion names. Use it only to know whether to fetch it."""
    try:
        name = peek_jwt(assertion).header.get("kid")
    except UnreadableError:
        return None
    return name if isinstance(name, str) else None


class ClientAssertion(JWTBearerClientAssertion):  # type: ignore[misc]  # Authlib has no types
    """Authlib's method, restricted: our issuer as the only audience and as a string, asymmetric keys, a bounded life, a jti.

    An `aud` that is a list, or the token endpoint's address, let assertions for one server work at another
    (CVE-2025-27370, draft-ietf-oauth-rfc7523bis). After a success `used` is the assertion to store.
    """

    CLIENT_AUTH_METHOD = "private_key_jwt"

    def __init__(self, issuer: str, fetched: Mapping[str, dict[str, Any]]) -> None:
        """Name the audience; `fetched` holds the keys of clients that publish them, by client."""
        super().__init__()
        self._issuer = issuer
        self._fetched = fetched
        self.used: UsedAssertion | None = None

    def resolve_client_public_key(self, client: Any) -> Any:
        """Return the registered keys. Raises InvalidClientError for an unknown client, or one without keys."""
        jwks = None if client.row is None else client.row.jwks or self._fetched.get(client.row.client_id)
        if jwks is None:
            raise InvalidClientError(description="The assertion is not good.")
        return key_set(jwks)

    def process_assertion_claims(self, assertion: str, resolve_key: Any) -> Any:
        """Verify an assertion and return its claims. Raises InvalidClientError."""
        try:
            token = verify_jwt(assertion, resolve_key)
        except UnreadableError as error:
            raise InvalidClientError(description="The assertion is not good.") from error
        if not _HEADERS.issuperset(token.header):
            raise InvalidClientError(description="The assertion may name alg, kid and typ in its header, and no key.")
        self.used = check_claims(token.claims, self._issuer, WALL.unix_s())
        return token.claims


def check_claims(claims: dict[str, Any], issuer: str, now: float) -> UsedAssertion:
    """Check the claims and return the assertion to store. Raises InvalidClientError.

    `iss` equals `sub`; `aud` is our issuer, as a string; `exp` is at most MAX_LIFETIME_S seconds in the future;
    `iat` and `nbf`, if present, are in the past; `jti` is present.
    """
    if not isinstance(claims.get("sub"), str) or claims.get("iss") != claims["sub"]:
        raise InvalidClientError(description="iss and sub must both be the client_id.")
    if claims.get("aud") != issuer:
        raise InvalidClientError(description="aud must be the issuer of this server, as a string.")
    expires_at = _seconds(claims, "exp")
    if expires_at is None or expires_at <= now:
        raise InvalidClientError(description="The assertion has expired, or has no exp.")
    if expires_at > now + MAX_LIFETIME_S + _LEEWAY_S:
        raise InvalidClientError(description=f"The assertion may live {MAX_LIFETIME_S} seconds at most.")
    for name in ("iat", "nbf"):
        instant = _seconds(claims, name)
        if instant is not None and instant > now + _LEEWAY_S:
            raise InvalidClientError(description=f"{name} lies in the future.")
    jti = claims.get("jti")
    if not (isinstance(jti, str) and 1 <= len(jti) <= _MAX_JTI and jti.isascii() and jti.isprintable()):
        raise InvalidClientError(description=f"jti must be 1 to {_MAX_JTI} ASCII characters.")
    return UsedAssertion(claims["sub"], jti, datetime.fromtimestamp(expires_at, UTC))


def _seconds(claims: dict[str, Any], name: str) -> float | None:
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 2**33:
        raise InvalidClientError(description=f"{name} must be a number of seconds.")
    return float(value)
