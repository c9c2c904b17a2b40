"""Demonstrating proof of possession (DPoP, RFC 9449): tokens that only the holder of a key can use.

Authlib has no DPoP. A proof is accepted once, for a minute, for one method and address. Used proofs are in a table
that all processes share. There are no nonces: a proof made in advance expires after a minute anyway.
"""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import msgspec
from authlib.oauth2.rfc6749 import OAuth2Error
from joserfc.jwk import ECKey, RSAKey
from joserfc.jws import JWSRegistry

from marketplace.kernel.clock import WALL
from marketplace.kernel.refusals import InvalidField
from marketplace.platform.postgres.database import DB, UnitOfWork
from marketplace.platform.validation.foreign import UnreadableError, peek_jwt, reading, verify_jwt
from partners.oauth.clients.jwks import ASSERTION_ALGORITHMS, check_key, import_key

MAX_AGE_S = 60
HEADER = "dpop"

_LEEWAY_S = 10
_MAX_PROOF = 8192
_MAX_JTI = 128
_TYPE = "dpop+jwt"
_INSERT = "INSERT INTO oauth_dpop_proof (digest, expires_at) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING 1"


class _Registry(JWSRegistry):
    """The maximum length of a proof's header. It contains the key, so it is longer than usual."""

    max_header_length = 4096


_REGISTRY = _Registry(algorithms=ASSERTION_ALGORITHMS)


class InvalidProofError(OAuth2Error):  # type: ignore[misc]  # Authlib has no types
    """The proof is missing or invalid (RFC 9449 §5)."""

    error = "invalid_dpop_proof"


class Proof(msgspec.Struct, frozen=True):
    """A valid proof: the thumbprint of its key, and what to store of it."""

    jkt: str
    digest: bytes
    expires_at: datetime


def single(headers: Sequence[str]) -> str | None:
    """Return the proof of a request, or None. Raises InvalidProofError for more than one."""
    if len(headers) > 1:
        raise InvalidProofError("Send one DPoP proof.")
    return headers[0] if headers else None


def check_proof(proof: str, method: str, url: str, now: float, access_token: str | None = None) -> Proof:
    """Verify a proof (RFC 9449 §4.3) and return it. Raises InvalidProofError, which says what is wrong.

    At a resource `access_token` is the token that the proof must name.
    """
    key, claims = _read(proof)
    if claims.get("htm") != method:
        raise InvalidProofError("htm names another method.")
    if not isinstance(claims.get("htu"), str) or _plain(claims["htu"]) != _plain(url):
        raise InvalidProofError("htu names another address.")
    issued = claims.get("iat")
    if isinstance(issued, bool) or not isinstance(issued, int | float):
        raise InvalidProofError("iat must be a number of seconds.")
    if not now - MAX_AGE_S <= issued <= now + _LEEWAY_S:
        raise InvalidProofError(f"iat must lie within the last {MAX_AGE_S} seconds.")
    jti = claims.get("jti")
    if not (isinstance(jti, str) and 1 <= len(jti) <= _MAX_JTI and jti.isascii() and jti.isprintable()):
        raise InvalidProofError(f"jti must be 1 to {_MAX_JTI} ASCII characters.")
    if access_token is not None:
        named = claims.get("ath")
        if not isinstance(named, str) or not hmac.compare_digest(named.encode(), _hash(access_token).encode()):
            raise InvalidProofError("ath names another access token.")
    jkt = key.thumbprint()
    seen = hashlib.sha256(f"{jkt}\n{jti}".encode()).digest()
    return Proof(jkt, seen, datetime.fromtimestamp(issued + MAX_AGE_S + _LEEWAY_S, UTC))


def _read(proof: str) -> tuple[RSAKey | ECKey, dict[str, Any]]:
    """Verify a proof's signature with the key in its header; return the key and the claims. Raises InvalidProofError."""
    unreadable = InvalidProofError("The proof cannot be read.")
    if len(proof) > _MAX_PROOF:
        raise unreadable
    try:
        header = peek_jwt(proof, _REGISTRY).header
        if header.get("typ") != _TYPE:
            raise InvalidProofError(f"typ must be {_TYPE}.")
        if header.get("alg") not in ASSERTION_ALGORITHMS:
            raise InvalidProofError("alg must be one of " + ", ".join(ASSERTION_ALGORITHMS) + ".")
        public = check_key(header.get("jwk"), "jwk")
        with reading("the key"):
            key = import_key(public)
        claims = verify_jwt(proof, key, registry=_REGISTRY).claims
    except InvalidField as error:
        raise InvalidProofError("jwk must be a public RSA or EC P-256 key.") from error
    except UnreadableError as error:
        raise unreadable from error
    return key, claims


def _plain(url: str) -> str:
    """Return the address without query and fragment, scheme and host in lower case (RFC 9449 §4.3, item 9)."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    netloc = parts.netloc.lower()
    default = {"https": ":443", "http": ":80"}.get(parts.scheme.lower(), "")
    if default and netloc.endswith(default):
        netloc = netloc.removesuffix(default)
    return f"{parts.scheme.lower()}://{netloc}{parts.path or '/'}"


def _hash(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


async def remember(proof: Proof, work: UnitOfWork | None = None) -> bool:
    """Store the proof; return whether it was new. A used proof is not accepted again.

    The guard is in the write: of concurrent copies one inserts.
    """
    where = DB if work is None else work
    return await where.fetchval(_INSERT, proof.digest, proof.expires_at) is not None


def at_token_endpoint(headers: Sequence[str], url: str) -> Proof | None:
    """Return the proof of a request to the OAuth server, or None. Raises InvalidProofError."""
    proof = single(headers)
    return None if proof is None else check_proof(proof, "POST", url, WALL.unix_s())
