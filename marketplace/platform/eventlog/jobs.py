"""Scheduled work on PgQueuer: jobs are in our own PostgreSQL, and any worker takes the next."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import asyncpg
import msgspec
import structlog
from pgqueuer import PgQueuer
from pgqueuer.models import Schedule

from marketplace.platform.postgres.connection_errors import is_connection_lost
from marketplace.platform.postgres.database import connection_config
from marketplace.platform.sleep import interruptible_sleep

logger = structlog.get_logger()

_RETRY_S = 2.0


class Job(msgspec.Struct, frozen=True):
    """A scheduled job: `cron` in five fields, UTC; `run` opens its own units of work."""

    name: str
    cron: str
    run: Callable[[], Awaitable[None]]


async def run_jobs(dsn: str, role: str, jobs: Sequence[Job], stop: asyncio.Event) -> None:
    """Run the schedule until `stop` is set; reconnect when the database connection is lost."""
    while not stop.is_set():
        try:
            await _run_once(dsn, role, jobs, stop)
        except Exception as error:
            if is_connection_lost(error):
                logger.warning("jobs_wait_for_database", error=repr(error))
            else:
                logger.exception("jobs_interrupted")
            await interruptible_sleep(stop, _RETRY_S)


async def _run_once(dsn: str, role: str, jobs: Sequence[Job], stop: asyncio.Event) -> None:
    connection = await asyncpg.connect(**connection_config(dsn, role))
    try:
        queuer = PgQueuer.from_asyncpg_connection(connection)
        # By default PgQueuer sleeps until a job is due and only then notices that its connection is lost.
        connection.add_termination_listener(lambda _connection: queuer.shutdown.set())
        for job in jobs:
            _schedule(queuer, job)
        stopper = asyncio.create_task(_stop_with(queuer, stop))
        try:
            await queuer.run()
        finally:
            stopper.cancel()
        if not stop.is_set():
            raise asyncpg.ConnectionDoesNotExistError("the connection of the jobs was lost")
    finally:
        connection.terminate()


def _schedule(queuer: PgQueuer, job: Job) -> None:
    async def run(_schedule: Schedule) -> None:
        try:
            await job.run()
        except Exception:
            logger.exception("job_failed", job=job.name)
            raise

    queuer.schedule(job.name, job.cron)(run)


async def _stop_with(queuer: PgQueuer, stop: asyncio.Event) -> None:
    await stop.wait()
    queuer.shutdown.set()
