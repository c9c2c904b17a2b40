"""Reads one workbook in a child process: the file on standard input, the reply on standard output, as JSON.

The limits are set before a byte is read. The kernel enforces memory and processor time; unpacked bytes, cells, rows, columns and
characters are counted, the archive's directory first. The parent is `reader.py`.

XLSX is also scanned as XML, because calamine gives an error as an empty cell and a formula as its last value
(ECMA-376 part 1, 18.3.1.4: `t="e"`, `<f>`). A document type is refused: with it a small file can expand without limit.
"""

import datetime as dt
import io
import resource
import sys
import zipfile
import zlib
from collections.abc import Iterator
from decimal import Decimal
from typing import IO, Any, Literal
from xml.parsers import expat

import msgspec
from python_calamine import CalamineError, CalamineWorkbook, PasswordError, SheetTypeEnum, SheetVisibleEnum, ZipError

from marketplace.platform.spreadsheets.table import MOST_COLUMNS, MOST_ROWS, Cell, Format, Row, Table

MOST_MEMORY = 512 * 2**20
MOST_CPU_S = 10
MOST_PARTS = 1000
MOST_UNPACKED = 48 * 2**20
"""Bytes of all parts of an archive together: ten thousand rows of locations take about ten million."""

MOST_CELLS = (MOST_ROWS + 1) * MOST_COLUMNS
MOST_LETTERS = 8 * 2**20
_PIECE = 64 * 1024

FileFault = Literal["invalid", "password", "large", "rows", "columns", "xml", "no_sheet"]
"""Why a workbook cannot be read; `reader.py` has the messages."""


class ChildReply(msgspec.Struct, frozen=True):
    """The table, or the fault."""

    table: Table | None = None
    refusal: FileFault | None = None


class RefusedError(Exception):
    """The file is refused for a reason with a message."""

    def __init__(self, fault: FileFault) -> None:
        """Store the fault."""
        super().__init__(fault)
        self.fault = fault


def limit() -> None:
    """Set the limits of this process."""
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (MOST_CPU_S, MOST_CPU_S))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def read(body: bytes) -> Table:
    """Return the first visible sheet. Raises RefusedError."""
    if body.startswith(b"\xd0\xcf\x11\xe0"):
        return _read(body, "xls", None)
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        _check_archive(archive)
        # Some programs on Windows use backslashes in part names; calamine reads those, too.
        parts = {name.replace("\\", "/").lstrip("/").lower(): name for name in archive.namelist()}
        if "xl/workbook.xml" in parts:
            return _read(body, "xlsx", _Package(archive, parts))
        if "content.xml" in parts:
            return _read(body, "ods", None)
    raise RefusedError("invalid")


def _check_archive(archive: zipfile.ZipFile) -> None:
    """Raise RefusedError for an archive that unpacks to too much: by its directory, and then by counting."""
    parts = archive.infolist()
    if len(parts) > MOST_PARTS or sum(part.file_size for part in parts) > MOST_UNPACKED:
        raise RefusedError("large")
    left = MOST_UNPACKED
    for part in parts:
        with archive.open(part) as stream:
            while piece := stream.read(_PIECE):
                left -= len(piece)
                if left < 0:
                    raise RefusedError("large")


class _Package:
    """The XML parts of an XLSX file, as far as they must be checked."""

    def __init__(self, archive: zipfile.ZipFile, parts: dict[str, str]) -> None:
        self._archive, self._parts = archive, parts

    def marks(self, sheet: str) -> dict[tuple[int, int], Literal["error", "formula"]]:
        """Return the cells of the sheet that must not be read, by row and column from 0. Raises RefusedError."""
        book = self._elements("xl/workbook.xml")
        relation = next((a["id"] for name, a in book if name == "sheet" and a.get("name") == sheet and "id" in a), None)
        links = self._elements("xl/_rels/workbook.xml.rels")
        target = next(
            (a.get("Target") for name, a in links if name == "Relationship" and a.get("Id") == relation), None
        )
        if relation is None or not target:
            raise RefusedError("invalid")
        scan = _Scan()
        with self._open(target if target.startswith("/") else f"xl/{target}") as stream:
            scan.parser.ParseFile(stream)
        return scan.found

    def _elements(self, part: str) -> list[tuple[str, dict[str, str]]]:
        found: list[tuple[str, dict[str, str]]] = []
        parser = _parser()
        parser.StartElementHandler = lambda name, attributes: found.append((_local(name), _locals(attributes)))
        with self._open(part) as stream:
            parser.ParseFile(stream)
        return found

    def _open(self, part: str) -> IO[bytes]:
        name = self._parts.get(part.lstrip("/").lower())
        if name is None:
            raise RefusedError("invalid")
        return self._archive.open(name)


