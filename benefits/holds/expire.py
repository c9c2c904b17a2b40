"""Holds whose time is over, by a job that every serving process does for itself."""

import asyncio

import asyncpg
import structlog

from benefits.desk.context import PointsCommand
from benefits.holds.read import expire_holds
from marketplace.kernel.clock import Clock
from marketplace.kernel.refusals import Refusal
from marketplace.platform.batching.executor import BatchExecutor

_EVERY_S = 1.0

logger = structlog.get_logger()


async def keep_expiring(desk: BatchExecutor[PointsCommand], clock: Clock) -> None:
    """Expire holds again and again, until cancelled.

    In every process and not by the shared schedule: a process that is stopped in the middle delays nobody else's, and
    the guard in the write (a hold ends once) settles who was first.
    """
    while True:
        try:
            await expire_holds(desk, clock)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, Refusal) as error:
            logger.warning("expire_holds_failed", error=repr(error))
        await asyncio.sleep(_EVERY_S)
