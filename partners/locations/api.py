"""A partner's own locations over HTTP."""

import asyncio
import hashlib
from dataclasses import dataclass
from email.message import Message

from litestar import Controller, Response, get, patch, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import OpenAPIFormat, OpenAPIMediaType, OpenAPIType, Operation, RequestBody, Schema
from litestar.params import FromPath, FromQuery, JSONBody

from marketplace.kernel.clock import Clock
from marketplace.platform.http.authentication import RAW_BODY
from marketplace.platform.http.idempotency import IdempotencyKey, once, request_key
from marketplace.platform.http.merge_patch import Patch
from marketplace.platform.http.paging import DEFAULT_LIMIT, Cursors, CursorText, Limit, Page
from marketplace.platform.http.problems import HttpRequest, language_of
from marketplace.platform.openapi.problems import refusals
from marketplace.platform.postgres.database import UnitOfWork, unit_of_work
from marketplace.platform.spreadsheets.csv_text import EncodingUnclear
from marketplace.platform.spreadsheets.reader import ReaderBusy, reader_of
from marketplace.platform.spreadsheets.table import CSV, MEDIA_TYPES, FileUnreadable
from partners.locations.file_rows import parse
from partners.locations.import_file import RowsRefused, import_locations
from partners.locations.locations import LocationExists, add_location, change_location, list_locations
from partners.locations.schemas import ImportReport, LocationContent, LocationInput, LocationView
from partners.oauth.access.callers import PartnerCaller

_WRITE = {"scope": "locations:write"}


@dataclass
class ImportOperation(Operation):
    """Describes the file in the raw body."""

    def __post_init__(self) -> None:
        text = Schema(type=OpenAPIType.STRING)
        binary = Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.BINARY)
        content = {kind: OpenAPIMediaType(schema=text if kind == CSV else binary) for kind in MEDIA_TYPES}
        self.request_body = RequestBody(content=content, required=True)


def _media_type_of(content_type: str) -> tuple[str, str]:
    """Return the media type and the charset (or an empty text) of a Content-Type (RFC 9110 §8.3.1)."""
    header = Message()
    header["Content-Type"] = content_type
    return header.get_content_type(), str(header.get_param("charset") or "")


class Locations(Controller):
    """The locations of the calling partner, where it takes vouchers."""

    path = "/v1/partner/locations"
    tags = ["partner"]

    @post(
        operation_id="create_location",
        summary="Create a location",
        opt=_WRITE | refusals(LocationExists),
        responses={201: ResponseSpec(LocationView, description="The location", generate_examples=False)},
    )
    async def add(
        self,
        data: JSONBody[LocationInput],
        request: HttpRequest,
        partner: NamedDependency[PartnerCaller],
        key: IdempotencyKey,
        clock: NamedDependency[Clock],
    ) -> Response[bytes]:
        """A location where vouchers are taken, under the partner's own id."""
        now = clock.now()

        async def add(work: UnitOfWork) -> LocationView:
            return await add_location(work, partner.partner_id, data, now)

        whole = request_key(request, partner.actor, key, data)
        return (await once(whole, language_of(request), add, status=201, now=now)).response()

    @get(operation_id="list_locations", summary="List the partner's locations")
    async def list_all(
        self,
        partner: NamedDependency[PartnerCaller],
        cursors: NamedDependency[Cursors],
        cursor: FromQuery[CursorText] = None,
        limit: FromQuery[Limit] = DEFAULT_LIMIT,
    ) -> Page[LocationView]:
        """The calling partner's locations, by id."""
        return await list_locations(partner.partner_id, cursors, cursor, limit)

    @patch(
        "/{location_id:str}",
        operation_id="update_location",
        summary="Update a location",
        opt=_WRITE | {"patch": LocationContent},
    )
    async def change(
        self,
        location_id: FromPath[str],
        data: JSONBody[Patch],
        partner: NamedDependency[PartnerCaller],
        clock: NamedDependency[Clock],
    ) -> LocationView:
        """A JSON Merge Patch: omitted members stay unchanged, null clears region or coordinates."""
        async with unit_of_work() as work:
            return await change_location(work, partner.partner_id, location_id, data, clock.now())

    @post(
        "/import",
        operation_id="import_locations",
        summary="Import locations from a file",
        opt=_WRITE | {RAW_BODY: True} | refusals(EncodingUnclear, FileUnreadable, ReaderBusy, RowsRefused),
        status_code=200,
        operation_class=ImportOperation,
        responses={200: ResponseSpec(ImportReport, description="What was done", generate_examples=False)},
    )
    async def by_file(
        self,
        request: HttpRequest,
        partner: NamedDependency[PartnerCaller],
        key: IdempotencyKey,
        clock: NamedDependency[Clock],
        dry_run: FromQuery[bool] = False,
        partial: FromQuery[bool] = False,
    ) -> Response[bytes]:
        """CSV, XLSX, XLS or ODS, up to 10,000 rows and 2 MiB. CSV is decoded by its BOM or declared `charset`, else as
        UTF-8 or GB18030; `encoding_unclear` asks for a charset. The first visible sheet of a workbook is read.
        The first row names the columns: `id`, `name_zh`, `name_en`, `region`, `city`, `address`, `latitude`, `longitude`,
        `state`, or the same in Chinese. Invalid rows are reported by number and field, and nothing is imported, unless
        `partial`. `dry_run` only reports what would be done. `warnings` name imported rows that may have lost data.
        """
        now, body, language = clock.now(), await request.body(), language_of(request)
        media_type, charset = _media_type_of(request.headers.get("content-type", ""))
        said = [media_type, charset, hashlib.sha256(body).hexdigest(), dry_run, partial]
        whole = request_key(request, partner.actor, key, said)
        table = await reader_of(request).read(media_type, body, charset)
        # In a thread: a full file would block the event loop too long.
        parsed = await asyncio.to_thread(parse, table, language)

        async def work(transaction: UnitOfWork) -> ImportReport:
            return await import_locations(
                transaction, partner.partner_id, parsed, now, dry_run=dry_run, partial=partial
            )

        return (await once(whole, language, work, now=now)).response()
