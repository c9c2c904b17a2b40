"""Locations by file: first looked at without a trace, row by row, then imported as it was looked at.

Between the two steps the file travels in the page itself: nothing of it lies with us before somebody says yes, and what is
imported is what was looked at.
"""

import asyncio
import base64
import binascii
import zlib
from typing import Any

from litestar import Response, get, post
from litestar.datastructures import UploadFile
from litestar.di import NamedDependency

from marketplace.kernel.clock import Clock
from marketplace.kernel.facts import Fact
from marketplace.kernel.states import TransitionRefusedError
from marketplace.platform.database import unit_of_work
from marketplace.web.language import page_language
from marketplace.web.pages import Page
from partners.oauth.callers import PartnerCaller
from partners.onboarding.import_locations import import_locations
from partners.onboarding.location_rows import COLUMNS, Parsed, parse
from partners.onboarding.schemas import ImportReport
from partners.onboarding.spreadsheet import CSV, MOST_ROWS, FileUnreadable, read_rows
from partners.staff.domain import SignedIn
from partners.web.acting import acting
from partners.web.frame import HttpRequest, go, portal_page, why

_SCOPE = "locations:write"

MOST_FILE = 2 * 2**20
"""Bytes of a file: as much as the API takes."""

_MOST_BODY = 4 * 2**20
"""Of a form with such a file in it, which takes four letters for three bytes."""

SHOWN_ERRORS = 200
"""Problems on one page; somebody who has more begins with these."""

TEMPLATE = "id,name_zh,name_en,region,city,address,latitude,longitude,state"


@get("/partner/locations/import")
async def import_form(request: HttpRequest, me: NamedDependency[SignedIn]) -> Page:
    """Ask for the file, and say what it should look like."""
    await acting(me, _SCOPE)
    return await _page(request)


@post("/partner/locations/import", status_code=200, request_max_body_size=_MOST_BODY)
async def look(request: HttpRequest, me: NamedDependency[SignedIn], clock: NamedDependency[Clock]) -> Page:
    """Say what importing the file would do, and what is wrong in which row; nothing is changed."""
    partner = await acting(me, _SCOPE)
    sent = (await request.form()).get("file")
    body = await sent.read() if isinstance(sent, UploadFile) else b""
    try:
        report = await _import(request, partner, body, clock, dry_run=True, partial=True)
    except (Fact, TransitionRefusedError) as refused:
        return await _page(request, error=why(request, refused))
    assert isinstance(sent, UploadFile)  # noqa: S101 - without one, the file was empty
    return await _page(request, report=report, packed=_pack(body), name=sent.filename[:200])


@post("/partner/locations/import/confirm", status_code=200, request_max_body_size=_MOST_BODY)
async def carry_out(
    request: HttpRequest, me: NamedDependency[SignedIn], clock: NamedDependency[Clock]
) -> Page | Response[Any]:
    """Import the file that was looked at; rows that are wrong only where it was said that they stay out."""
    partner, form = await acting(me, _SCOPE), await request.form()
    try:
        body = _unpack(str(form.get("packed", "")))
        partial = form.get("partial") == "yes"
        report = await _import(request, partner, body, clock, dry_run=False, partial=partial)
    except (Fact, TransitionRefusedError) as refused:
        return await _page(request, error=why(request, refused))
    return go(f"/partner/locations?done=imported-{report.created}-{report.changed}")


async def _import(
    request: HttpRequest, partner: PartnerCaller, body: bytes, clock: Clock, *, dry_run: bool, partial: bool
) -> ImportReport:
    if not body:
        raise FileUnreadable("请选择文件。", "please choose one.")
    if len(body) > MOST_FILE:
        raise FileUnreadable("文件不能超过 2 MiB，请分成几个文件。", "it is over 2 MiB: split it.")
    # Beside the event loop: a full file takes longer than anybody else should wait.
    parsed = await asyncio.to_thread(_parsed, body, page_language(request))
    async with unit_of_work() as work:
        return await import_locations(work, partner.partner_id, parsed, clock.now(), dry_run=dry_run, partial=partial)


def _parsed(body: bytes, language: str) -> Parsed:
    # What it is, its first bytes say: browsers name the type of a file as their system does, or not at all.
    return parse(read_rows(CSV, body), language)


def _pack(body: bytes) -> str:
    return base64.b64encode(zlib.compress(body)).decode()


def _unpack(packed: str) -> bytes:
    """Return the file that the page carried. Raises FileUnreadable for what no page of ours did."""
    again = FileUnreadable("请重新选择文件。", "please choose it again.")
    try:
        unpacking = zlib.decompressobj()
        body = unpacking.decompress(base64.b64decode(packed, validate=True), MOST_FILE + 1)
    except (binascii.Error, zlib.error, ValueError) as error:
        raise again from error
    if not unpacking.eof:
        raise again
    return body


async def _page(
    request: HttpRequest, *, error: str = "", report: ImportReport | None = None, packed: str = "", name: str = ""
) -> Page:
    return await portal_page(
        request,
        "partner/location_import.html",
        status=400 if error else 200,
        report=report,
        packed=packed,
        file_name=name,
        shown_errors=SHOWN_ERRORS,
        most_rows=MOST_ROWS,
        header=TEMPLATE,
        columns={name: words[0] for name, words in COLUMNS.items()},
        error=error,
    )
