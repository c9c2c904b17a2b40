"""The whole application in this process, asked over HTTP without a socket."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import httpx
from litestar import Litestar
from litestar.types import ControllerRouterHandler

from marketplace.app import create_app
from marketplace.kernel.clock import Clock
from marketplace.settings import Settings
from tests.support import declared
from tests.support.tokens import Issuer


class Api(httpx.AsyncClient):
    """A client of the running application, with what a test needs to speak for somebody."""

    app: Litestar
    oneid: Issuer

    async def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        """Send the request; a problem that the API's description does not have fails the test."""
        answer = await super().send(request, **options)
        if not options.get("stream"):
            declared.check(request, answer)
        return answer

    def staff(self, *roles: str, subject: str = "staff-1") -> dict[str, str]:
        """Return the headers of a person of the OEM with these roles."""
        return {"Authorization": f"Bearer {self.oneid.token('admin', subject, roles)}"}

    def member(self, subject: str, **claims: Any) -> dict[str, str]:
        """Return the headers of a signed-in member."""
        return {"Authorization": f"Bearer {self.oneid.token('members', subject, **claims)}"}


def fresh_key() -> dict[str, str]:
    """Return an Idempotency-Key header that no request had before."""
    return {"Idempotency-Key": uuid4().hex}


@asynccontextmanager
async def running_app(
    settings: Settings, dsn: str, clock: Clock | None = None, extra_routes: Sequence[ControllerRouterHandler] = ()
) -> AsyncIterator[Api]:
    """Give a client of the application on the database, inside its lifespan; `api.app` is the application."""
    oneid = Issuer(settings)
    app = create_app(settings, dsn, clock=clock, transport=oneid.transport, extra_routes=extra_routes)
    async with app.lifespan(), Api(transport=httpx.ASGITransport(app), base_url=settings.base_url) as api:
        api.app, api.oneid = app, oneid
        yield api
