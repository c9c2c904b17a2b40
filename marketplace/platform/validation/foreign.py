"""Parsing of foreign data: any exception of a library becomes one error, which each caller turns into its refusal.

Libraries raise more on a stranger's bytes than they document: TypeError for a JWT header `{"crit": null}`, AttributeError for a
key set that is a list, RecursionError for nested arrays. A list of exceptions is never complete, and what is missing from it is a
status 500, which anybody can cause.
"""

import json
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from math import isfinite
from typing import Any

from joserfc import jws, jwt
from joserfc.jwk import ECKey, KeySet, RSAKey
from joserfc.jws import JWSRegistry

from marketplace.kernel.refusals import Refusal

ALGORITHMS = ["RS256", "ES256"]
"""The algorithms that we verify; `none` and symmetric ones are excluded, which prevents key confusion (RFC 8725 §3.1)."""

_MOST_NUMBER = 2**53
"""Beyond it numbers in JSON are not interoperable (RFC 8259 §6), and no instant is that large."""


class UnreadableError(Exception):
    """Foreign data cannot be parsed. The cause is what the parser raised."""


@contextmanager
def reading(what: str) -> Iterator[None]:
    """Turn any exception inside into UnreadableError, except our own refusals, which say what is wrong themselves.

    Only parsing and verifying belong inside: a bug of ours would be blamed on the sender.
    """
    try:
        yield
    except (Refusal, UnreadableError):
        raise
    except Exception as error:
        raise UnreadableError(f"{what} cannot be read") from error


def verify_jwt(
    token: str,
    keys: KeySet | RSAKey | ECKey,
    *,
    algorithms: Collection[str] = ALGORITHMS,
    registry: JWSRegistry | None = None,
) -> jwt.Token:
    """Return header and claims of a token that one of the keys signed. Raises UnreadableError."""
    with reading("the token"):
        found = jwt.decode(token, keys, algorithms=algorithms, registry=registry)  # noqa: TID251 - the only place that may
        _check_plain(found.header)
        _check_plain(found.claims)
        return found


def peek_jwt(token: str, registry: JWSRegistry | None = None) -> jwt.Token:
    """Return what a token says, unverified. Raises UnreadableError."""
    with reading("the token"):
        found = jws.extract_compact(token.encode(), registry=registry)  # noqa: TID251 - as above
        header, claims = found.headers(), json.loads(found.payload)
        if not isinstance(claims, dict):
            raise TypeError("the claims are no object")
        _check_plain(header)
        _check_plain(claims)
        return jwt.Token(header, claims)


def import_jwks(published: Any) -> KeySet:
    """Return a published key set as joserfc's type. Raises UnreadableError."""
    with reading("the key set"):
        return KeySet.import_key_set(published)  # noqa: TID251 - as above


def _check_plain(value: Any) -> None:
    """Raise ValueError for what JSON allows and our storage does not.

    NUL (PostgreSQL cannot store it), half a surrogate pair (not UTF-8), and numbers that are not finite, or of hundreds of
    digits.
    """
    match value:
        case str():
            if "\0" in value:
                raise ValueError("a text contains U+0000")
            value.encode()
        case int() | float():
            if not isfinite(value) or abs(value) > _MOST_NUMBER:
                raise ValueError("a number is out of bounds")
        case dict():
            for name, part in value.items():
                _check_plain(name)
                _check_plain(part)
        case list():
            for part in value:
                _check_plain(part)
