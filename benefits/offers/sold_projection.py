"""How many units of each offer were redeemed from stock: counted along the event log, to hold the stock against.

Redemptions lie in their members' buckets and stock by offer: nothing but a sum over all buckets tells what was sold, and to
sum them all at each look would take ever longer.
"""

from collections.abc import Sequence

from marketplace.platform.eventlog.events import StoredEvent
from marketplace.platform.postgres.database import UnitOfWork, columns

NAME = "benefits.sold"
"""The consumer's name, by which the invariant knows how far it has counted."""

TAKES = "'redemption.issued'"
"""The event that takes units; the other one gives them back."""

# The redemption's row says what it took, and whether from stock at all; it is written in the transaction of its first event.
_COUNT = """
INSERT INTO offer_sold (offer_id, units)
SELECT r.offer_id, sum(r.quantity * told.sign)
FROM unnest($1::smallint[], $2::uuid[], $3::int[]) AS told (bucket, id, sign)
JOIN redemption r ON r.bucket = told.bucket AND r.id = told.id
WHERE r.slice IS NOT NULL GROUP BY r.offer_id ORDER BY r.offer_id
ON CONFLICT (offer_id) DO UPDATE SET units = offer_sold.units + excluded.units
"""


class Sold:
    """The consumer. Its position and its counts are committed together, so that each event counts once."""

    name = NAME
    types = frozenset({"redemption.issued", "redemption.cancelled"})

    async def handle(self, work: UnitOfWork, events: Sequence[StoredEvent]) -> None:
        """Count the units that the events took or gave back."""
        redemptions = [(e.bucket, e.aggregate_id, 1 if e.type == "redemption.issued" else -1) for e in events]
        await work.execute(_COUNT, *columns(redemptions, 3))
