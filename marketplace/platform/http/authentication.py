"""No request passes without a token (`identity.guard`), nor with a query or a body that the operation does not define."""

import re

from litestar.connection import ASGIConnection
from litestar.enums import ScopeType
from litestar.handlers.base import BaseRouteHandler
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Receive, Scope, Send

from marketplace.kernel.refusals import InvalidFields, Wrong
from marketplace.platform.http.identity import guard
from marketplace.platform.http.query_parameters import PREFIX, check_query
from marketplace.platform.http.requests import HEAD, StrictRequest

ONCE = "once"
"""The `opt` of a GET that consumes something, such as a code. A HEAD of it, with which mail programs test links, consumes
nothing.
"""

RAW_BODY = "raw_body"
"""The `opt` of an operation that reads its body itself, such as a file."""

_NOTHING = re.compile(rb"\s*(?:\{\s*\}|null)?\s*")
"""The bodies of clients that send one with every POST."""


class Admission(ASGIMiddleware):
    """Calls the guard before a route is entered, with its handler's `opt`, and rejects unknown query parameters and bodies.

    A middleware and not one of the framework's guards: for these it copies the route's handler at each request, which was a
    twentieth of a response's cost.
    """

    scopes = (ScopeType.HTTP,)

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Pass the request on, unless the guard raises."""
        handler = scope["route_handler"]
        await guard(ASGIConnection(scope), handler)
        if scope["path"].startswith(PREFIX):
            if scope["query_string"]:
                check_query(handler, scope["query_string"])
            if scope.get("method") != "GET" and not _takes_body(handler):
                await _refuse_body(StrictRequest(scope, receive, send))
        if scope["state"].get(HEAD) and handler.opt.get(ONCE):
            await _answer_nothing(send)
            return
        await next_app(scope, receive, send)


def _takes_body(handler: BaseRouteHandler) -> bool:
    return "data" in handler.parsed_fn_signature.parameters or bool(handler.opt.get(RAW_BODY))


async def _refuse_body(request: StrictRequest) -> None:
    """Raise InvalidFields for a body that the operation does not take: what it asks for, such as a dry run, would be ignored."""
    if _NOTHING.fullmatch(await request.body()) is None:
        fault = Wrong(
            "body",
            "此操作不接收请求体：请不要发送，或发送空对象。",
            "is not allowed here: send no body, or an empty object.",
        )
        raise InvalidFields([fault])


async def _answer_nothing(send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"cache-control", b"no-store")]})
    await send({"type": "http.response.body", "body": b"", "more_body": False})
