"""Pages of what is on sale, as JSON: read once for all members who look at the same page at the same time.

What an offer says is kept, encoded, and is good for as long as its version and its partner's are the same; which offers
are on the page, those versions and the units left are read each time.
"""

from uuid import UUID

import asyncpg
import msgspec

from benefits.offers.catalogue import on_sale_keys, views
from marketplace.kernel.clock import Clock
from marketplace.kernel.scenarios import Scenario
from marketplace.platform.batching.single_flight import SingleFlight
from marketplace.platform.http.paging import Cursors

_MOST = 50_000
"""How many offers are kept, a KB or two each; beyond it the cache starts again."""

_STOCK = b'"stock":null'


class _Written(msgspec.Struct, frozen=True):
    """An offer's JSON in two parts; between them stands how many units are left."""

    version: int
    partner_version: int
    head: bytes
    tail: bytes

    def with_stock(self, remaining: int | None) -> bytes:
        stock = b"null" if remaining is None else b'{"remaining":%d}' % remaining
        return b"".join((self.head, b'"stock":', stock, self.tail))


class Listing:
    """The catalogue as one process answers it: the same for every member, in both languages."""

    def __init__(self, clock: Clock, cursors: Cursors) -> None:
        """Keep what a page is read with."""
        self._clock = clock
        self._cursors = cursors
        self._reads: SingleFlight[bytes] = SingleFlight()
        self._written: dict[UUID, _Written] = {}

    async def page(self, *, scenario: Scenario | None, query: str, cursor: str | None, limit: int) -> bytes:
        """Return a page as JSON, read after it was asked for. Raises InvalidField for a foreign cursor."""

        async def read() -> bytes:
            rows, following = await on_sale_keys(
                self._cursors, self._clock.now(), scenario=scenario, query=query, cursor=cursor, limit=limit
            )
            if len(self._written) > _MOST:
                self._written.clear()
            await self._write([row for row in rows if not self._is_fresh(row)])
            offers = b",".join([self._written[row["id"]].with_stock(row["remaining"]) for row in rows])
            return b'{"data":[%b],"next_cursor":%b}' % (offers, msgspec.json.encode(following))

        return await self._reads.get((scenario, query, cursor, limit), read)

    def _is_fresh(self, row: asyncpg.Record) -> bool:
        known = self._written.get(row["id"])
        return known is not None and (known.version, known.partner_version) == (row["version"], row["partner_version"])

    async def _write(self, rows: list[asyncpg.Record]) -> None:
        """Encode the offers again. One that changes meanwhile is shown as it is, and encoded again the next time."""
        if not rows:
            return
        found = await views([row["id"] for row in rows])
        for row in rows:
            view = msgspec.structs.replace(found[row["id"]], stock=None)
            # Inside of a text the quotation mark would be escaped: this can only be the field.
            head, _, tail = msgspec.json.encode(view).partition(_STOCK)
            self._written[row["id"]] = _Written(row["version"], row["partner_version"], head, tail)
