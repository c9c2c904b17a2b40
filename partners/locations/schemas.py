"""The wire format of locations."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from marketplace.kernel.text import Text
from partners.fields import Name, OneLine, Reference, ShortLine

LocationState = Literal["open", "temporarily_closed", "closed"]


class Coordinates(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A point in decimal degrees, WGS-84 (GCJ-02 and BD-09, which maps in China use, differ by hundreds of metres)."""

    lat: Annotated[float, msgspec.Meta(ge=-90, le=90, examples=[31.2304])]
    lng: Annotated[float, msgspec.Meta(ge=-180, le=180, examples=[121.4737])]


class LocationContent(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The members of a location that can be changed."""

    name: Name
    region: ShortLine | None = None
    city: ShortLine
    address: OneLine
    coordinates: Coordinates | None = None
    state: LocationState = "open"


class LocationInput(LocationContent, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A location where vouchers are taken. The partner chooses the id, unique among its locations."""

    id: Reference


class LocationView(msgspec.Struct, frozen=True, kw_only=True):
    """A location. Members see its `state`: open, temporarily closed, or closed."""

    id: str
    name: Text
    region: str | None
    city: str
    address: str
    coordinates: Coordinates | None
    state: LocationState
    created_at: datetime
    changed_at: datetime


class RowProblem(msgspec.Struct, frozen=True):
    """A problem with a field of a row; `row` is the row number that a spreadsheet program shows."""

    row: int
    field: str
    message: str


class FileRead(msgspec.Struct, frozen=True, kw_only=True):
    """How a file was read: the encoding of CSV, or the sheet of a workbook, which is the first visible one.

    `errors_read_as_empty`: in this format a cell with an error looks like an empty one.
    """

    format: Literal["csv", "xlsx", "xls", "ods"]
    encoding: str | None = None
    sheet: str | None = None
    hidden_sheets: list[str] = []
    other_sheets: list[str] = []
    errors_read_as_empty: bool = False


class ImportReport(msgspec.Struct, frozen=True, kw_only=True):
    """What an import did, or with `dry_run` would do: the number of rows, and of new, changed and unchanged locations.

    `errors` are the first thousand of `errors_total`, `warnings` those of `warnings_total`: rows that are imported
    but should be checked. `sample` are the file's first rows as they were read.
    """

    file: FileRead
    sample: list[list[str]]

    applied: bool
    rows: int
    created: int
    changed: int
    unchanged: int
    errors_total: int
    errors: list[RowProblem]
    warnings_total: int
    warnings: list[RowProblem]
