"""The locations of a partner, one at a time. `import_file.py` imports them in bulk."""

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from marketplace.kernel.refusals import Explanation, NotFound, Refusal
from marketplace.kernel.search import folded
from marketplace.kernel.text import Text
from marketplace.platform.eventlog.events import publish
from marketplace.platform.http.merge_patch import Patch, patched
from marketplace.platform.http.paging import Cursors, Page
from marketplace.platform.postgres.database import DB, UnitOfWork, columns
from partners.fields import Name
from partners.locations.events import LocationAdded, LocationChanged
from partners.locations.schemas import Coordinates, LocationContent, LocationInput, LocationState, LocationView
from partners.locations.search import keep_search_text
from partners.registry.domain import PARTNER
from partners.registry.history import lock_partner

_COLUMNS = (
    "id, name_zh, name_en, region, city, address, latitude, longitude, state, created_at,"
    " coalesce(changed_at, created_at) AS changed_at"
)


class LocationExists(Refusal):
    """The partner already has a location with the id."""

    code = "location_exists"
    zh = "门店编号 {id} 已存在。"
    en = "Location {id} already exists."
    explanation = Explanation(
        Text("该门店编号已经存在。", "A location with this id already exists."),
        Text("请修改已有门店，或换用其他编号。", "Update the existing location, or use another id."),
    )


async def add_location(work: UnitOfWork, partner_id: UUID, location: LocationInput, now: datetime) -> LocationView:
    """Insert a location and return it. Raises LocationExists, NotFound, or TransitionRefusedError."""
    PARTNER.after(await lock_partner(work, partner_id), "add_location")
    place = location.coordinates
    row = await work.fetchrow(
        "INSERT INTO partner_location (partner_id, id, name_zh, name_en, city, address, created_at, region, latitude,"
        " longitude, state, changed_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $7)"
        f" ON CONFLICT DO NOTHING RETURNING {_COLUMNS}",
        partner_id,
        location.id,
        location.name.zh,
        location.name.en,
        location.city,
        location.address,
        now,
        location.region,
        place.lat if place else None,
        place.lng if place else None,
        location.state,
    )
    if row is None:
        raise LocationExists(id=location.id)
    await keep_search_text(work, partner_id, [location.id])
    await publish(work, [LocationAdded(partner_id, location.id, now)], now)
    return _view(row)


async def change_location(
    work: UnitOfWork, partner_id: UUID, location_id: str, patch: Patch, now: datetime
) -> LocationView:
    """Apply the patch to the partner's location and return it.

    Raises NotFound, also for another partner's, InvalidFields, TransitionRefusedError.
    """
    if not location_id.isprintable():  # PostgreSQL refuses a text with a NUL
        raise NotFound
    PARTNER.after(await lock_partner(work, partner_id), "add_location")
    before = await work.fetchrow(
        f"SELECT {_COLUMNS} FROM partner_location WHERE partner_id = $1 AND id = $2 FOR UPDATE", partner_id, location_id
    )
    if before is None:
        raise NotFound
    wanted = patched(_content(_view(before)), patch)
    place = wanted.coordinates
    row = await work.fetchrow(
        "UPDATE partner_location SET name_zh = $3, name_en = $4, region = $5, city = $6, address = $7, latitude = $8,"
        f" longitude = $9, state = $10, changed_at = $11 WHERE partner_id = $1 AND id = $2 RETURNING {_COLUMNS}",
        partner_id,
        location_id,
        wanted.name.zh,
        wanted.name.en,
        wanted.region,
        wanted.city,
        wanted.address,
        place.lat if place else None,
        place.lng if place else None,
        wanted.state,
        now,
    )
    if row is None:  # it is locked
        raise NotFound
    await keep_search_text(work, partner_id, [location_id])
    await publish(work, [LocationChanged(partner_id, location_id, row["state"], now)], now)
    return _view(row)


def _content(view: LocationView) -> LocationContent:
    return LocationContent(
        name=Name(view.name.zh, view.name.en),
        region=view.region,
        city=view.city,
        address=view.address,
        coordinates=view.coordinates,
        state=view.state,
    )


async def list_locations(
    partner_id: UUID,
    cursors: Cursors,
    cursor: str | None,
    limit: int,
    *,
    search: str = "",
    state: LocationState | None = None,
) -> Page[LocationView]:
    """Return a page of the partner's locations by id; with `search`, those with it in id, name, region, city or address.

    Case, accents and letter forms are ignored.
    """
    if not search.isprintable():  # PostgreSQL refuses a text with a NUL
        return Page([], None)
    kind = f"locations:{partner_id}" + (f":{state}:{search}" if search or state else "")
    after = cursors.read(kind, cursor)[0] if cursor else ""
    rows = await DB.fetch(
        f"SELECT {_COLUMNS} FROM partner_location WHERE partner_id = $1 AND id > $2 AND ($4::text IS NULL OR state = $4)"
        " AND ($5 = '' OR position($5 in search_text) > 0)"
        " ORDER BY id LIMIT $3",
        partner_id,
        after,
        limit + 1,
        state,
        folded(search),
    )
    data = [_view(row) for row in rows[:limit]]
    return Page(data, cursors.make(kind, [data[-1].id]) if len(rows) > limit else None)


async def get_location(partner_id: UUID, location_id: str) -> LocationView:
    """Return one of the partner's locations. Raises NotFound, also for another partner's."""
    found = await named_locations(partner_id, [location_id])
    if not found:
        raise NotFound
    return found[0]


async def named_locations(partner_id: UUID, location_ids: Collection[str]) -> list[LocationView]:
    """Return the named locations of the partner by id; others are left out."""
    wanted = [location_id for location_id in location_ids if location_id.isprintable()]
    rows = await DB.fetch(
        f"SELECT {_COLUMNS} FROM partner_location WHERE partner_id = $1 AND id = ANY($2::text[]) ORDER BY id",
        partner_id,
        wanted,
    )
    return [_view(row) for row in rows]


async def known_locations(wanted: Collection[tuple[UUID, str]]) -> set[tuple[UUID, str]]:
    """Return which of the (partner, location id) are locations of that partner. Used by the voucher counter.

    The opening state does not matter: where a till is in use, the location is staffed.
    """
    # PostgreSQL refuses a text with a NUL.
    pairs = [pair for pair in wanted if pair[1].isprintable()]
    rows = await DB.fetch(
        "SELECT l.partner_id, l.id FROM unnest($1::uuid[], $2::text[]) AS wanted (partner_id, id)"
        " JOIN partner_location l USING (partner_id, id)",
        *columns(pairs, 2),
    )
    return {(row["partner_id"], row["id"]) for row in rows}


def _view(row: asyncpg.Record) -> LocationView:
    fields: dict[str, Any] = dict(row)
    name = Text(fields.pop("name_zh"), fields.pop("name_en"))
    latitude, longitude = fields.pop("latitude"), fields.pop("longitude")
    place = None if latitude is None else Coordinates(latitude, longitude)
    return LocationView(**fields, name=name, coordinates=place)
