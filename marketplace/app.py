"""`create_app(settings)` loads the packages and wires the platform. It is the only composition root."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any

import httpx
from litestar import Litestar
from litestar.config.app import AppConfig
from litestar.di import Provide
from litestar.types import ControllerRouterHandler

from marketplace import __version__
from marketplace.kernel.clock import Clock
from marketplace.platform.encryption.secret_keys import load
from marketplace.platform.http import requests
from marketplace.platform.http.authentication import Admission
from marketplace.platform.http.identity import Identity, admin
from marketplace.platform.http.issuer_keys import RemoteKeys
from marketplace.platform.http.paging import Cursors
from marketplace.platform.http.problems import EXCEPTION_HANDLERS
from marketplace.platform.http.rate_limits import RateLimits
from marketplace.platform.openapi import document
from marketplace.platform.packages import Package, load_packages
from marketplace.platform.postgres.database import DB
from marketplace.platform.runtime import health
from marketplace.platform.runtime.workers import beside_the_server
from marketplace.platform.services import PlatformServices
from marketplace.platform.spreadsheets.reader import SpreadsheetReader
from marketplace.sandbox.instances import Sandboxes, SandboxServices
from marketplace.sandbox.middleware import Introduced, SandboxMiddleware
from marketplace.settings import Settings
from marketplace.web import frame
from marketplace.web.docs_page import DocsPage

MAX_BODY = 2 * 2**20
"""Two MiB: a thousand earnings are about 200 KB."""

Lifespan = Callable[[Litestar], AbstractAsyncContextManager[None]]


def create_app(
    settings: Settings,
    dsn: str,
    *,
    clock: Clock | None = None,
    extra_routes: Sequence[ControllerRouterHandler] = (),
    extra_lifespans: Sequence[Lifespan] = (),
    transport: httpx.AsyncBaseTransport | None = None,
    host: Litestar | None = None,
) -> Litestar:
    """Return the application on the database at `dsn`; with a `host`, the application of one of its sandboxes.

    `extra_routes` and `extra_lifespans` are what the demo adds to the product (its ONE ID, its workers).
    `transport` replaces the network towards ONE ID in tests that run without a listening server.
    """
    clock = clock or Clock()
    packages = load_packages(settings, clock)
    identity = Introduced() if host else Identity()
    client = httpx.AsyncClient(transport=transport, timeout=5, trust_env=False)
    oneid_keys = RemoteKeys(settings.oneid, client)
    identity.accept("members", settings.oneid, settings.audience("members"), oneid_keys)
    identity.accept("admin", settings.oneid, settings.audience("admin"), oneid_keys)
    description = document.config(__version__, packages, DocsPage())
    config = AppConfig(
        route_handlers=[*health.ROUTES, *extra_routes],
        exception_handlers=dict(EXCEPTION_HANDLERS),
        dependencies={
            "settings": Provide(lambda: settings, sync_to_thread=False),
            "clock": Provide(lambda: clock, sync_to_thread=False),
            "cursors": Provide(_constant(Cursors(settings.keys)), sync_to_thread=False),
            "staff": Provide(admin),
        },
        openapi_config=description,
        middleware=[*([] if host else [SandboxMiddleware(settings)]), Admission()],
        request_class=requests.StrictRequest,
        request_max_body_size=MAX_BODY,
        lifespan=[_open(settings, dsn, packages, client), *extra_lifespans],
    )
    for package in packages:
        config.route_handlers.extend(package.routes())
        config.dependencies.update(package.dependencies())
    frame.install(config, settings, packages, client, oneid_keys, transport)
    # Explicit: without it, Litestar's own logging would replace platform/runtime/logs.py.
    app = Litestar(**_fields(config), logging_config=None)
    if host is None:  # a sandbox's answers are marked and counted here, around the middleware that dispatches to it
        app.asgi_handler = requests.Answering(app.asgi_handler, settings)
    description.note_handlers(app)
    PlatformServices(
        settings=settings,
        clock=clock,
        identity=identity,
        limits=RateLimits(settings),
        spreadsheets=SpreadsheetReader(),
        packages=packages,
        lifecycle=health.Lifecycle(),
        host=host,
    ).provide(app)
    if host is None:

        def sandboxed(settings: Settings, dsn: str, clock: Clock) -> Litestar:
            work = beside_the_server(settings, dsn, checks=False)
            return create_app(settings, dsn, clock=clock, extra_lifespans=[work], transport=transport, host=app)

        SandboxServices(sandboxes=Sandboxes(settings, dsn, sandboxed)).provide(app)
    return app


def _fields(config: AppConfig) -> dict[str, Any]:
    """Return the fields of the configuration that were set, as keyword arguments of Litestar."""
    defaults = AppConfig()
    return {
        name: getattr(config, name)
        for name in AppConfig.__dataclass_fields__
        if getattr(config, name) != getattr(defaults, name)
    }


def _constant(value: Cursors) -> Callable[[], Cursors]:
    def give() -> Cursors:
        return value

    return give


def _open(settings: Settings, dsn: str, packages: Sequence[Package], client: httpx.AsyncClient) -> Lifespan:
    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        services = PlatformServices.of(app)
        async with AsyncExitStack() as stack:
            await DB.open(dsn, settings.database_role, settings.pool_size)
            stack.push_async_callback(DB.close)
            stack.push_async_callback(client.aclose)
            if services.host is None:  # a sandbox uses the lasting keys of its host
                await load(DB, settings.keys)
            for package in packages:
                opened = package.lifespan(app)
                if opened is not None:
                    await stack.enter_async_context(opened)
            services.lifecycle.ready = True
            try:
                yield
            finally:
                services.lifecycle.ready = False
                if services.host is None:
                    await SandboxServices.of(app).sandboxes.close()

    return lifespan
