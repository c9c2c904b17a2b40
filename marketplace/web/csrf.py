"""Forms that came from a page of ours: each carries a token that no other site can know."""

import hmac
from collections.abc import Iterable
from typing import Any

from litestar import Request
from litestar.connection import ASGIConnection

URLENCODED, MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data"

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_HEADER = "x-csrf-token"


def changes_something(request: ASGIConnection[Any, Any, Any, Any]) -> bool:
    """Return whether the request has a method that changes something, so that its form must prove where it comes from."""
    return isinstance(request, Request) and request.method not in _SAFE


async def proven_token(
    request: ASGIConnection[Any, Any, Any, Any],
    good: Iterable[str],
    content_types: tuple[str, ...] = (URLENCODED, MULTIPART),
    *,
    header: bool = False,
) -> str | None:
    """Return which of the good tokens the request carries, as the field `csrf_token`; None if it carries none of them.

    With `header` HTMX may send it as a header instead. A body of another content type is not read.
    """
    given = request.headers.get(_HEADER, "") if header else ""
    if not given and isinstance(request, Request) and request.headers.get("content-type", "").startswith(content_types):
        given = str((await request.form()).get("csrf_token", ""))
    return next((one for one in good if hmac.compare_digest(given.encode(), one.encode())), None)
