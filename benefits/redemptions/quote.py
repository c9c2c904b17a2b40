"""The dry run: the same decision as the redemption's, on a state of its own, thrown away."""

from collections import deque
from uuid import UUID

from benefits.offers.cache import OfferCache
from benefits.offers.stock import OfferStock, StockSlice
from benefits.points.ledger import read_members
from benefits.redemptions.commands import new_request
from benefits.redemptions.domain import PoolCode, State, decide
from benefits.redemptions.schemas import Quote, ReasonView
from marketplace.kernel.calendar import Calendar
from marketplace.kernel.clock import Clock
from marketplace.kernel.ids import bucket_of
from marketplace.kernel.refusals import NotFound
from marketplace.platform.postgres.database import unit_of_work
from marketplace.platform.postgres.database_time import database_time


async def quote(
    member_id: UUID, offer_id: UUID, quantity: int, cache: OfferCache, calendar: Calendar, clock: Clock, language: str
) -> Quote:
    """Return what the redemption would cost and every reason against it. Locks nothing. Raises NotFound."""
    async with unit_of_work("REPEATABLE READ") as work:
        members = await read_members(work, [member_id])
        offers = await cache.terms(work, [offer_id])
        if (
            offer_id not in offers
            or member_id not in members
            or offers[offer_id].status in {"draft", "in_review", "rejected"}
        ):
            raise NotFound
        rows = await work.fetch("SELECT slice, remaining FROM stock WHERE offer_id = $1", offer_id)
        used = await work.fetch(
            'SELECT "window", used FROM limit_used WHERE bucket = $1 AND member_id = $2 AND offer_id = $3',
            bucket_of(member_id), member_id, offer_id,
        )  # fmt: skip
        codes = await work.fetch(
            "SELECT seq, code FROM offer_code WHERE offer_id = $1 AND state = 'free' ORDER BY seq LIMIT $2",
            offer_id, quantity,
        )  # fmt: skip
        now = await database_time(work, clock)
    slices = {row["slice"]: StockSlice(row["remaining"]) for row in rows}
    state = State(
        members,
        offers,
        {offer_id: OfferStock(slices, 0, whole=True)} if slices else {},
        {(member_id, offer_id, row["window"]): row["used"] for row in used},
        {offer_id: deque(PoolCode(row["seq"], row["code"]) for row in codes)},
    )
    request = new_request(member_id, offer_id, quantity, int(now.timestamp() * 1000))
    decision = decide(request, state, calendar, now)
    reasons = [ReasonView(**reason.to_json(language)) for reason in decision.reasons]
    return Quote(not reasons, offers[offer_id].content.price, reasons)
