"""The token endpoint against the echo, and what a verified token costs a resource."""

import time
from base64 import b64encode
from statistics import median
from typing import Any

from litestar import Request, get

from marketplace.platform.services import PlatformServices
from marketplace.sandbox.middleware import SandboxMiddleware
from partners.oauth.access.callers import partner_caller
from tests.bench.books import only
from tests.bench.counter import access_token
from tests.bench.plan import HOST, Measured, Plan, Product
from tests.bench.rounds import Result, alternate, busiest, compare, rates
from tests.bench.scene import ECHO, Members, Scene
from tests.bench.server import SETTINGS
from tests.support.app import Api, running_app

_MOST_US = 20.0
_REQUESTS = 5_000
_FORM = b"grant_type=client_credentials&scope=vouchers%3Averify"


async def token(scene: Scene) -> list[Result]:
    """POST /oauth/token, a system with its secret, 256 connections, 1 worker: ours / echo."""
    world = await scene.world()
    async with scene.serving(world) as members:
        found = await alternate(
            {
                "echo": lambda: members.request_for_a_round(ECHO, world.offers),
                "ours": lambda: _ask(scene, members),
            },
            scene.sizes.rounds,
        )
    return [
        compare(
            "token: ours / echo", "requests/s", rates(found["ours"]), rates(found["echo"]), must=0.3,
            client_cpu=busiest(*found.values()),
        )
    ]  # fmt: skip


async def _ask(scene: Scene, members: Members) -> Measured:
    client, sizes = members.world.counter, scene.sizes
    basic = b64encode(f"{client.client_id}:{client.secret}".encode()).decode()
    head = (
        f"POST /oauth/token HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        f"Authorization: Basic {basic}\r\nContent-Length: {len(_FORM)}\r\n\r\n"
    )
    plan = Plan(
        port=members.server.port,
        script=Product(heads=[head.encode()], tails=[_FORM]),
        connections=sizes.connections,
        seconds=sizes.seconds,
        warmup=sizes.warmup,
    )
    return only(await scene.stage.measure(plan), "200", log=members.server.tail())


@get("/v1/partner/bench", include_in_schema=False, opt={"scope": "vouchers:verify"})
async def _route() -> None:
    """Answer nothing: only its guard is measured."""


async def verified(scene: Scene) -> list[Result]:
    """A token that was verified before: the look for a sandbox's, the guard with its count, and the dependency."""
    world = await scene.world()
    async with scene.serving(world) as members:
        access = await access_token(members.server, world.counter)
    async with running_app(SETTINGS, world.dsn, extra_routes=[_route]) as api:
        rounds = [await _spent(api, access) for _ in range(max(scene.sizes.rounds, 3))]
    return [
        compare(
            "a verified token: time / what it may take", "µs", rounds, [_MOST_US], must=1.0, at_most=True,
            note=f"median of {_REQUESTS} requests, with the reading of their headers",
        )
    ]  # fmt: skip


async def _nothing(*_: Any) -> Any:
    raise AssertionError("no body is read, and nothing answered")


async def _spent(api: Api, access: str) -> float:
    identity, middleware = PlatformServices.of(api.app).identity, SandboxMiddleware(SETTINGS)

    async def asked(scope: Any, _receive: Any, _send: Any) -> None:
        request = scope["bench_request"]
        await identity.admit(request, "partner")  # counted by it, too
        await partner_caller(request)

    # The route's own handler, as the application registered it.
    handler = next(
        handler
        for route in api.app.routes
        for handler in getattr(route, "route_handlers", ())
        if route.path == "/v1/partner/bench" and "GET" in handler.http_methods
    )
    headers = [(b"host", HOST.encode()), (b"authorization", f"Bearer {access}".encode()), (b"accept", b"*/*")]
    spent = []
    for number in range(_REQUESTS):
        scope: Any = {  # as much of a scope as is asked for
            "type": "http", "method": "GET", "path": "/v1/partner/bench", "raw_path": b"/v1/partner/bench", "headers": headers,
            "query_string": b"", "state": {}, "litestar_app": api.app, "app": api.app, "route_handler": handler,
        }  # fmt: skip
        scope["bench_request"] = Request(scope)  # made by the framework for every route
        started = time.perf_counter()
        await middleware.handle(scope, _nothing, _nothing, asked)
        if number:  # the first one verifies the signature
            spent.append((time.perf_counter() - started) * 1e6)
    return median(spent)
