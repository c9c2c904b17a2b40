"""Client secrets, codes and tokens, which are stored as hashes.

Each has 256 random bits. Slow hashes such as argon2 protect passwords that people choose. A dictionary does not help against 256
random bits, so one SHA-256 is as good. Argon2 would cost some 50 ms of a core for each try, and so let strangers exhaust the
token endpoint.
"""

import hashlib
import hmac
import secrets

from marketplace.kernel.refusals import InvalidField

CODE = "mpc_"
REFRESH = "mpr_"
INITIAL = "mpi_"
REGISTRATION = "mpg_"
"""The prefix of each, so that a leaked one is recognised."""

_SECRET = "mps_"  # noqa: S105 - what a secret begins with
_BYTES = 32
_MIN_LETTERS = 32


def new_token(prefix: str) -> str:
    """Return a fresh random token; its letters need no escaping in any header, form or address."""
    return prefix + secrets.token_urlsafe(_BYTES)


def new_secret() -> str:
    """Return a fresh client secret."""
    return new_token(_SECRET)


def hash_secret(secret: str) -> bytes:
    """Return the stored hash of a secret. Raises InvalidField if it is too short to be random enough."""
    if len(secret) < _MIN_LETTERS:
        raise InvalidField(
            "client_secret", f"至少 {_MIN_LETTERS} 个字符。", f"must have at least {_MIN_LETTERS} characters."
        )
    return digest(secret)


def secret_matches(secret: str, stored: bytes | None) -> bool:
    """Compare a secret with its stored hash, in constant time."""
    return hmac.compare_digest(digest(secret), stored or bytes(32))


def digest(token: str) -> bytes:
    """Return the stored hash of a random token."""
    return hashlib.sha256(token.encode()).digest()
