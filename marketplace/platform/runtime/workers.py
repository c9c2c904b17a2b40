"""Background work: consumers of the event log, running checks, scheduled jobs, the packages' services."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from litestar import Litestar

from marketplace.kernel.clock import Clock
from marketplace.platform.eventlog.events import run_consumers
from marketplace.platform.eventlog.jobs import run_jobs
from marketplace.platform.invariants.checker import run_checker
from marketplace.platform.outbound.mail import MailSender
from marketplace.platform.packages import Package, Service
from marketplace.platform.postgres.database import is_live
from marketplace.platform.runtime import housekeeping
from marketplace.platform.services import PlatformServices
from marketplace.settings import Settings


async def work(
    packages: Sequence[Package], settings: Settings, dsn: str, stop: asyncio.Event, *, checks: bool = True
) -> None:
    """Run all packages' consumers, checks and jobs until `stop` is set; the pool must be open.

    Without `checks` the invariants are not checked: a sandbox settles nothing.
    """
    consumers = [consumer for package in packages for consumer in package.consumers()]
    jobs = [*housekeeping.jobs(settings), *(job for package in packages for job in package.jobs())]
    async with asyncio.TaskGroup() as group:
        group.create_task(run_consumers(consumers, stop))
        if checks:
            group.create_task(run_checker(packages, stop))
        group.create_task(run_jobs(dsn, settings.database_role, jobs, stop))
        if is_live():  # mail from a sandbox would lead nowhere: its links are not known on the live side
            group.create_task(MailSender(settings, Clock()).run(stop))
        for package in packages:
            for service in package.services():
                group.create_task(_serve(service, stop))


async def _serve(service: Service, stop: asyncio.Event) -> None:
    await service(stop)


def beside_the_server(
    settings: Settings, dsn: str, *, checks: bool = True
) -> Callable[[Litestar], AbstractAsyncContextManager[None]]:
    """Return a lifespan that does this work inside the serving process, for the demo, sandboxes and small installations."""

    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        stop = asyncio.Event()
        task = asyncio.create_task(work(PlatformServices.of(app).packages, settings, dsn, stop, checks=checks))
        try:
            yield
        finally:
            stop.set()
            await task

    return lifespan
