"""Pages of what is on sale, read once for all members who look at the same page at the same time."""

import msgspec

from benefits.offers.catalogue import on_sale
from benefits.offers.domain import Scenario
from marketplace.kernel.clock import Clock
from marketplace.platform.paging import Cursors
from marketplace.platform.shared_reads import SharedReads


class Listing:
    """The catalogue as one process answers it: JSON, the same for every member and both languages."""

    def __init__(self, clock: Clock, cursors: Cursors) -> None:
        """Keep what a page is read with."""
        self._clock = clock
        self._cursors = cursors
        self._reads: SharedReads[bytes] = SharedReads()

    async def page(self, *, scenario: Scenario | None, query: str, cursor: str | None, limit: int) -> bytes:
        """Return a page as JSON, read after it was asked for. Raises InvalidField for a foreign cursor."""

        async def read() -> bytes:
            found = await on_sale(
                self._cursors, self._clock.now(), scenario=scenario, query=query, cursor=cursor, limit=limit
            )
            return msgspec.json.encode(found)

        return await self._reads.get((scenario, query, cursor, limit), read)
