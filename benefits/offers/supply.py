"""How many units there are: a stock that the partner sets, or one that its uploaded codes make up."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from benefits.offers.domain import OfferContent, StockBelowSold
from benefits.offers.schemas import CodesView, SkippedCode
from benefits.offers.stock import share, slices_for
from marketplace.kernel.refusals import Explanation, InvalidField, NotFound, Refusal
from marketplace.kernel.text import Text
from marketplace.platform.postgres.database import UnitOfWork

_NEW = """
INSERT INTO stock (offer_id, slice, initial, remaining, held, sold)
SELECT $1, slice, units, units, 0, 0 FROM unnest($2::smallint[], $3::bigint[]) AS part (slice, units)
"""

_SHARE = """
UPDATE stock s SET remaining = part.units, initial = part.units + s.held + s.sold
FROM unnest($2::smallint[], $3::bigint[]) AS part (slice, units) WHERE s.offer_id = $1 AND s.slice = part.slice
"""

# The unique index decides between two uploads of the same code.
_UPLOAD = """
INSERT INTO offer_code (offer_id, partner_id, code, state, uploaded_at)
SELECT $1, $2, code, 'free', $4 FROM unnest($3::text[]) WITH ORDINALITY AS given (code, place) ORDER BY place
ON CONFLICT (partner_id, code) DO NOTHING RETURNING code
"""


class NotAPool(Refusal):
    """The offer's vouchers carry our codes only."""

    code = "no_code_pool"
    zh = "该优惠不使用合作方券码；请在登记时设 codes 为 partner。"
    en = "The offer hands out no codes of yours; register it with codes set to partner."
    explanation = Explanation(
        Text("该优惠不使用合作方自己的券码。", "The offer does not hand out the partner's own codes."),
        Text("请登记优惠时设 codes 为 partner。", "Register the offer with codes set to partner."),
    )


class StockIsCodes(Refusal):
    """The offer's stock is the codes that were uploaded."""

    code = "stock_is_codes"
    zh = "该优惠的库存即已上传的券码；请上传券码来增加库存。"
    en = "The offer's stock is the codes that you uploaded; upload more to have more."
    explanation = Explanation(
        Text("该优惠的库存即已上传的券码。", "The offer's stock is the number of uploaded codes."),
        Text("请上传券码来增加库存。", "Upload codes to increase it."),
    )


def check_supply(content: OfferContent, stock: int | None) -> None:
    """Raise InvalidField for a stock beside a pool of codes, which is the stock."""
    if content.codes == "partner" and stock is not None:
        raise InvalidField(
            "stock",
            "使用合作方券码时须为 null：库存即券码数。",
            "must be null: the codes that you upload are the stock.",
        )


async def new_stock(work: UnitOfWork, offer_id: UUID, total: int, slices: int) -> None:
    """Give an offer its stock, cut into slices where there is enough for that."""
    count = slices_for(total, slices)
    await work.execute(_NEW, offer_id, list(range(count)), [share(total, count, place) for place in range(count)])


async def set_stock(work: UnitOfWork, partner_id: UUID, offer_id: UUID, total: int | None, slices: int) -> None:
    """Set the total of units, sold and held ones included.

    Stock is no part of the revision: it may change while the offer is live. An offer without limit may get one, which
    counts from then on; a limit can be raised but not taken away, since what was sold under it would lose its count.
    Raises NotFound, StockBelowSold, StockIsCodes, InvalidField.
    """
    if await _touch(work, partner_id, offer_id) == "partner":
        raise StockIsCodes
    await change_stock(work, offer_id, total, slices)


async def change_stock(work: UnitOfWork, offer_id: UUID, total: int | None, slices: int) -> None:
    """Set the total; the offer's row is locked. The remaining units are spread over the existing slices."""
    rows = await work.fetch(
        "SELECT slice, held, sold FROM stock WHERE offer_id = $1 ORDER BY slice FOR UPDATE", offer_id
    )
    if not rows and total is None:
        return
    if total is None:
        raise InvalidField("stock", "已设定库存，只能修改数量。", "has a limit; it can be changed but not taken away.")
    if not rows:
        await new_stock(work, offer_id, total, slices)
        return
    gone = sum(row["held"] + row["sold"] for row in rows)
    if total < gone:
        raise StockBelowSold(sold=gone)
    parts = [share(total - gone, len(rows), place) for place in range(len(rows))]
    await work.execute(_SHARE, offer_id, [row["slice"] for row in rows], parts)


async def add_codes(
    work: UnitOfWork, partner_id: UUID, offer_id: UUID, codes: Sequence[str], now: datetime
) -> CodesView:
    """Add codes to the offer's pool, in their order, and return which were not new, and why. Raises NotFound, NotAPool.

    A code that the partner uploaded before, for whatever offer, is not added again.
    """
    if await _touch(work, partner_id, offer_id) != "partner":
        raise NotAPool
    fresh = {row["code"] for row in await work.fetch(_UPLOAD, offer_id, partner_id, list(dict.fromkeys(codes)), now)}
    skipped = await _skipped(work, partner_id, offer_id, codes, fresh)
    remaining = await work.fetchval(
        "INSERT INTO stock (offer_id, slice, initial, remaining, held, sold) VALUES ($1, 0, $2, $2, 0, 0)"
        " ON CONFLICT (offer_id, slice) DO UPDATE SET initial = stock.initial + $2, remaining = stock.remaining + $2"
        " RETURNING remaining",
        offer_id, len(fresh),
    )  # fmt: skip
    return CodesView(len(fresh), len(skipped), remaining, skipped)


async def _skipped(
    work: UnitOfWork, partner_id: UUID, offer_id: UUID, codes: Sequence[str], fresh: Collection[str]
) -> list[SkippedCode]:
    """Return the codes of a call that were not added, in the call's order."""
    old = [code for code in codes if code not in fresh]
    rows = await work.fetch(
        "SELECT code, offer_id FROM offer_code WHERE partner_id = $1 AND code = ANY($2)", partner_id, old
    )
    offers = {row["code"]: row["offer_id"] for row in rows}
    seen: set[str] = set()
    found = []
    for index, code in enumerate(codes):
        if code in seen:
            found.append(SkippedCode(index, code, "repeated"))
        elif code not in fresh and offers[code] == offer_id:
            found.append(SkippedCode(index, code, "uploaded_before"))
        elif code not in fresh:
            found.append(SkippedCode(index, code, "uploaded_for_other_offer", offers[code]))
        seen.add(code)
    return found


async def _touch(work: UnitOfWork, partner_id: UUID, offer_id: UUID) -> str:
    """Lock the offer, tell the desks that it changed, and return whose codes it hands out. Raises NotFound."""
    source = await work.fetchval(
        "UPDATE offer o SET version = o.version + 1 FROM offer_revision r WHERE o.id = $1 AND o.partner_id = $2"
        " AND r.offer_id = o.id AND r.revision = o.revision RETURNING coalesce(r.content ->> 'codes', 'ours')",
        offer_id, partner_id,
    )  # fmt: skip
    if source is None:
        raise NotFound
    return str(source)
