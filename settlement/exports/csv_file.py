"""CSV as Excel opens it: UTF-8 with a byte order mark, and no text that it would run as a formula."""

import csv
import io
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import datetime

from settlement.exports.columns import CellValue

_BOM = "\ufeff"

# What a spreadsheet takes for the beginning of a formula (OWASP, "CSV Injection"), full-width forms included.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def safe_text(text: str) -> str:
    """Return a text that no spreadsheet runs: one that begins like a formula gets an apostrophe in front."""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


async def csv_chunks(
    header: Sequence[str], chunks: AsyncIterator[Iterable[Sequence[CellValue]]]
) -> AsyncIterator[bytes]:
    """Give the file piece by piece: the header, then each chunk of rows. Numbers stand bare, so that they add up."""
    yield (_BOM + _lines([header])).encode()
    async for rows in chunks:
        yield _lines(rows).encode()


def _lines(rows: Iterable[Sequence[CellValue]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows([_printed(cell) for cell in row] for row in rows)
    return text.getvalue()


def _printed(cell: CellValue) -> str | int:
    match cell:
        case None:
            return ""
        case str():
            return safe_text(cell)
        case datetime():
            return cell.isoformat(" ", "seconds")
        case int():
            return cell
        case _:
            return f"{cell:f}"
