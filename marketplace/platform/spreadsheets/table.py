"""The content of a file: its rows, with the type of each cell, and how the file was read. Pure."""

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
"""Maximum number of rows in one file besides the first, blank ones included."""

MOST_COLUMNS = 64

CellKind = Literal["text", "number", "boolean", "date", "formula", "error"]


class Cell(msgspec.Struct, frozen=True, array_like=True):
    """A cell: its displayed text, without spaces at either end, and its type in the office program.

    A number is written in plain decimal digits. The text of a formula or an error is empty: it is not read.
    """

    text: str
    kind: CellKind = "text"


class Row(msgspec.Struct, frozen=True, array_like=True):
    """A row with its number in the office program; the first is 1."""

    number: int
    cells: list[Cell]


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """The non-blank rows of a file, and how it was read."""

    format: Format
    rows: list[Row]
    encoding: str | None = None
    """For CSV: the encoding in which the text was read."""

    sheet: str | None = None
    """For a workbook: the sheet that was read, the first one that is not hidden."""

    hidden_sheets: list[str] = []
    """Hidden sheets, which were skipped."""

    other_sheets: list[str] = []
    """Visible sheets after the one that was read."""

    @property
    def errors_read_as_empty(self) -> bool:
        """Whether cells with errors, and formulas with texts, cannot be recognized: so it is with XLS and ODS."""
        return self.format in {"xls", "ods"}


class FileUnreadable(Refusal):
    """The file is not of its declared type, or too large."""

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


TOO_MANY_ROWS = (f"最多 {MOST_ROWS} 行。", f"{MOST_ROWS} rows are allowed at most.")
TOO_MANY_COLUMNS = (f"最多 {MOST_COLUMNS} 列。", f"{MOST_COLUMNS} columns are allowed at most.")


def kept(rows: list[Row]) -> list[Row]:
    """Return the non-blank rows. Raises FileUnreadable for more than the maximum."""
    found = []
    for row in rows:
        if row.number > MOST_ROWS + 1:
            raise FileUnreadable(*TOO_MANY_ROWS)
        if len(row.cells) > MOST_COLUMNS:
            raise FileUnreadable(*TOO_MANY_COLUMNS)
        if any(cell.text or cell.kind in {"formula", "error"} for cell in row.cells):
            found.append(row)
    return found
