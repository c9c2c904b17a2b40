"""Bulk import of a partner's locations from a file: all or nothing, unless `partial`."""

from datetime import datetime
from uuid import UUID

import asyncpg
import msgspec

from marketplace.kernel.event import Event
from marketplace.kernel.refusals import Explanation, Kind, Refusal
from marketplace.kernel.text import Text
from marketplace.platform.eventlog.events import publish
from marketplace.platform.postgres.database import UnitOfWork, columns
from partners.locations.events import LocationAdded, LocationChanged
from partners.locations.file_rows import LocationRow, Parsed
from partners.locations.schemas import ImportReport
from partners.locations.search import keep_search_text
from partners.registry.domain import PARTNER
from partners.registry.history import lock_partner

MOST_LISTED = 1000
"""The maximum number of problems in one response."""

# Columns missing in the file ($11: region, $12: coordinates) stay unchanged, and so do the English name and the state where the
# cell is blank: a blank cell must not open a closed store. A new location uses its Chinese name for both and is open. Unchanged
# locations are not written, so they are not returned.
_UPSERT = """
INSERT INTO partner_location AS l (partner_id, id, name_zh, name_en, region, city, address, latitude, longitude, state,
                                   created_at, changed_at)
SELECT $1, w.id, w.name_zh, coalesce(w.name_en, o.name_en, w.name_zh), w.region, w.city, w.address, w.latitude, w.longitude,
       coalesce(w.state, o.state, 'open'), $13, $13
FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::float8[], $9::float8[], $10::text[])
     AS w (id, name_zh, name_en, region, city, address, latitude, longitude, state)
LEFT JOIN partner_location o ON o.partner_id = $1 AND o.id = w.id
ON CONFLICT (partner_id, id) DO UPDATE SET
    name_zh = excluded.name_zh,
    name_en = excluded.name_en,
    region = CASE WHEN $11 THEN excluded.region ELSE l.region END,
    city = excluded.city,
    address = excluded.address,
    latitude = CASE WHEN $12 THEN excluded.latitude ELSE l.latitude END,
    longitude = CASE WHEN $12 THEN excluded.longitude ELSE l.longitude END,
    state = excluded.state,
    changed_at = excluded.changed_at
WHERE (l.name_zh, l.name_en, l.city, l.address, l.state) IS DISTINCT FROM
      (excluded.name_zh, excluded.name_en, excluded.city, excluded.address, excluded.state)
   OR ($11 AND l.region IS DISTINCT FROM excluded.region)
   OR ($12 AND (l.latitude, l.longitude) IS DISTINCT FROM (excluded.latitude, excluded.longitude))
RETURNING id, state, xmax = 0 AS created
"""


class RowsRefused(Refusal):
    """Rows of the file are invalid, and nothing was imported; `errors` lists them."""

    kind = Kind.INVALID
    code = "rows_refused"
    zh = "{errors_total} 处有误，未导入任何门店；可先用 dry_run=true 检查，或用 partial=true 只导入正确的行。"
    en = (
        "{errors_total} problems: nothing was imported. Try with dry_run=true, or take the good rows with partial=true."
    )
    explanation = Explanation(
        Text("文件中有错误的行，未导入任何数据。", "Rows of the file are wrong. Nothing was imported."),
        Text(
            "请修正 errors 中的行，或用 partial=true 只导入正确的行。",
            "Correct the rows in the report, or import only the good rows with partial=true.",
        ),
    )


class _Undo(Exception):  # noqa: N818 - a way out of the block, not an error
    """Rolls a dry run back."""


async def import_locations(
    work: UnitOfWork, partner_id: UUID, parsed: Parsed, now: datetime, *, dry_run: bool, partial: bool
) -> ImportReport:
    """Add and change the partner's locations from a file, and report. Other locations stay.

    A dry run does the same and rolls it back, so its report is exact. Raises RowsRefused if a row is invalid and it is neither
    a dry run nor `partial`; TransitionRefusedError, NotFound.
    """
    PARTNER.after(await lock_partner(work, partner_id), "add_location")
    listed, total = parsed.problems[:MOST_LISTED], len(parsed.problems)
    if parsed.problems and not (dry_run or partial):
        raise RowsRefused(errors=msgspec.to_builtins(listed), errors_total=total)
    written: list[asyncpg.Record] = []
    try:
        async with work.nested():
            written = await _upsert(work, partner_id, parsed, now)
            if dry_run:
                raise _Undo  # noqa: TRY301 - the block is undone by what leaves it
    except _Undo:
        pass
    else:
        await keep_search_text(work, partner_id, [row["id"] for row in written])
        await publish(work, [_event(partner_id, row, now) for row in written], now)
    created = sum(row["created"] for row in written)
    return ImportReport(
        file=parsed.file,
        sample=parsed.sample,
        applied=not dry_run,
        rows=parsed.rows,
        created=created,
        changed=len(written) - created,
        unchanged=len(parsed.good) - len(written),
        errors_total=total,
        errors=listed,
        warnings_total=len(parsed.warnings),
        warnings=parsed.warnings[:MOST_LISTED],
    )


async def _upsert(work: UnitOfWork, partner_id: UUID, parsed: Parsed, now: datetime) -> list[asyncpg.Record]:
    has = ("region" in parsed.columns, "latitude" in parsed.columns)
    rows = [_row(location) for location in sorted(parsed.good, key=lambda location: location.id)]
    return await work.fetch(_UPSERT, partner_id, *columns(rows, 9), *has, now)


def _row(location: LocationRow) -> tuple[str | float | None, ...]:
    place = location.coordinates
    return (
        location.id,
        location.name_zh,
        location.name_en,
        location.region,
        location.city,
        location.address,
        place.lat if place else None,
        place.lng if place else None,
        location.state,
    )


def _event(partner_id: UUID, row: asyncpg.Record, now: datetime) -> Event:
    if row["created"]:
        return LocationAdded(partner_id, row["id"], now)
    return LocationChanged(partner_id, row["id"], row["state"], now)
