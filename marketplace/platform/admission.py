"""Nobody passes without a token (`identity.guard`), nor with a query that the operation does not have (`queries.py`)."""

from litestar.connection import ASGIConnection
from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Receive, Scope, Send

from marketplace.platform.identity import guard
from marketplace.platform.queries import PREFIX, check_query


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
        await next_app(scope, receive, send)
