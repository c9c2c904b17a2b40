"""Offers to look at: members' lists and search, one offer, a partner's own, the review queue."""

from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from benefits.offers.domain import OfferContent
from benefits.offers.schemas import OfferView, PartnerOfferView, PartnerRef, StockView
from marketplace.kernel.refusals import InvalidField, NotFound
from marketplace.kernel.scenarios import Scenario
from marketplace.kernel.search import query_terms
from marketplace.kernel.text import Text
from marketplace.platform.http.paging import Cursors, Page
from marketplace.platform.postgres.database import DB

_COLUMNS = """
SELECT o.id, o.partner_id, o.sku, o.status, o.revision, o.version, o.published_at, o.reason, r.content, p.name_zh, p.name_en,
       s.remaining, coalesce(s.sold, 0) AS sold
FROM offer o JOIN offer_revision r ON r.offer_id = o.id AND r.revision = o.revision
JOIN partner p ON p.id = o.partner_id
LEFT JOIN LATERAL (
    SELECT sum(remaining)::bigint AS remaining, sum(sold)::bigint AS sold FROM stock WHERE offer_id = o.id
) AS s ON true
"""

_KEYS = """
SELECT o.id, o.version, p.version AS partner_version, o.published_at,
       (SELECT sum(remaining)::bigint FROM stock WHERE offer_id = o.id) AS remaining
FROM offer o JOIN partner p ON p.id = o.partner_id
"""

# Who is on sale now: the offer is live, its window is open, and its partner is active.
_ON_SALE = "o.status = 'live' AND o.starts_at <= $1 AND (o.ends_at IS NULL OR o.ends_at > $1) AND p.status = 'active'"


async def on_sale(
    cursors: Cursors,
    now: datetime,
    *,
    scenario: Scenario | None,
    query: str,
    cursor: str | None,
    limit: int,
    max_points: int | None = None,
) -> Page[OfferView]:
    """Return a page of what members can redeem now, the newest first, by scenario, by search and by price.

    A query finds offers whose title, partner or scenario has all of its words, in Chinese (two characters are enough) or
    English. A query of nothing but signs finds nothing. Raises InvalidField for a foreign cursor.
    """
    rows, following = await _find(_COLUMNS, cursors, now, scenario, query, cursor, limit, max_points)
    return Page([member_view(row) for row in rows], following)


async def on_sale_keys(
    cursors: Cursors, now: datetime, *, scenario: Scenario | None, query: str, cursor: str | None, limit: int
) -> tuple[list[asyncpg.Record], str | None]:
    """Return the same page as ids, versions and units left only, and the cursor of the next one.

    Rows: id, version, partner_version, remaining (null: without limit). Raises InvalidField for a foreign cursor.
    """
    return await _find(_KEYS, cursors, now, scenario, query, cursor, limit, None)


async def views(offer_ids: list[UUID]) -> dict[UUID, OfferView]:
    """Return offers as members see them, by id, whatever their status."""
    rows = await DB.fetch(_COLUMNS + "WHERE o.id = ANY($1::uuid[])", offer_ids)
    return {row["id"]: member_view(row) for row in rows}


async def _find(
    columns: str,
    cursors: Cursors,
    now: datetime,
    scenario: Scenario | None,
    query: str,
    cursor: str | None,
    limit: int,
    max_points: int | None,
) -> tuple[list[asyncpg.Record], str | None]:
    kind = f"offers:{scenario}:{query}:{max_points}"
    after_at, after_id = _position(cursors, kind, cursor)
    terms = list(query_terms(query)) if query.strip() else None
    if terms == []:
        return [], None
    # Only the filters in use are written: a statement with "OR $1 IS NULL" is planned again at each execution.
    values: list[object] = [now, limit + 1]
    conditions = [_ON_SALE]
    for condition, wanted in (
        ("o.scenario = ${}::text", [scenario]),
        # But a search is to be planned for its words: rare ones are looked up, common ones come along in order of date.
        ("(${0}::text[] IS NULL OR o.terms @> ${0}::text[])", [terms]),
        ("(o.published_at, o.id) < (${}::timestamptz, ${}::uuid)", [after_at, after_id]),
        ("o.price_points <= ${}::bigint", [max_points]),
    ):
        if wanted[0] is not None:
            conditions.append(condition.format(*range(len(values) + 1, len(values) + 1 + len(wanted))))
            values += wanted
    where = " AND ".join(conditions)
    rows = await DB.fetch(f"{columns} WHERE {where} ORDER BY o.published_at DESC, o.id DESC LIMIT $2", *values)
    if len(rows) <= limit:
        return rows, None
    last = rows[limit - 1]
    return rows[:limit], cursors.make(kind, [last["published_at"].isoformat(), str(last["id"])])


