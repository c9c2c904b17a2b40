"""Tables out of CSV and XLSX files as partners' offices make them: rows of plain texts, with the numbers that they see.

XLSX is read with the standard library: the parts that matter are bounded before they are unpacked, and a document type, with
which a small file can grow to gigabytes, is refused. (ECMA-376 part 1, 18.3 and 18.4.)
"""

import csv
import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from typing import NamedTuple
from xml.etree import ElementTree as ET

from marketplace.kernel.facts import Fact, Kind

CSV = "text/csv"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

MOST_ROWS = 10_000
"""Rows in one file, blank ones too."""

_MOST_COLUMNS = 64
_MOST_UNPACKED = 24 * 2**20
"""Bytes of one part of an XLSX file: ten thousand rows of locations take about ten million."""

_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_REL = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
_CELL = re.compile(r"([A-Z]{1,3})([1-9][0-9]{0,6})", re.ASCII)


class Formula(str):
    """A cell that is computed: what it says depends on who looks, so nobody reads it."""

    __slots__ = ()


class Row(NamedTuple):
    """A row with the number that the office sees beside it; the first is 1."""

    number: int
    cells: list[str]


class FileUnreadable(Fact):
    """The file is not what it says that it is, or too much."""

    kind = Kind.INVALID
    code = "file_unreadable"
    zh = "文件无法读取：{zh_reason}"
    en = "The file cannot be read: {en_reason}"

    def __init__(self, zh_reason: str, en_reason: str) -> None:
        """Say why in both languages."""
        super().__init__(field="body", zh_reason=zh_reason, en_reason=en_reason)


def read_rows(media_type: str, body: bytes) -> list[Row]:
    """Return the rows of a file that have something in them; cells without blanks at either end. Raises FileUnreadable."""
    if media_type == XLSX or (media_type == CSV and body.startswith(b"PK\x03\x04")):
        rows = _xlsx(body)
    elif media_type == CSV:
        rows = _csv(body)
    else:
        raise FileUnreadable(f"请以 {CSV} 或 {XLSX} 发送。", f"send it as {CSV} or {XLSX}.")
    found = []
    for row in rows:
        if row.number > MOST_ROWS + 1:
            raise FileUnreadable(f"最多 {MOST_ROWS} 行。", f"{MOST_ROWS} rows are the most.")
        if len(row.cells) > _MOST_COLUMNS:
            raise FileUnreadable(f"最多 {_MOST_COLUMNS} 列。", f"{_MOST_COLUMNS} columns are the most.")
        if any(row.cells):
            found.append(row)
    return found


def _csv(body: bytes) -> Iterator[Row]:
    text = _decoded(body)
    if "\0" in text:
        raise FileUnreadable("含有 NUL 字符。", "it has NUL characters.")
    first = text.partition("\n")[0]
    # Excel writes what the machine's region has: commas, semicolons, or tabs in "Unicode text".
    delimiter = max(",;\t", key=first.count)
    try:
        for number, cells in enumerate(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True), 1):
            yield Row(number, [cell.strip() for cell in cells])
    except csv.Error as error:
        raise FileUnreadable("不是有效的 CSV（引号未闭合？）。", "it is no CSV: a quote that does not end?") from error


def _decoded(body: bytes) -> str:
    # Chinese in UTF-8 decodes as GB18030 without an error, into other Chinese: the order matters.
    encodings = ["utf-16"] if body.startswith((b"\xff\xfe", b"\xfe\xff")) else ["utf-8-sig", "gb18030"]
    for encoding in encodings:
        try:
            return body.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise FileUnreadable("编码应为 UTF-8 或 GBK。", "it is neither UTF-8 nor GBK.")


def _xlsx(body: bytes) -> Iterator[Row]:
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            strings = _strings(archive)
            sheet = _part(archive, _first_sheet(archive))
        yield from _sheet_rows(sheet, strings)
    except (zipfile.BadZipFile, zlib.error, KeyError, IndexError, ValueError, NotImplementedError, EOFError, ET.ParseError,
            RuntimeError) as error:  # fmt: skip
        raise FileUnreadable("不是有效的 XLSX。", "it is no XLSX.") from error


def _part(archive: zipfile.ZipFile, name: str) -> bytes:
    # The size that the archive tells may be a lie: what comes out is counted.
    with archive.open(name) as stream:
        found = stream.read(_MOST_UNPACKED + 1)
    if len(found) > _MOST_UNPACKED:
        raise FileUnreadable("解压后过大。", "it is too large when unpacked.")
    if b"<!DOCTYPE" in found or b"\0" in found:
        raise FileUnreadable("含有不允许的 XML。", "it has XML that is not taken.")
    return found


def _first_sheet(archive: zipfile.ZipFile) -> str:
    book = ET.fromstring(_part(archive, "xl/workbook.xml"))  # noqa: S314 - bounded, without document types
    first = book.find(f"{_MAIN}sheets/{_MAIN}sheet")
    if first is None:
        raise KeyError("sheet")
    links = ET.fromstring(_part(archive, "xl/_rels/workbook.xml.rels"))  # noqa: S314 - likewise
    target = next(link.attrib["Target"] for link in links if link.attrib.get("Id") == first.attrib[f"{_REL}id"])
    return target.lstrip("/") if target.startswith("/") else f"xl/{target}"


def _strings(archive: zipfile.ZipFile) -> list[str]:
    if "xl/sharedStrings.xml" not in archive.namelist():
        return []
    root = ET.fromstring(_part(archive, "xl/sharedStrings.xml"))  # noqa: S314 - bounded, without document types
    return [_text(item) for item in root.iterfind(f"{_MAIN}si")]


def _text(item: ET.Element) -> str:
    """Return a text with its runs put together, without the readings that East Asian Excel keeps beside it."""
    runs = [*item.iterfind(f"{_MAIN}t"), *item.iterfind(f"{_MAIN}r/{_MAIN}t")]
    return "".join(run.text or "" for run in runs)


def _sheet_rows(sheet: bytes, strings: list[str]) -> Iterator[Row]:
    number = 0
    for _, row in ET.iterparse(io.BytesIO(sheet)):  # noqa: S314 - bounded, without document types
        if row.tag != f"{_MAIN}row":
            continue
        number = int(row.attrib.get("r", number + 1))
        cells: list[str] = []
        for cell in row.iterfind(f"{_MAIN}c"):
            column = _column(cell.attrib.get("r"), len(cells))
            cells += [""] * (column + 1 - len(cells))
            cells[column] = _value(cell, strings)
        row.clear()
        yield Row(number, cells)


def _column(reference: str | None, following: int) -> int:
    """Return the column of a cell such as `C7`, from 0; without a reference it is the following one."""
    if reference is None:
        return following
    match = _CELL.fullmatch(reference)
    if match is None:
        raise ValueError(reference)
    column = 0
    for letter in match[1]:
        column = column * 26 + ord(letter) - ord("A") + 1
    if column > _MOST_COLUMNS:
        raise FileUnreadable(f"最多 {_MOST_COLUMNS} 列。", f"{_MOST_COLUMNS} columns are the most.")
    return column - 1


def _value(cell: ET.Element, strings: list[str]) -> str:
    if cell.find(f"{_MAIN}f") is not None:
        return Formula("=")
    kind, value = cell.attrib.get("t", "n"), cell.findtext(f"{_MAIN}v") or ""
    if kind == "inlineStr":
        inline = cell.find(f"{_MAIN}is")
        return "" if inline is None else _text(inline).strip()
    return (strings[int(value)] if kind == "s" and value else value).strip()
