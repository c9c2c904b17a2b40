"""The rows of stock and of partners' codes, as a batch at the desk locks, reads and writes them."""

from collections.abc import Iterable, Mapping
from uuid import UUID

from benefits.offers.domain import OfferTerms
from benefits.offers.stock import OfferStock, StockSlice
from marketplace.platform.postgres.database import UnitOfWork
from marketplace.platform.postgres.reads import Read
from marketplace.platform.postgres.writes import Write

STOCK = Read(
    "offer_id uuid, slice smallint",
    """SELECT ROW(s.offer_id, s.slice, s.remaining) FROM {wanted}
    JOIN stock s USING (offer_id, slice) ORDER BY s.offer_id, s.slice FOR UPDATE OF s""",
    locks="stock",
)

STOCK_CHANGES = Write(
    "stocks",
    "offer_id uuid, slice smallint, initial bigint, remaining bigint, held bigint, sold bigint",
    """UPDATE stock s SET initial = s.initial + d.initial, remaining = s.remaining + d.remaining, held = s.held + d.held,
    sold = s.sold + d.sold FROM {rows}
    WHERE s.offer_id = d.offer_id AND s.slice = d.slice RETURNING 1""",
)

CODES = Read(
    "offer_id uuid, units int",
    """SELECT ROW(c.offer_id, c.seq, c.code) FROM {wanted} CROSS JOIN LATERAL (
        SELECT offer_id, seq, code FROM offer_code WHERE offer_id = wanted.offer_id AND state = 'free'
        ORDER BY seq LIMIT wanted.units FOR UPDATE SKIP LOCKED
    ) AS c ORDER BY c.offer_id, c.seq""",
    locks="code",
)

CODE_CHANGES = Write(
    "codes",
    "offer_id uuid, seq bigint, state text, hold_id uuid, bucket smallint, voucher_id uuid",
    """UPDATE offer_code c SET state = d.state, hold_id = d.hold_id, bucket = d.bucket, voucher_id = d.voucher_id
    FROM {rows}
    WHERE c.offer_id = d.offer_id AND c.seq = d.seq AND c.state <> 'issued' RETURNING 1""",
)

_LEFT = "SELECT offer_id, slice, remaining FROM stock WHERE offer_id = ANY($1::uuid[])"


async def own_slices(
    work: UnitOfWork, demand: Mapping[UUID, int], offers: Mapping[UUID, OfferTerms], number: int
) -> dict[UUID, int]:
    """Return the offers of which one slice, that of the desk with this number, is enough for the batch.

    Reads without a lock: if the slice is emptied before it is locked, the batch is taken again.
    """
    several = [offer_id for offer_id in demand if offers[offer_id].slices > 1]
    own = {}
    for row in await work.fetch(_LEFT, several) if several else ():
        offer_id = row["offer_id"]
        if row["slice"] == number % offers[offer_id].slices and row["remaining"] >= 2 * demand[offer_id]:
            own[offer_id] = row["slice"]
    return own


def stock_of(
    rows: Iterable[tuple[UUID, int, int]],
    demand: Mapping[UUID, int],
    own: Mapping[UUID, int],
    offers: Mapping[UUID, OfferTerms],
    number: int,
) -> dict[UUID, OfferStock]:
    """Return the offers' stock as `STOCK` found it, ready to sell what the batch wants. Raises SliceEmptiedError."""
    found: dict[UUID, OfferStock] = {}
    for offer_id, part, remaining in rows:
        if offer_id not in found:
            slices = offers[offer_id].slices if offer_id in demand else 1
            found[offer_id] = OfferStock({}, own.get(offer_id, number % slices), offer_id not in own)
        found[offer_id].slices[part] = StockSlice(remaining)
    for offer_id, units in demand.items():
        if offer_id in found:
            found[offer_id].prepare(units)
    return found


def changed_slices(stock: Mapping[UUID, OfferStock]) -> list[tuple[object, ...]]:
    """Return the rows of `STOCK_CHANGES`."""
    return [
        (offer_id, number, part.initial_change, part.remaining_change, part.held_change, part.sold_change)
        for offer_id, offer_stock in stock.items()
        for number, part in offer_stock.slices.items()
        if part.changed
    ]
