"""The application behind a real socket, in this process: for tests that need connections and not only calls."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import msgspec
from uvicorn import Server

from marketplace.app import create_app
from marketplace.kernel.clock import Clock
from marketplace.serving import server
from marketplace.settings import Settings
from tests.support.app import Api
from tests.support.tokens import Issuer


@asynccontextmanager
async def served_app(
    settings: Settings, dsn: str, *, connections: int, clock: Clock | None = None
) -> AsyncIterator[Api]:
    """Give a client, of that many connections, of the application on a free port of the loopback."""
    listener = server.reserve("127.0.0.1", 0)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    here = msgspec.structs.replace(settings, base_url=url)
    oneid = Issuer(here)
    app = create_app(here, dsn, clock=clock, transport=oneid.transport)
    serving = Server(server.config(app))
    task = asyncio.create_task(serving.serve([listener]))
    limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
    try:
        while not serving.started:
            await asyncio.sleep(0.02)
            if task.done():
                task.result()
        async with Api(base_url=url, limits=limits, timeout=60, trust_env=False) as api:
            api.app, api.oneid = app, oneid
            yield api
    finally:
        serving.should_exit = True
        await task
