"""Import of locations from a file: first a preview, then the import of the previewed file.

Between the two steps the page itself contains the file: nothing is stored before the confirmation, and the imported file is the
previewed one.
"""

import asyncio
import base64
import binascii
import zlib
from typing import Any

import msgspec
from litestar import Response, get, post
from litestar.datastructures import UploadFile
from litestar.di import NamedDependency

from marketplace.kernel.clock import Clock
from marketplace.kernel.refusals import Refusal
from marketplace.kernel.states import TransitionRefusedError
from marketplace.platform.postgres.database import unit_of_work
from marketplace.platform.spreadsheets.csv_text import EncodingUnclear, samples
from marketplace.platform.spreadsheets.reader import reader_of
from marketplace.platform.spreadsheets.table import CSV, MOST_ROWS, FileUnreadable
from marketplace.web.forms import PageRequest, error_message, field, redirect_to
from marketplace.web.language import page_language
from marketplace.web.pages import PageTemplate
from partners.locations.file_rows import COLUMNS, parse
from partners.locations.import_file import import_locations
from partners.locations.schemas import ImportReport
from partners.oauth.access.callers import PartnerCaller
from partners.roles import SignedIn
from partners.web.authorize import acting
from partners.web.frame import portal_page

_SCOPE = "locations:write"

MOST_FILE = 2 * 2**20
"""The maximum size of a file in bytes, as in the API."""

_MOST_BODY = 4 * 2**20
"""The maximum size of a form with such a file in Base64."""

SHOWN_ERRORS = 200
"""The maximum number of problems on a page."""

ENCODING_NAMES: dict[str, tuple[str, str]] = {
    "utf-8": ("UTF-8", "UTF-8"),
    "utf-16": ("UTF-16", "UTF-16"),
    "gb18030": ("简体中文（GB18030/GBK）", "Simplified Chinese (GB18030/GBK)"),
    "big5": ("繁体中文（Big5）", "Traditional Chinese (Big5)"),
    "shift_jis": ("日文（Shift_JIS）", "Japanese (Shift_JIS)"),
    "euc-kr": ("韩文（EUC-KR）", "Korean (EUC-KR)"),
    "windows-1252": ("西欧（Windows-1252）", "Western European (Windows-1252)"),
}

TEMPLATE = "id,name_zh,name_en,region,city,address,latitude,longitude,state"


@get("/partner/locations/import")
async def import_form(request: PageRequest, me: NamedDependency[SignedIn]) -> PageTemplate:
    """Ask for the file and describe its format."""
    await acting(me, _SCOPE)
    return await _page(request)


@post("/partner/locations/import", status_code=200, request_max_body_size=_MOST_BODY)
async def preview(request: PageRequest, me: NamedDependency[SignedIn], clock: NamedDependency[Clock]) -> PageTemplate:
    """Show what an import would do, with problems by row; nothing is changed.

    The file is uploaded, or the page's own with a chosen encoding.
    """
    partner, form = await acting(me, _SCOPE), await request.form()
    sent, file = form.get("file"), UploadedFile()
    try:
        file = await _sent(form)
        report = await _import(request, partner, file, clock, dry_run=True, partial=True)
    except EncodingUnclear:
        choices = await asyncio.to_thread(samples, file.body)
        return await _page(request, file=file, choices=choices)
    except (Refusal, TransitionRefusedError) as refused:
        return await _page(request, error=error_message(request, refused))
    finally:
        if isinstance(sent, UploadFile):
            await sent.close()
    return await _page(request, report=report, file=file)


@post("/partner/locations/import/confirm", status_code=200, request_max_body_size=_MOST_BODY)
async def carry_out(
    request: PageRequest, me: NamedDependency[SignedIn], clock: NamedDependency[Clock]
) -> PageTemplate | Response[Any]:
    """Import the previewed file. A file with invalid rows is only imported if the person chose to skip them."""
    partner, form = await acting(me, _SCOPE), await request.form()
    try:
        file, partial = await _sent(form), form.get("partial") == "yes"
        report = await _import(request, partner, file, clock, dry_run=False, partial=partial)
    except (Refusal, TransitionRefusedError) as refused:
        return await _page(request, error=error_message(request, refused))
    return redirect_to(f"/partner/locations?done=imported-{report.created}-{report.changed}")


class UploadedFile(msgspec.Struct, frozen=True):
    """A file, its name, and the chosen encoding, if any."""

    body: bytes = b""
    name: str = ""
    encoding: str = ""

    @property
    def packed(self) -> str:
        """The file in the form of the page."""
        return _pack(self.body)


async def _sent(form: Any) -> UploadedFile:
    """Return the file of a form. Raises FileUnreadable."""
    sent, encoding = form.get("file"), field(form, "encoding", 40)
    if "packed" in form:
        return UploadedFile(_unpack(str(form["packed"])), field(form, "name", 200), encoding)
    body = await sent.read() if isinstance(sent, UploadFile) else b""
    return UploadedFile(body, sent.filename[:200] if isinstance(sent, UploadFile) else "", encoding)


async def _import(
    request: PageRequest, partner: PartnerCaller, file: UploadedFile, clock: Clock, *, dry_run: bool, partial: bool
) -> ImportReport:
    if not file.body:
        raise FileUnreadable("请选择文件。", "please choose one.")
    if len(file.body) > MOST_FILE:
        raise FileUnreadable("文件不能超过 2 MiB，请分成几个文件。", "the file is larger than 2 MiB. Split it.")
    # The first bytes decide the format: browsers use their system's media type, or none.
    table = await reader_of(request).read(CSV, file.body, file.encoding)
    # In a thread: a full file would block the event loop too long.
    parsed = await asyncio.to_thread(parse, table, page_language(request))
    async with unit_of_work() as work:
        return await import_locations(work, partner.partner_id, parsed, clock.now(), dry_run=dry_run, partial=partial)


def _pack(body: bytes) -> str:
    return base64.b64encode(zlib.compress(body)).decode()


def _unpack(packed: str) -> bytes:
    """Return the page's file. Raises FileUnreadable if the page is not ours."""
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
    request: PageRequest,
    *,
    error: str = "",
    report: ImportReport | None = None,
    file: UploadedFile | None = None,
    choices: dict[str, list[list[str]]] | None = None,
) -> PageTemplate:
    return await portal_page(
        request,
        "partner/location_import.html",
        status=400 if error else 200,
        report=report,
        file=file,
        choices=choices,
        encoding_names=ENCODING_NAMES,
        shown_errors=SHOWN_ERRORS,
        most_rows=MOST_ROWS,
        header=TEMPLATE,
        columns={name: words[0] for name, words in COLUMNS.items()},
        error=error,
    )