class _Scan:
    """Scans the cells of a sheet: which are errors or formulas, and how far those with a value reach."""

    def __init__(self) -> None:
        self.found: dict[tuple[int, int], Literal["error", "formula"]] = {}
        self._row = self._column = -1
        self._type, self._cells = "", 0
        self.parser = _parser()
        self.parser.StartElementHandler = self._start

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        local = _local(name)
        if local == "row":
            self._row = int(attributes["r"]) - 1 if "r" in attributes else self._row + 1
            self._column = -1
        elif local == "c":
            self._cells += 1
            if self._cells > MOST_CELLS:
                raise RefusedError("large")
            self._type = attributes.get("t", "")
            self._place(attributes.get("r", ""))
        elif local in {"v", "is", "f"} and self._column >= 0:
            if self._row > MOST_ROWS:
                raise RefusedError("rows")
            if self._column >= MOST_COLUMNS:
                raise RefusedError("columns")
            if local == "f":
                self.found[self._row, self._column] = "formula"
            elif self._type == "e":
                self.found.setdefault((self._row, self._column), "error")

    def _place(self, reference: str) -> None:
        letters = reference.rstrip("0123456789")
        if not reference:
            self._column += 1
            return
        column = 0
        for letter in letters.upper():
            if not "A" <= letter <= "Z" or len(letters) > 3:
                raise RefusedError("invalid")
            column = column * 26 + ord(letter) - ord("A") + 1
        self._column = column - 1
        if digits := reference[len(letters) :]:
            self._row = int(digits[:8]) - 1


def _parser() -> Any:
    parser = expat.ParserCreate(namespace_separator=" ")

    def refuse(*_: Any) -> None:
        raise RefusedError("xml")

    parser.StartDoctypeDeclHandler = refuse
    return parser


def _local(name: str) -> str:
    return name.rpartition(" ")[2]


def _locals(attributes: dict[str, str]) -> dict[str, str]:
    return {_local(name): value for name, value in attributes.items()}


def _read(body: bytes, kind: Format, package: _Package | None) -> Table:
    book = CalamineWorkbook.from_filelike(io.BytesIO(body))
    sheets = [sheet for sheet in book.sheets_metadata if sheet.typ == SheetTypeEnum.WorkSheet]
    visible = [sheet.name for sheet in sheets if sheet.visible == SheetVisibleEnum.Visible]
    if not visible:
        raise RefusedError("no_sheet")
    marks = package.marks(visible[0]) if package else {}
    return Table(
        format=kind,
        rows=list(_rows(book.get_sheet_by_name(visible[0]), marks)),
        sheet=visible[0],
        hidden_sheets=[sheet.name for sheet in sheets if sheet.visible != SheetVisibleEnum.Visible],
        other_sheets=visible[1:],
    )


def _rows(sheet: Any, marks: dict[tuple[int, int], Literal["error", "formula"]]) -> Iterator[Row]:
    if sheet.start is None:
        return
    (_, left), (_, right) = sheet.start, sheet.end
    if right >= MOST_COLUMNS:
        raise RefusedError("columns")
    letters = 0
    # Row by row: one text may occur in thousands of cells, and the whole sheet at once would be thousands of copies.
    for number, values in enumerate(sheet.iter_rows()):
        cells = [Cell("")] * left + [
            _cell(value, marks.get((number, column))) for column, value in enumerate(values, left)
        ]
        letters += sum(len(cell.text) for cell in cells)
        if letters > MOST_LETTERS:
            raise RefusedError("large")
        if any(cell.text or cell.kind != "text" for cell in cells):
            if number > MOST_ROWS:
                raise RefusedError("rows")
            yield Row(number + 1, cells)


def _cell(value: Any, mark: Literal["error", "formula"] | None) -> Cell:
    if mark is not None:
        return Cell("", mark)
    if isinstance(value, bool):
        return Cell("TRUE" if value else "FALSE", "boolean")
    if isinstance(value, int | float):
        number = Decimal(repr(value))
        whole = number == number.to_integral_value()
        return Cell(f"{number.to_integral_value() if whole else number:f}", "number")
    if isinstance(value, dt.date | dt.time | dt.timedelta):
        return Cell(str(value), "date")
    return Cell(str(value).strip())


def answer(body: bytes) -> ChildReply:
    """Return the table of the file, or the fault."""
    try:
        return ChildReply(table=read(body))
    except RefusedError as refused:
        return ChildReply(refusal=refused.fault)
    except PasswordError:
        return ChildReply(refusal="password")
    except MemoryError:
        return ChildReply(refusal="large")
    except (CalamineError, ZipError, zipfile.BadZipFile, zlib.error, expat.ExpatError, KeyError, IndexError, ValueError,
            ArithmeticError, NotImplementedError, RuntimeError, EOFError, OSError) as error:  # fmt: skip
        print(type(error).__name__, file=sys.stderr)  # noqa: T201 - the parent's log, without the file's content
        return ChildReply(refusal="invalid")


if __name__ == "__main__":
    limit()
    sys.stdout.buffer.write(msgspec.json.encode(answer(sys.stdin.buffer.read())))
