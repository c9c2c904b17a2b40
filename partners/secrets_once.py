"""Answers that hold a secret, which is told once and never lies in the database in the clear."""

import msgspec
from litestar import Response

from marketplace.platform.idempotency import Outcome
from marketplace.platform.secretbox import decrypt, encrypt

_PURPOSE = "secret in a stored answer"


def seal(secret_key: str, secret: str) -> str:
    """Return the secret encrypted, as it stands in a stored answer.

    A replay must give the same answer, with its secret; in the database no credential stands in the clear.
    """
    return encrypt(secret_key, _PURPOSE, secret.encode()).decode()


def unseal(secret_key: str, sealed: str) -> str:
    """Return what `seal` sealed."""
    return decrypt(secret_key, _PURPOSE, sealed.encode()).decode()


def reveal(outcome: Outcome, field: str, secret_key: str) -> Response[bytes]:
    """Return the answer as HTTP with the sealed field opened, never to be cached on the way."""
    response = outcome.response()
    if outcome.status < 400:
        body = msgspec.json.decode(outcome.body)
        if body.get(field) is not None:
            body[field] = unseal(secret_key, body[field])
        response.content = msgspec.json.encode(body)
    response.headers["Cache-Control"] = "no-store"
    return response
