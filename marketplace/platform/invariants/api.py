"""The results of the running checks over HTTP, and as metrics."""

from collections.abc import Sequence
from typing import Any

import structlog
from litestar import Request, get, post
from litestar.di import NamedDependency
from prometheus_client import CollectorRegistry, Gauge, generate_latest

from marketplace.kernel.refusals import Refusal
from marketplace.platform.http.identity import Caller
from marketplace.platform.invariants.checker import check_now, declared
from marketplace.platform.invariants.report import Invariants, report
from marketplace.platform.packages import Package
from marketplace.platform.postgres.connection_errors import is_connection_lost
from marketplace.platform.services import PlatformServices

ROLES = ["operations", "finance", "auditor"]

logger = structlog.get_logger()


@get(
    "/v1/admin/invariants",
    tags=["operations"],
    operation_id="get_invariants",
    summary="Get the results of the running invariants",
    opt={"roles": ROLES},
)
async def invariants(request: Request[Any, Any, Any], staff: NamedDependency[Caller]) -> Invariants:  # noqa: ARG001 - the guard
    """The results of the running checks: wallet = lots = postings, stock, book sums, events consumed, the audit chain."""
    return await report(declared(PlatformServices.of(request).packages))


@post(
    "/v1/admin/invariants/check",
    status_code=200,
    tags=["operations"],
    operation_id="check_invariants",
    summary="Check the running invariants now",
    opt={"roles": ROLES},
)
async def check(request: Request[Any, Any, Any], staff: NamedDependency[Caller]) -> Invariants:  # noqa: ARG001 - the guard
    """Check everything once, as of now, and return when done: after seconds, or minutes for very large data."""
    return await check_invariants(PlatformServices.of(request).packages)


async def check_invariants(packages: Sequence[Package]) -> Invariants:
    """Check all invariants of the packages, and the platform's own, and return the results."""
    return await check_now(declared(packages), all_of_them=True)


async def invariant_metrics(packages: Sequence[Package]) -> bytes:
    """Return the results of the running checks as gauges, in Prometheus' text format; empty if they cannot be read.

    The instant of an invariant that was never true is 0.
    """
    registry = CollectorRegistry()
    holds = Gauge("marketplace_invariant_holds", "1 while no breach is known", ["name"], registry=registry)
    last_true = Gauge(
        "marketplace_invariant_last_true_timestamp_seconds", "When all of it was last true", ["name"], registry=registry
    )
    rows = Gauge("marketplace_invariant_rows", "Rows that the checks read", ["name"], registry=registry)
    try:
        found = await report(declared(packages))
    except Exception as error:
        if not (is_connection_lost(error) or isinstance(error, Refusal)):
            raise
        logger.warning("invariants_unknown", error=str(error))
        return b""
    for one in found.invariants:
        holds.labels(one.name).set(one.holds)
        last_true.labels(one.name).set(one.last_true.timestamp() if one.last_true else 0)
        rows.labels(one.name).set(one.rows)
    return generate_latest(registry)


ROUTES = [invariants, check]
