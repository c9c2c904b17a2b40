"""The minutes in which callers are counted."""

import asyncio

from marketplace.platform.postgres.database import DB
from marketplace.platform.postgres.database_time import PRESENT


async def whole_minute() -> None:
    """Wait until the database's minute has more than ten seconds left."""
    while (await DB.fetchval(PRESENT)).second > 50:
        await asyncio.sleep(0.5)
