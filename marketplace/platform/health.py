"""Alive, ready, metrics, and the running invariants."""

import asyncio
from typing import Any

import asyncpg
import msgspec
from litestar import Request, Response, get
from litestar.di import NamedDependency
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from marketplace.platform.audit import first_break
from marketplace.platform.database import DB, Busy
from marketplace.platform.identity import Caller

_PATIENCE_S = 0.8


class Health(msgspec.Struct, frozen=True):
    """`ok`, or what is missing."""

    status: str


class InvariantResult(msgspec.Struct, frozen=True):
    """One invariant: whether it holds, and up to five breaches if it does not."""

    name: str
    holds: bool
    breaches: list[dict[str, Any]]


class Invariants(msgspec.Struct, frozen=True):
    """All invariants, checked just now, in one snapshot each."""

    holds: bool
    invariants: list[InvariantResult]


@get("/health/live", tags=["platform"], summary="Is the process alive")
async def live() -> Health:
    """Answer as long as the process runs; it needs nothing else."""
    return Health("ok")


@get("/health/ready", tags=["platform"], summary="Can it serve")
async def ready(request: Request[Any, Any, Any]) -> Response[Health]:
    """Answer 200 when the database answers within 0.8 s, else 503: whoever asks must not wait longer than that."""
    if not request.app.state.ready:
        return Response(Health("starting"), status_code=503)
    # One probe at a time, left alone when it is late: taking back a query that hangs would have to be waited for, too.
    probe: asyncio.Task[bool] | None = request.app.state.get("probe")
    if probe is None or probe.done():
        probe = request.app.state.probe = asyncio.create_task(_database_answers())
    done, _ = await asyncio.wait({probe}, timeout=_PATIENCE_S)
    if not done or not probe.result():
        return Response(Health("the database does not answer"), status_code=503)
    return Response(Health("ok"))


async def _database_answers() -> bool:
    try:
        await DB.fetchval("SELECT 1")
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, Busy):
        return False
    return True


@get("/metrics", tags=["platform"], summary="Prometheus metrics", media_type="text/plain")
async def metrics() -> Response[bytes]:
    """Answer in Prometheus' text format."""
    return Response(generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})


@get(
    "/v1/admin/invariants",
    tags=["operations"],
    summary="Do the numbers add up",
    opt={"roles": ["operations", "finance", "auditor"]},
)
async def invariants(request: Request[Any, Any, Any], staff: NamedDependency[Caller]) -> Invariants:  # noqa: ARG001 - the guard
    """Check every package's invariants now: wallet = lots = postings, stock, book sums."""
    return await check_invariants(request.app.state.packages)


async def check_invariants(packages: list[Any]) -> Invariants:
    """Return each invariant of the packages with its first breaches."""
    results = []
    for package in packages:
        for invariant in package.invariants:
            rows = await DB.fetch(f"SELECT * FROM ({invariant.violations}) AS breach LIMIT 5")
            breaches = [{name: str(value) for name, value in row.items()} for row in rows]
            results.append(InvariantResult(invariant.name, not rows, breaches))
    broken = await first_break()
    results.append(InvariantResult("audit chain", broken is None, [] if broken is None else [{"entry": str(broken)}]))
    return Invariants(all(result.holds for result in results), results)


ROUTES = [live, ready, metrics, invariants]
