"""What this package's controllers share: ids in paths, and answers that hold a secret."""

from typing import Any
from uuid import UUID

import msgspec
from litestar import Request, Response

from marketplace.kernel.facts import NotFound
from marketplace.platform.idempotency import Key, Outcome, key_for, operation_of
from marketplace.platform.problems import parse_id
from marketplace.platform.secretbox import decrypt, encrypt

HttpRequest = Request[Any, Any, Any]

_PURPOSE = "secret in a stored answer"


def path_id(text: str) -> UUID:
    """Return the id in a path. Raises NotFound: an id that is no UUID is simply not there."""
    found = parse_id(text)
    if found is None:
        raise NotFound
    return found


def request_key(request: HttpRequest, caller: str, key: str | None, body: Any) -> Key:
    """Return the whole idempotency key of a request."""
    return key_for(caller, key, operation_of(request), body)


def seal(secret_key: str, secret: str) -> str:
    """Return the secret encrypted, as it stands in a stored answer.

    A replay must give the same answer, with its secret; in the database no credential stands in the clear.
    """
    return encrypt(secret_key, _PURPOSE, secret.encode()).decode()


def reveal(outcome: Outcome, field: str, secret_key: str) -> Response[bytes]:
    """Return the answer as HTTP with the sealed field opened, never to be cached on the way."""
    response = outcome.response()
    if outcome.status < 400:
        body = msgspec.json.decode(outcome.body)
        if body.get(field) is not None:
            body[field] = decrypt(secret_key, _PURPOSE, body[field].encode()).decode()
        response.content = msgspec.json.encode(body)
    response.headers["Cache-Control"] = "no-store"
    return response
