"""What goes over the wire about locations."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from marketplace.kernel.text import Text
from partners.fields import Name, OneLine, Reference, ShortLine

LocationState = Literal["open", "temporarily_closed", "closed"]


class Coordinates(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A point in decimal degrees, WGS-84 (GCJ-02 and BD-09, which maps in China draw by, lie hundreds of metres off)."""

    lat: Annotated[float, msgspec.Meta(ge=-90, le=90, examples=[31.2304])]
    lng: Annotated[float, msgspec.Meta(ge=-180, le=180, examples=[121.4737])]


class LocationContent(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What can be changed of a location."""

    name: Name
    region: ShortLine | None = None
    city: ShortLine
    address: OneLine
    coordinates: Coordinates | None = None
    state: LocationState = "open"


class LocationInput(LocationContent, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A place where vouchers are taken. The id is the partner's own, unique among its locations."""

    id: Reference


class LocationView(msgspec.Struct, frozen=True, kw_only=True):
    """A location. `state` is for members to see: whether it is open, closed for a while, or closed for good."""

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
    """What is wrong with a field of a row; the number is the one that the office sees beside the row."""

    row: int
    field: str
    message: str


class FileRead(msgspec.Struct, frozen=True, kw_only=True):
    """How a file was read: of CSV the encoding, of a workbook the sheet, the first that is not hidden.

    `errors_read_as_empty`: in this format a cell with an error cannot be told from an empty one.
    """

    format: Literal["csv", "xlsx", "xls", "ods"]
    encoding: str | None = None
    sheet: str | None = None
    hidden_sheets: list[str] = []
    other_sheets: list[str] = []
    errors_read_as_empty: bool = False


class ImportReport(msgspec.Struct, frozen=True, kw_only=True):
    """What an import did, or with `dry_run` would do: of so many rows, so many locations new, changed, as they were.

    `errors` are the first thousand of `errors_total`, `warnings` those of `warnings_total`: rows that are taken, but look at
    them. `sample` are the file's first rows as they were read.
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
