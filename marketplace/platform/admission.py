"""Nobody passes without a token: `identity.guard` before every route."""

from litestar.connection import ASGIConnection
from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Receive, Scope, Send

from marketplace.platform.identity import guard


class Admission(ASGIMiddleware):
    """Asks the guard before a route is entered, with its handler's `opt`.

    A middleware and not one of the framework's guards: for these it copies the route's handler at each request, which was a
    twentieth of what an answer costs.
    """

    scopes = (ScopeType.HTTP,)

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Pass the request on, unless the guard raises."""
        await guard(ASGIConnection(scope), scope["route_handler"])
        await next_app(scope, receive, send)
