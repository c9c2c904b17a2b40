"""Client secrets, codes and tokens that are kept as hashes.

Each has 256 random bits. What slow hashes such as argon2 protect are passwords that people think up; against 256
bits no dictionary helps, so one SHA-256 is as good and leaves the token endpoint nothing to be worn out with (argon2
would cost some 50 ms of a core for each try, of strangers too).
"""

import hashlib
import hmac
import secrets

from marketplace.kernel.refusals import InvalidField

CODE = "mpc_"
REFRESH = "mpr_"
INITIAL = "mpi_"
REGISTRATION = "mpg_"
"""What each begins with, so that one who finds it in a log knows what it is."""

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
    """Return what is stored of a secret. Raises InvalidField for one that is too short to be random enough."""
    if len(secret) < _MIN_LETTERS:
        raise InvalidField(
            "client_secret", f"至少 {_MIN_LETTERS} 个字符。", f"must have at least {_MIN_LETTERS} characters."
        )
    return digest(secret)


def secret_matches(secret: str, stored: bytes | None) -> bool:
    """Return whether the secret is the stored one, in a time that does not depend on where they differ."""
    return hmac.compare_digest(digest(secret), stored or bytes(32))


def digest(token: str) -> bytes:
    """Return what is stored of a random token."""
    return hashlib.sha256(token.encode()).digest()
