"""Where a partner takes vouchers."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

import asyncpg
import msgspec

from marketplace.kernel.facts import Fact
from marketplace.kernel.text import Text
from marketplace.platform.database import DB, UnitOfWork, columns
from marketplace.platform.events import publish
from marketplace.platform.paging import Cursors, Page
from partners.onboarding.domain import PARTNER
from partners.onboarding.events import LocationAdded
from partners.onboarding.history import lock_partner
from partners.onboarding.schemas import LocationView, NewLocation
from partners.reading import reader


class LocationExists(Fact):
    """The partner has a location with that id."""

    code = "location_exists"
    zh = "门店编号 {id} 已存在。"
    en = "There is a location {id} already."


async def add_location(work: UnitOfWork, partner_id: UUID, location: NewLocation, now: datetime) -> LocationView:
    """Record a location and return it. Raises LocationExists, NotFound, or TransitionRefusedError."""
    PARTNER.after(await lock_partner(work, partner_id), "add_location")
    added = await work.fetchval(
        "INSERT INTO partner_location (partner_id, id, name_zh, name_en, city, address, created_at)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING RETURNING id",
        partner_id,
        location.id,
        location.name.zh,
        location.name.en,
        location.city,
        location.address,
        now,
    )
    if added is None:
        raise LocationExists(id=location.id)
    await publish(work, [LocationAdded(partner_id, location.id, now)], now)
    return LocationView(
        id=location.id, name=location.name.text(), city=location.city, address=location.address, created_at=now
    )


async def list_locations(partner_id: UUID, cursors: Cursors, cursor: str | None, limit: int) -> Page[LocationView]:
    """Return a page of the partner's locations, by id."""
    kind = f"locations:{partner_id}"
    after = cursors.read(kind, cursor)[0] if cursor else ""
    rows = await DB.fetch(
        "SELECT id, name_zh, name_en, city, address, created_at FROM partner_location"
        " WHERE partner_id = $1 AND id > $2 ORDER BY id LIMIT $3",
        partner_id,
        after,
        limit + 1,
    )
    data = [_view(row) for row in rows[:limit]]
    return Page(data, cursors.make(kind, [data[-1].id]) if len(rows) > limit else None)


async def known_locations(wanted: Collection[tuple[UUID, str]]) -> set[tuple[UUID, str]]:
    """Return which of the (partner, location id) are locations of that partner. Asked at the voucher counter."""
    # PostgreSQL cannot even be asked for a text with a NUL in it.
    pairs = [pair for pair in wanted if pair[1].isprintable()]
    rows = await reader().fetch(
        "SELECT l.partner_id, l.id FROM unnest($1::uuid[], $2::text[]) AS wanted (partner_id, id)"
        " JOIN partner_location l USING (partner_id, id)",
        *columns(pairs, 2),
    )
    return {(row["partner_id"], row["id"]) for row in rows}


def _view(row: asyncpg.Record) -> LocationView:
    fields = {name: row[name] for name in ("id", "city", "address", "created_at")}
    return msgspec.convert({**fields, "name": Text(row["name_zh"], row["name_en"])}, LocationView)
