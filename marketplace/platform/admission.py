"""Nobody passes without a token (`identity.guard`), nor with a query that the operation does not have (`queries.py`)."""

from litestar.connection import ASGIConnection
from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Receive, Scope, Send

from marketplace.platform.identity import guard
from marketplace.platform.queries import PREFIX, check_query
from marketplace.platform.requests import HEAD

ONCE = "once"
"""The `opt` of a GET that spends something, such as a code: a HEAD of it, by which mail programs try links, spends nothing."""


class Admission(ASGIMiddleware):
    """Asks the guard before a route is entered, with its handler's `opt`, and looks at the query.

    A middleware and not one of the framework's guards: for these it copies the route's handler at each request, which was a
    twentieth of what an answer costs.
    """

    scopes = (ScopeType.HTTP,)

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Pass the request on, unless the guard raises."""
        handler = scope["route_handler"]
        await guard(ASGIConnection(scope), handler)
        if scope["query_string"] and scope["path"].startswith(PREFIX):
            check_query(handler, scope["query_string"])
        if scope["state"].get(HEAD) and handler.opt.get(ONCE):
            await _answer_nothing(send)
            return
        await next_app(scope, receive, send)


async def _answer_nothing(send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"cache-control", b"no-store")]})
    await send({"type": "http.response.body", "body": b"", "more_body": False})
