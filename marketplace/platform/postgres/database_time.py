"""The database's time: one clock for all workers, for what is compared across them. Only this module reads it."""

from datetime import datetime

from marketplace.kernel.clock import WALL, Clock
from marketplace.platform.postgres.database import DB, UnitOfWork

PRESENT = "SELECT clock_timestamp()"
"""The instant at which the statement runs: in a transaction, after it got the locks of earlier ones."""

_BEGAN = "SELECT now()"


async def database_time(work: UnitOfWork | None = None, clock: Clock = WALL) -> datetime:
    """Return the present instant by the database's clock, moved as `clock` is."""
    found: datetime = await (DB if work is None else work).fetchval(PRESENT)
    return clock.shifted(found)


async def began_at(work: UnitOfWork, clock: Clock = WALL) -> datetime:
    """Return when the transaction began, by the database's clock, moved as `clock` is: never later than its snapshot."""
    found: datetime = await work.fetchval(_BEGAN)
    return clock.shifted(found)