async def one_on_sale(offer_id: UUID, now: datetime) -> OfferView:
    """Return an offer that members may see: live, whether or not its sale has begun. Raises NotFound."""
    row = await DB.fetchrow(
        _COLUMNS + "WHERE o.id = $1 AND o.status IN ('live', 'paused') AND (o.ends_at IS NULL OR o.ends_at > $2)",
        offer_id,
        now,
    )
    if row is None:
        raise NotFound
    return member_view(row)


async def of_partner(
    cursors: Cursors, partner_id: UUID, *, status: str | None, cursor: str | None, limit: int
) -> Page[PartnerOfferView]:
    """Return a page of the partner's own offers, the newest first."""
    return await _list(cursors, "o.partner_id = $1", partner_id, status, cursor, limit)


async def in_status(cursors: Cursors, *, status: str, cursor: str | None, limit: int) -> Page[PartnerOfferView]:
    """Return a page of all partners' offers in a status, for operations, the newest first."""
    return await _list(cursors, "($1::uuid IS NULL OR true)", None, status, cursor, limit)


async def one_of_partner(partner_id: UUID, offer_id: UUID) -> PartnerOfferView:
    """Return one of the partner's offers as it sees it. Raises NotFound, also for another's."""
    row = await DB.fetchrow(_COLUMNS + "WHERE o.partner_id = $1 AND o.id = $2", partner_id, offer_id)
    if row is None:
        raise NotFound
    return partner_view(row)


async def any_offer(offer_id: UUID) -> PartnerOfferView:
    """Return an offer of whichever partner, for operations. Raises NotFound."""
    row = await DB.fetchrow(_COLUMNS + "WHERE o.id = $1", offer_id)
    if row is None:
        raise NotFound
    return partner_view(row)


async def picture(offer_id: UUID) -> str:
    """Return the offer's picture as SVG text. Raises NotFound."""
    image = await DB.fetchval(
        "SELECT r.content ->> 'image' FROM offer o JOIN offer_revision r ON r.offer_id = o.id AND r.revision = o.revision"
        " WHERE o.id = $1 AND o.status IN ('live', 'paused', 'ended')",
        offer_id,
    )
    if image is None:
        raise NotFound
    return str(image)


async def _list(
    cursors: Cursors, condition: str, value: Any, status: str | None, cursor: str | None, limit: int
) -> Page[PartnerOfferView]:
    kind = f"partner-offers:{value}:{status}"
    before = None
    if cursor is not None:
        before = UUID(cursors.read(kind, cursor)[0])
    rows = await DB.fetch(
        _COLUMNS + f"WHERE {condition} AND ($2::text IS NULL OR o.status = $2) AND ($3::uuid IS NULL OR o.id < $3)"
        " ORDER BY o.id DESC LIMIT $4",
        value, status, before, limit + 1,
    )  # fmt: skip
    page = [partner_view(row) for row in rows[:limit]]
    return Page(page, cursors.make(kind, [str(page[-1].id)]) if len(rows) > limit else None)


def _position(cursors: Cursors, kind: str, cursor: str | None) -> tuple[datetime | None, UUID | None]:
    if cursor is None:
        return None, None
    position = cursors.read(kind, cursor)
    if len(position) != 2:
        raise InvalidField("cursor", "无法识别。", "cannot be read.")
    return datetime.fromisoformat(position[0]), UUID(position[1])


def _common(row: asyncpg.Record) -> dict[str, Any]:
    content = msgspec.convert(row["content"], OfferContent)
    remaining = row["remaining"]
    return {
        "id": row["id"],
        "revision": row["revision"],
        "partner": PartnerRef(row["partner_id"], Text(row["name_zh"], row["name_en"])),
        "scenario": content.scenario,
        "title": content.title,
        "description": content.description,
        "terms": content.terms,
        "price": content.price,
        "value": content.value,
        "stock": None if remaining is None else StockView(remaining),
        "per_member": content.per_member,
        "limits": content.limits,
        "tiers": content.tiers,
        "status": row["status"],
        "sale": content.sale,
        "voucher_days": content.voucher_days,
        "image_url": f"/offers/{row['id']}/image.svg?r={row['revision']}" if content.image else None,
    }


def member_view(row: asyncpg.Record) -> OfferView:
    """Return a row of `_COLUMNS` as members see it."""
    return OfferView(**_common(row))


def partner_view(row: asyncpg.Record) -> PartnerOfferView:
    """Return a row of `_COLUMNS` as its partner sees it."""
    content = msgspec.convert(row["content"], OfferContent)
    return PartnerOfferView(
        **_common(row),
        sku=row["sku"],
        version=row["version"],
        settlement_price=content.settlement_price,
        codes=content.codes,
        sold=row["sold"],
        reason=row["reason"],
    )
