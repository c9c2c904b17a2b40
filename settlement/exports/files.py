"""A statement's lines as a file: streamed to a caller over HTTP, or written to disk."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import IO, Literal
from zoneinfo import ZoneInfo

from litestar.response import Stream

from settlement.exports.columns import CellValue, cells, headers
from settlement.exports.csv_file import csv_chunks
from settlement.exports.xlsx_file import write_xlsx
from settlement.statements.lines import all_lines
from settlement.statements.statements import Statement

FileFormat = Literal["csv", "xlsx"]

CSV_TYPE = "text/csv"
XLSX_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

_PIECE = 256 * 1024

ExportProgress = Callable[[int], None]
"""Told how many more lines are written."""


def csv_answer(statement: Statement, language: str, zone: ZoneInfo) -> Stream:
    """Return the CSV as an answer that is made while it is sent; a slow caller holds no database connection."""
    pieces = csv_chunks(headers(language, zone), _rows(statement, language, zone))
    return Stream(pieces, media_type=CSV_TYPE, headers=_attachment(statement, "csv"))


async def xlsx_answer(statement: Statement, language: str, zone: ZoneInfo) -> Stream:
    """Return the XLSX as an answer. It is made whole before the first byte, in an unnamed file on disk."""
    file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - the stream closes it
    try:
        await write_xlsx(file, statement, _rows(statement, language, zone), language, zone)
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return Stream(_pieces(file), media_type=XLSX_TYPE, headers=_attachment(statement, "xlsx"))


async def write_file(
    path: Path, statement: Statement, file_format: FileFormat, language: str, zone: ZoneInfo, progress: ExportProgress
) -> None:
    """Write the statement's lines to the path, which appears only when it is whole. Raises OSError."""
    draft = path.with_name(f".{path.name}.part")
    rows = _rows(statement, language, zone, progress)
    try:
        with draft.open("wb") as file:
            if file_format == "xlsx":
                await write_xlsx(file, statement, rows, language, zone)
            else:
                async for piece in csv_chunks(headers(language, zone), rows):
                    file.write(piece)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


async def _rows(
    statement: Statement, language: str, zone: ZoneInfo, progress: ExportProgress | None = None
) -> AsyncIterator[list[Sequence[CellValue]]]:
    async for chunk in all_lines(statement):
        yield [cells(posting, title, language, zone) for posting, title in chunk]
        if progress is not None:
            progress(len(chunk))


async def _pieces(file: IO[bytes]) -> AsyncIterator[bytes]:
    try:
        while piece := await asyncio.to_thread(file.read, _PIECE):
            yield piece
    finally:
        file.close()


def _attachment(statement: Statement, ending: FileFormat) -> dict[str, str]:
    name = f"statement-{statement.month}-{statement.currency}-{statement.id}.{ending}"
    return {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
