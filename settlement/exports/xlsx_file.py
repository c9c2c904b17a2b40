"""XLSX: the lines with a header and a totals row, and a summary; amounts are numbers with all decimals of their currency."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import IO, Any
from zoneinfo import ZoneInfo

import xlsxwriter

from marketplace.kernel.calendar import Calendar
from marketplace.kernel.money import EXPONENTS, in_units
from marketplace.kernel.text import Text
from settlement.exports.columns import AMOUNT, AMOUNT_MINOR, COLUMNS, TAX, TAX_MINOR, CellValue, ColumnKind, headers
from settlement.statements.statements import Statement, zone_of_days

SHEET_ROWS = 1_000_000
"""Lines on one sheet; a sheet ends at 1,048,576 rows (the file format's limit), then the next one begins."""

_SHEET = Text("明细", "Lines")
_SUMMARY_SHEET = Text("汇总", "Summary")
_TOTAL = Text("合计", "Total")


def _looks(currency: str) -> dict[ColumnKind, dict[str, Any]]:
    digits = f"#,##0.{'0' * EXPONENTS[currency]}".rstrip(".")
    return {
        ColumnKind.TEXT: {},
        ColumnKind.INSTANT: {"num_format": "yyyy-mm-dd hh:mm:ss"},
        ColumnKind.AMOUNT: {"num_format": f"{digits};[Red]-{digits}"},
        ColumnKind.WHOLE: {"num_format": "0"},
    }


async def write_xlsx(
    target: IO[bytes],
    statement: Statement,
    chunks: AsyncIterator[Iterable[Sequence[CellValue]]],
    language: str,
    zone: ZoneInfo,
) -> None:
    """Write the statement into the file. Rows go to disk as they come, so a long statement needs little memory."""
    with tempfile.TemporaryDirectory(prefix="marketplace-xlsx-") as folder:
        book = _Book(target, folder, statement, language, zone, await zone_of_days(statement, zone))
        try:
            async for rows in chunks:
                # Formatting a thousand rows takes some hundredths of a second: not on the event loop.
                await asyncio.to_thread(book.add, list(rows))
            await asyncio.to_thread(book.finish)
        except BaseException:
            book.abandon()
            raise


class _Book:
    def __init__(
        self, target: IO[bytes], folder: str, statement: Statement, language: str, zone: ZoneInfo, of_days: ZoneInfo
    ) -> None:
        # Texts are written as texts; the options keep xlsxwriter from guessing all the same.
        options = dict.fromkeys(("strings_to_formulas", "strings_to_urls", "strings_to_numbers"), False)
        self._book = xlsxwriter.Workbook(target, {"constant_memory": True, "tmpdir": folder} | options)
        self._book.set_properties({"title": f"{statement.days} {statement.id}", "created": statement.closed_at})
        styles = _looks(statement.currency)
        self._formats = {kind: self._book.add_format(style) for kind, style in styles.items()}
        self._bold = {kind: self._book.add_format(style | {"bold": True, "top": 1}) for kind, style in styles.items()}
        self._header = self._book.add_format({"bold": True, "bg_color": "#E8EDF3", "text_wrap": True, "valign": "top"})
        self._statement, self._language, self._zone, self._of_days = statement, language, zone, of_days
        self._sheets = 0
        self._begin_sheet()

    def _begin_sheet(self) -> None:
        self._sheets += 1
        name = _SHEET.in_language(self._language)
        self._sheet = self._book.add_worksheet(name if self._sheets == 1 else f"{name} {self._sheets}")
        for place, (column, text) in enumerate(zip(COLUMNS, headers(self._language, self._zone), strict=True)):
            self._sheet.set_column(place, place, column.width)
            self._sheet.write_string(0, place, text, self._header)
        self._sheet.freeze_panes(1, 0)
        self._row = 1

    def add(self, rows: list[Sequence[CellValue]]) -> None:
        for row in rows:
            if self._row > SHEET_ROWS:
                self._begin_sheet()
            for place, (column, cell) in enumerate(zip(COLUMNS, row, strict=True)):
                _write(self._sheet, self._row, place, column.kind, cell, self._formats)
            self._row += 1

    def finish(self) -> None:
        statement = self._statement
        # The statement's own totals, not a formula: a spreadsheet would add the amounts as floating point.
        totals: dict[int, CellValue] = {
            COLUMNS.index(AMOUNT): in_units(statement.total_minor, statement.currency),
            COLUMNS.index(TAX): in_units(statement.tax_minor, statement.currency),
            COLUMNS.index(AMOUNT_MINOR): statement.total_minor,
            COLUMNS.index(TAX_MINOR): statement.tax_minor,
        }
        self._sheet.write_string(self._row, 0, _TOTAL.in_language(self._language), self._bold[ColumnKind.TEXT])
        for place in range(1, len(COLUMNS)):
            _write(self._sheet, self._row, place, COLUMNS[place].kind, totals.get(place), self._bold)
        self._summary()
        self._book.close()

    def abandon(self) -> None:
        """Close the sheets' unfinished files; the folder that they lie in is removed with them."""
        for sheet in self._book.worksheets():
            sheet.row_data_fh.close()

    def _summary(self) -> None:
        sheet = self._book.add_worksheet(_SUMMARY_SHEET.in_language(self._language))
        sheet.set_column(0, 0, 28)
        sheet.set_column(1, 1, 68)
        rows = _summary_rows(self._statement, self._language, self._zone, self._of_days)
        for row, (label, kind, cell) in enumerate(rows):
            sheet.write_string(row, 0, label.in_language(self._language), self._header)
            _write(sheet, row, 1, kind, cell, self._formats)


def _summary_rows(
    statement: Statement, language: str, zone: ZoneInfo, of_days: ZoneInfo
) -> list[tuple[Text, ColumnKind, CellValue]]:
    def money(minor: int) -> Decimal:
        return in_units(minor, statement.currency)

    closed_at = Calendar(zone).local(statement.closed_at).replace(tzinfo=None)
    return [
        (Text("账单编号", "Statement id"), ColumnKind.TEXT, str(statement.id)),
        (Text("伙伴编号", "Partner id"), ColumnKind.TEXT, str(statement.partner_id)),
        (Text("账期", "Period"), ColumnKind.TEXT, statement.days.said(language)),
        (Text("账期时区", "Time zone of the period's days"), ColumnKind.TEXT, of_days.key),
        (Text("币种", "Currency"), ColumnKind.TEXT, statement.currency),
        (Text("行数", "Lines"), ColumnKind.WHOLE, statement.lines),
        (Text("应付", "Owed"), ColumnKind.AMOUNT, money(statement.gross_minor)),
        (Text("冲销", "Reversed"), ColumnKind.AMOUNT, money(-statement.reversed_minor)),
        (
            Text("合作方承担", "Borne by the partner"),
            ColumnKind.AMOUNT,
            money(-statement.partner_share_minor),
        ),
        (Text("佣金", "Commission"), ColumnKind.AMOUNT, money(-statement.commission_minor)),
        (
            Text("发放积分应收", "Points granted"),
            ColumnKind.AMOUNT,
            money(-statement.granted_minor),
        ),
        (
            Text("其中经销商承担", "Of it borne by dealers"),
            ColumnKind.AMOUNT,
            money(statement.dealer_share_minor),
        ),
        (
            Text("合计（含税）", "Total (tax included)"),
            ColumnKind.AMOUNT,
            money(statement.total_minor),
        ),
        (Text("其中税额", "Tax included"), ColumnKind.AMOUNT, money(statement.tax_minor)),
        (Text("合计（最小单位）", "Total (minor units)"), ColumnKind.WHOLE, statement.total_minor),
        (Text("状态", "Status"), ColumnKind.TEXT, statement.status.value),
        (Text(f"关账时间（{zone.key}）", f"Closed at ({zone.key})"), ColumnKind.INSTANT, closed_at),
        (Text("内容哈希（SHA-256）", "Content hash (SHA-256)"), ColumnKind.TEXT, statement.content_hash),
    ]


def _write(sheet: Any, row: int, place: int, kind: ColumnKind, cell: CellValue, formats: dict[ColumnKind, Any]) -> None:
    if cell is None or cell == "":
        sheet.write_blank(row, place, None, formats[kind])
    elif isinstance(cell, str):
        sheet.write_string(row, place, cell, formats[kind])
    elif isinstance(cell, datetime):
        sheet.write_datetime(row, place, cell, formats[kind])
    else:
        sheet.write_number(row, place, cell, formats[kind])
