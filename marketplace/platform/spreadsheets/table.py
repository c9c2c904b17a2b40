"""What a file says: its rows, with what each cell is, and how the file was read. Pure."""

from typing import Literal

import msgspec

from marketplace.kernel.refusals import Explanation, Kind, Refusal
from marketplace.kernel.text import Text

CSV = "text/csv"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
XLS = "application/vnd.ms-excel"
ODS = "application/vnd.oasis.opendocument.spreadsheet"
MEDIA_TYPES = (CSV, XLSX, XLS, ODS)

Format = Literal["csv", "xlsx", "xls", "ods"]

MOST_ROWS = 10_000
"""Rows in one file beside the first, blank ones too."""

MOST_COLUMNS = 64

CellKind = Literal["text", "number", "boolean", "date", "formula", "error"]


class Cell(msgspec.Struct, frozen=True, array_like=True):
    """A cell: what a reader sees, without blanks at either end, and what the office's program keeps it as.

    A number is written in plain decimal digits. The text of a formula or an error is empty: it is not read.
    """

    text: str
    kind: CellKind = "text"


class Row(msgspec.Struct, frozen=True, array_like=True):
    """A row with the number that the office sees beside it; the first is 1."""

    number: int
    cells: list[Cell]


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """The rows of a file that have something in them, and how it was read."""

    format: Format
    rows: list[Row]
    encoding: str | None = None
    """Of CSV: the encoding in which the text was read."""

    sheet: str | None = None
    """Of a workbook: the sheet that was read, the first one that is not hidden."""

    hidden_sheets: list[str] = []
    """Sheets that were passed over because they are hidden."""

    other_sheets: list[str] = []
    """Visible sheets behind the one that was read."""

    @property
    def errors_read_as_empty(self) -> bool:
        """Whether a cell with an error, or the text of a formula, cannot be told from others: so it is with XLS and ODS."""
        return self.format in {"xls", "ods"}


class FileUnreadable(Refusal):
    """The file is not what it says that it is, or too much."""

    kind = Kind.INVALID
    code = "file_unreadable"
    zh = "文件无法读取：{zh_reason}"
    en = "The file cannot be read: {en_reason}"
    explanation = Explanation(
        Text("文件不是可读取的表格，或超出大小限制。", "The file is not a readable table, or exceeds a limit."),
        Text(
            "请按提示修正后重新上传，也可另存为 CSV。",
            "Correct what the message says and upload again, or save the table as CSV.",
        ),
    )

    def __init__(self, zh_reason: str, en_reason: str) -> None:
        """Say why in both languages."""
        super().__init__(field="body", zh_reason=zh_reason, en_reason=en_reason)


TOO_MANY_ROWS = (f"最多 {MOST_ROWS} 行。", f"{MOST_ROWS} rows are the most.")
TOO_MANY_COLUMNS = (f"最多 {MOST_COLUMNS} 列。", f"{MOST_COLUMNS} columns are the most.")


def kept(rows: list[Row]) -> list[Row]:
    """Return the rows that have something in them. Raises FileUnreadable for more than there may be."""
    found = []
    for row in rows:
        if row.number > MOST_ROWS + 1:
            raise FileUnreadable(*TOO_MANY_ROWS)
        if len(row.cells) > MOST_COLUMNS:
            raise FileUnreadable(*TOO_MANY_COLUMNS)
        if any(cell.text or cell.kind in {"formula", "error"} for cell in row.cells):
            found.append(row)
    return found
