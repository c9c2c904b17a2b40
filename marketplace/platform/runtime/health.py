"""Liveness, readiness, metrics."""

import asyncio
import hmac
import ipaddress
from typing import Any

import msgspec
from litestar import Request, Response, get
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from marketplace.kernel.refusals import Explanation, Kind, Refusal
from marketplace.kernel.text import Text
from marketplace.platform.http import rate_limits
from marketplace.platform.http.hosts import is_this_machine
from marketplace.platform.http.identity import NoToken, Unauthenticated
from marketplace.platform.invariants import api
from marketplace.platform.invariants.api import invariant_metrics
from marketplace.platform.openapi.problems import refusals
from marketplace.platform.postgres.connection_errors import is_connection_lost
from marketplace.platform.postgres.database import DB, Busy
from marketplace.platform.services import PlatformServices

_PATIENCE_S = 0.8


_FORWARDED = (b"forwarded", b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto", b"x-real-ip", b"via")
"""Headers that a reverse proxy adds: the request came from elsewhere, whatever machine the proxy is on."""


class MetricsClosed(Refusal):
    """No token is configured, and the request does not come from this machine."""

    kind = Kind.FORBIDDEN
    code = "metrics_closed"
    zh = "未设置 MARKETPLACE_METRICS_TOKEN 时，只有本机可读取指标；请设置后以 Bearer 令牌访问。"
    en = "Without MARKETPLACE_METRICS_TOKEN, metrics are for this machine only; set it, and send it as a bearer token."
    explanation = Explanation(
        Text(
            "未设置指标令牌时，只有本机可以读取指标。",
            "Without a metrics token, metrics are readable from this machine only.",
        ),
        Text(
            "请设置 MARKETPLACE_METRICS_TOKEN 并以 Bearer 令牌访问。",
            "Set MARKETPLACE_METRICS_TOKEN and send it as a bearer token.",
        ),
    )


class Lifecycle:
    """Whether the worker serves, and its database probes for monitoring: one query of each kind at a time."""

    def __init__(self) -> None:
        """Start as not yet ready."""
        self.ready = self.stopping = False
        self.probe: asyncio.Task[bool] | None = None
        self.metrics: asyncio.Task[bytes] | None = None


class Health(msgspec.Struct, frozen=True):
    """`ok`, or what is missing."""

    status: str


@get("/health/live", tags=["platform"], operation_id="check_liveness", summary="Check that the process is alive")
async def live() -> Health:
    """Respond as long as the process runs; it needs nothing else."""
    return Health("ok")


@get("/health/ready", tags=["platform"], operation_id="check_readiness", summary="Check that the process can serve")
async def ready(request: Request[Any, Any, Any]) -> Response[Health]:
    """Respond 200 if the database responds within 0.8 s, else 503: a load balancer must not wait longer than that.

    A worker that is shutting down responds 503 for MARKETPLACE_DRAIN_S seconds, and only then closes its port.
    """
    lifecycle = PlatformServices.of(request).lifecycle
    if lifecycle.stopping:
        return Response(Health("stopping"), status_code=503)
    if not lifecycle.ready:
        return Response(Health("starting"), status_code=503)
    # One probe at a time, left running when it is late: cancelling a hanging query would have to be waited for, too.
    probe = lifecycle.probe
    if probe is None or probe.done():
        probe = lifecycle.probe = asyncio.create_task(_database_answers())
    done, _ = await asyncio.wait({probe}, timeout=_PATIENCE_S)
    if not done or not probe.result():
        return Response(Health("the database does not respond"), status_code=503)
    return Response(Health("ok"))


async def _database_answers() -> bool:
    try:
        await DB.fetchval("SELECT 1")
    except Exception as error:
        if is_connection_lost(error) or isinstance(error, Busy):
            return False
        raise
    return True


@get(
    "/metrics",
    tags=["platform"],
    operation_id="get_metrics",
    opt=refusals(MetricsClosed),
    summary="Get the Prometheus metrics",
    security=[{"metrics": []}, {}],
    media_type="text/plain",
)
async def metrics(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Respond in Prometheus' text format: this process's metrics, and the running checks, which are the same for all processes.

    They require MARKETPLACE_METRICS_TOKEN, or, if it is not set, a request from this machine.
    While the database does not respond, the checks are left out, and the process's metrics are not delayed.
    """
    services = PlatformServices.of(request)
    await _admit_scraper(request, services.settings.metrics_token)
    known = services.lifecycle.metrics
    if known is None or known.done():
        known = services.lifecycle.metrics = asyncio.create_task(invariant_metrics(services.packages))
    done, _ = await asyncio.wait({known}, timeout=_PATIENCE_S)
    return Response(
        generate_latest() + (known.result() if done else b""), headers={"Content-Type": CONTENT_TYPE_LATEST}
    )


async def _admit_scraper(request: Request[Any, Any, Any], wanted: str) -> None:
    """Raise Unauthenticated, RateLimited or MetricsClosed unless the request may read the metrics."""
    if not wanted:
        if not _is_from_here(request):
            raise MetricsClosed
        return
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise NoToken
    rate_limits.check_bad_tokens(request)
    if not hmac.compare_digest(token.strip().encode(), wanted.encode()):
        await rate_limits.count_bad_token(request)
        raise Unauthenticated("不是 MARKETPLACE_METRICS_TOKEN", "it is not MARKETPLACE_METRICS_TOKEN")


def _is_from_here(request: Request[Any, Any, Any]) -> bool:
    """Return whether the request came from this machine and names it. A proxy that forwards raw bytes adds no header."""
    fields = request.scope["headers"]
    if any(name in _FORWARDED or (name == b"host" and not is_this_machine(value)) for name, value in fields):
        return False
    try:
        return request.client is not None and ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False


ROUTES = [live, ready, metrics, *api.ROUTES]
