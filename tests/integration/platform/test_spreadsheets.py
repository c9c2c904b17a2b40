"""Files as offices make them, and files that somebody made to hurt: what is read, what is refused, and who waits meanwhile."""

import asyncio
import io
import os
import re
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter

from marketplace.platform.spreadsheets import child, reader
from marketplace.platform.spreadsheets.csv_text import EncodingUnclear, read_csv, samples
from marketplace.platform.spreadsheets.reader import ReaderBusy, SpreadsheetReader
from marketplace.platform.spreadsheets.table import CSV, ODS, XLS, XLSX, FileUnreadable, Table
from marketplace.platform.spreadsheets.typed import number_complaint, text_complaint

CASES = Path(__file__).parents[2] / "cases"


async def read(name: str) -> Table:
    return await SpreadsheetReader().read(XLSX if name.endswith("xlsx") else CSV, (CASES / name).read_bytes())


def texts(table: Table) -> list[list[str]]:
    return [[cell.text for cell in row.cells] for row in table.rows]


def workbook(fill: Callable[[Any, Any], None]) -> bytes:
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True}) as book:
        fill(book, book.add_worksheet("one"))
    return out.getvalue()


def changed(body: bytes, **parts: Any) -> bytes:
    """Return the workbook with parts replaced, left out (None), or rewritten by a function; `__` stands for `/`."""
    wanted = {name.replace("__", "/").replace("_xml", ".xml"): part for name, part in parts.items()}
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(body)) as source, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            part = wanted.get(name, lambda data: data)
            if part is not None:
                target.writestr(name, part(source.read(name)) if callable(part) else part)
    return out.getvalue()


SHEET = "xl__worksheets__sheet1_xml"
PLAIN = workbook(lambda _, sheet: sheet.write_row(0, 0, ["id", "name"]))


def sheet_of(rows: str) -> bytes:
    head = (
        b'<?xml version="1.0"?><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
    )
    return changed(PLAIN, **{SHEET: head + rows.encode() + b"</sheetData></worksheet>"})


@pytest.mark.parametrize(
    "name", ["c1-shared-strings-capital.xlsx", "c4-strict-ooxml.xlsx", "c5-blank-formatted-row-1048576.xlsx"]
)
async def test_good_workbooks_that_were_rejected(name: str) -> None:
    table = await read(name)
    assert texts(table)[1] == ["G-1", "云栖店", "Yunqi", "上海", "中山东一路 1 号"]
    assert (table.format, table.sheet, [row.number for row in table.rows]) == ("xlsx", "Sheet1", [1, 2])


async def test_what_a_cell_is_stands_beside_its_text() -> None:
    errors = (await read("b1-error-cells.xlsx")).rows[1].cells
    assert [(cell.text, cell.kind) for cell in errors] == [("ERR-1", "text"), *[("", "error")] * 4]
    number = (await read("b3-number-format-0000.xlsx")).rows[1].cells[0]
    assert (number.text, number.kind) == ("12", "number")

    def fill(book: Any, sheet: Any) -> None:
        sheet.write_row(0, 0, [True, 12, 1.5, 1e21, 1e-7, -0.25])
        sheet.write_datetime(
            0, 6, __import__("datetime").datetime(2026, 11, 30), book.add_format({"num_format": "yyyy-mm-dd"})
        )
        sheet.write_formula(0, 7, "=A1", value="x")
        sheet.write_string(0, 8, "0012")

    (row,) = (await SpreadsheetReader().read(XLSX, workbook(fill))).rows
    assert [(cell.text, cell.kind) for cell in row.cells] == [
        ("TRUE", "boolean"), ("12", "number"), ("1.5", "number"), ("1" + "0" * 21, "number"), ("0.0000001", "number"),
        ("-0.25", "number"), ("2026-11-30", "date"), ("", "formula"), ("0012", "text"),
    ]  # fmt: skip


async def test_escapes_are_undone_and_hidden_sheets_passed_over() -> None:
    assert texts(await read("b6-escaped-cr.xlsx"))[1] == ["XD-1", "云栖店", "Yunqi", "上海", "中山东一路"]
    table = await read("b8-hidden-first-sheet.xlsx")
    assert (texts(table)[1][0], table.sheet, table.hidden_sheets) == ("SHOWN-1", "门店", ["old"])

    def hidden(_: Any, sheet: Any) -> None:
        sheet.write(0, 0, "x")

    body = changed(
        workbook(hidden),
        xl__workbook_xml=lambda data: data.replace(b'<sheet name="one"', b'<sheet state="hidden" name="one"'),
    )
    with pytest.raises(FileUnreadable, match="no visible sheet"):
        await SpreadsheetReader().read(XLSX, body)


async def test_parts_may_be_named_as_windows_names_files() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(PLAIN)) as source, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
        for part in source.infolist():
            named = zipfile.ZipInfo("part")
            named.filename = part.filename.replace("/", "\\")
            target.writestr(named, source.read(part))
    assert texts(await SpreadsheetReader().read(XLSX, out.getvalue())) == [["id", "name"]]


@pytest.mark.parametrize(
    ("value", "refused"), [("123456789012345", False), ("1234567890123456", True), ("1E+20", True)]
)
async def test_a_number_that_lost_digits_is_no_text(value: str, refused: bool) -> None:
    """Office programs keep 15 significant digits of a number, so that a longer code ends in zeros that nobody typed."""
    body = sheet_of(f'<row r="1"><c r="A1"><v>{value}</v></c></row>')
    ((cell,),) = [row.cells for row in (await SpreadsheetReader().read(XLSX, body)).rows]
    assert (text_complaint(cell) is not None) is refused
    assert number_complaint(cell) is None


async def test_rows_and_columns_keep_their_numbers() -> None:
    def fill(_: Any, sheet: Any) -> None:
        sheet.write(4, 2, "first")
        sheet.write(9, 3, "second")

    table = await SpreadsheetReader().read(XLSX, workbook(fill))
    assert [(row.number, [cell.text for cell in row.cells]) for row in table.rows] == [
        (5, ["", "", "first", ""]),
        (10, ["", "", "", "second"]),
    ]


def many_cells() -> bytes:
    return sheet_of('<row r="1">' + "<c/>" * (child.MOST_CELLS + 10) + "</row>")


def repeated_text() -> bytes:
    strings = (
        '<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><si><t>'
        + "x" * 30_000
        + "</t></si></sst>"
    )
    rows = "".join(f'<row r="{row}">' + '<c t="s"><v>0</v></c>' * 60 + "</row>" for row in range(1, 200))
    head = b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
    sheet = head + rows.encode() + b"</sheetData></worksheet>"
    return changed(PLAIN, **{SHEET: sheet, "xl__sharedStrings_xml": strings.encode()})


def lying_directory() -> bytes:
    """A part whose size in the directory is a lie: it says ten bytes and unpacks to sixty million."""
    body = bytearray(changed(PLAIN, **{SHEET: b" " * 60_000_000}))
    for match in list(re.finditer(re.escape((60_000_000).to_bytes(4, "little")), bytes(body))):
        body[match.start() : match.end()] = (10).to_bytes(4, "little")
    return bytes(body)


def endless_parts() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as target:
        for number in range(child.MOST_PARTS + 1):
            target.writestr(f"xl/{number}", b"")
    return out.getvalue()


ENTITIES = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><worksheet>&b;</worksheet>'

HURTFUL = {
    "unpacks to sixty million bytes": (lambda: changed(PLAIN, **{SHEET: b" " * 60_000_000}), "too large"),
    "says ten bytes and has sixty million": (lying_directory, "not a valid"),
    "more cells than may be": (many_cells, "too large"),
    "one text in twelve thousand cells": (repeated_text, "too large"),
    "a cell in the last row": (lambda: sheet_of('<row r="1048576"><c r="A1048576"><v>1</v></c></row>'), "10000 rows"),
    "a cell in the last column": (lambda: sheet_of('<row r="1"><c r="XFD1"><v>1</v></c></row>'), "64 columns"),
    "both": (
        lambda: sheet_of('<row r="1"><c r="A1"><v>1</v></c></row><row r="9"><c r="XFD9"><v>1</v></c></row>'),
        "64 columns",
    ),
    "a document type": (lambda: changed(PLAIN, **{SHEET: ENTITIES}), "unsupported XML"),
    "more parts than may be": (endless_parts, "too large"),
    "no relation": (
        lambda: changed(PLAIN, xl___rels__workbook_xml=None).replace(b"workbook.xml.rels", b"workbook.xml.relz"),
        "not a valid",
    ),
    "no sheet behind the relation": (lambda: changed(PLAIN, **{SHEET: None}), "not a valid"),
    "cut off": (lambda: PLAIN[:-40], "not a valid"),
    "an archive of something else": (lambda: changed(PLAIN, xl__workbook_xml=None), "not a valid"),
    "bytes after a mark": (lambda: b"PK\x03\x04rest", "not a valid"),
    "an old workbook that is none": (lambda: b"\xd0\xcf\x11\xe0" + os.urandom(5000), "not a valid"),
    "nothing": (lambda: b"", "not a valid"),
    "numbers that are none": (lambda: sheet_of('<row r="x"><c r="A1"><v>1</v></c></row>'), "not a valid"),
    "a row of many digits": (lambda: sheet_of(f'<row r="{"9" * 5000}"><c r="A1"><v>1</v></c></row>'), "not a valid"),
    "a deep tree": (lambda: sheet_of("<a>" * 200_000), "not a valid"),
}


@pytest.mark.parametrize("name", HURTFUL)
async def test_what_is_made_to_hurt_is_refused_by_a_count(name: str) -> None:
    make, words = HURTFUL[name]
    with pytest.raises(FileUnreadable, match=words):
        await SpreadsheetReader().read(XLSX, make())


@pytest.mark.parametrize("line", ["bytearray(2**30)", "sum(iter(int, 1))"])
async def test_what_would_take_too_much_memory_or_time_ends_the_child_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, line: str
) -> None:
    """With work that nothing counts: the kernel ends the child, and the file is refused."""
    script = tmp_path / "child.py"
    script.write_text(
        "import os\nfrom marketplace.platform.spreadsheets import child\nchild.MOST_CPU_S = 1\nchild.limit()\n"
        f"try:\n    {line}\nexcept MemoryError:\n    os.abort()\n"
    )
    real = asyncio.create_subprocess_exec

    async def instead(program: str, *_: str, **options: Any) -> asyncio.subprocess.Process:
        return await real(program, str(script), **options, env=os.environ | {"PYTHONPATH": str(Path.cwd())})

    monkeypatch.setattr(asyncio, "create_subprocess_exec", instead)
    with pytest.raises(FileUnreadable, match="too large"):
        await SpreadsheetReader().read(XLSX, PLAIN)


async def test_one_at_a_time_and_others_are_told_to_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    going, most = 0, 0
    done = asyncio.Event()

    async def slowly(_: bytes) -> child.ChildReply:
        nonlocal going, most
        going, most = going + 1, max(most, going + 1)
        await done.wait()
        going -= 1
        return child.ChildReply(table=Table(format="xlsx", rows=[]))

    monkeypatch.setattr(reader, "_in_child", slowly)
    monkeypatch.setattr(reader, "WAIT_S", 0.2)
    one = SpreadsheetReader()
    tasks = [asyncio.create_task(one.read(XLSX, PLAIN)) for _ in range(4)]
    await asyncio.wait(tasks, timeout=1)
    assert [task.done() for task in tasks] == [False, True, True, True]
    assert all(isinstance(task.exception(), ReaderBusy) for task in tasks[1:])
    late = asyncio.create_task(one.read(XLSX, PLAIN))
    await asyncio.sleep(0.01)
    late.cancel()  # somebody who leaves while waiting takes nobody's turn away
    done.set()
    await tasks[0]
    assert (await one.read(XLSX, PLAIN)).rows == []
    assert most == 1


async def test_others_are_served_while_a_file_is_read() -> None:
    task = asyncio.create_task(SpreadsheetReader().read(XLSX, many_cells()))
    turns, began = 0, time.monotonic()
    while not task.done():
        await asyncio.sleep(0.005)
        turns += 1
    assert turns > (time.monotonic() - began) / 0.05, "the loop went on, ten times slower than nothing at the most"
    with pytest.raises(FileUnreadable):
        task.result()


async def test_a_client_that_leaves_takes_its_child_along() -> None:
    started: list[asyncio.subprocess.Process] = []
    real = asyncio.create_subprocess_exec

    async def noted(*program: str, **options: Any) -> asyncio.subprocess.Process:
        started.append(await real(*program, **options))
        return started[-1]

    patch = pytest.MonkeyPatch()
    patch.setattr(asyncio, "create_subprocess_exec", noted)
    one = SpreadsheetReader()
    task = asyncio.create_task(one.read(XLSX, many_cells()))
    while not started:
        await asyncio.sleep(0.005)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    patch.undo()
    assert started[0].returncode is not None
    assert texts(await one.read(XLSX, PLAIN)) == [["id", "name"]], "and its turn is free"


async def test_the_older_and_the_open_format_are_read_too() -> None:
    old = await SpreadsheetReader().read(XLS, (CASES / "old-workbook.xls").read_bytes())
    assert (old.format, old.sheet, old.hidden_sheets, old.errors_read_as_empty) == ("xls", "门店", ["旧"], True)
    assert texts(old)[1] == ["XL-1", "云栖店", "上海", "中山东一路 1 号"]
    assert [(cell.text, cell.kind) for cell in old.rows[2].cells[:2]] == [("12", "number"), ("二店", "text")]
    assert old.rows[3].cells[2].kind == "boolean"
    opened = await SpreadsheetReader().read(ODS, (CASES / "open-document.ods").read_bytes())
    assert (opened.format, texts(opened)[1]) == ("ods", ["OD-1", "云栖店", "上海", "中山东一路 1 号"])


# --- CSV

LINE = "id,name_zh,city,address\nE-1,云栖酒店,上海,中山东一路\n"


@pytest.mark.parametrize(
    ("body", "charset", "encoding"),
    [
        (LINE.encode(), "", "utf-8"),
        (LINE.encode("utf-8-sig"), "", "utf-8"),
        (LINE.encode("utf-16"), "", "utf-16"),
        (LINE.encode("gb18030"), "", "gb18030"),
        (LINE.encode("gbk"), "GBK", "gb18030"),
        (LINE.replace("云", "雲").replace("东", "東").encode("big5"), "Big5", "big5"),
        ("id,name\n1,カフェ".encode("cp932"), "Shift_JIS", "shift_jis"),
        ("id,name\n1,Café".encode("cp1252"), '"windows-1252"', "windows-1252"),
        (LINE.encode("utf-8-sig"), "big5", "utf-8"),
    ],
)
def test_the_encoding_is_the_mark_the_declared_one_or_what_fits(body: bytes, charset: str, encoding: str) -> None:
    table = read_csv(body, charset)
    assert table.encoding == encoding
    text = body.decode("utf-8-sig" if encoding == "utf-8" else encoding)
    assert texts(table) == [line.split(",") for line in text.splitlines()]


@pytest.mark.parametrize(
    "body",
    [
        (CASES / "d1-big5.csv").read_bytes(),
        "id,name\n1,カフェ喫茶店東京\n2,ラーメン\n".encode("cp932"),
        "id,name_en,city\n1,Café crème à Paris,Genève\n".encode("cp1252"),
        b"\xff" * 10,
        LINE.encode("gb18030") + "\ue000".encode("gb18030"),
    ],
)
def test_an_encoding_that_is_not_clear_is_asked_for(body: bytes) -> None:
    with pytest.raises(EncodingUnclear) as refused:
        read_csv(body)
    assert "big5" in refused.value.details["encodings"]


@pytest.mark.parametrize(
    "body",
    [
        "id;name\r\nA-1;x, y\r\n",
        "sep=;\r\nid;name\r\nA-1;x, y\r\n",  # the line with which Excel is told the delimiter
        'id;"name"\nA-1;"x, y"\n',
        "id\tname\rA-1\tx, y\r",
    ],
    ids=ascii,
)
def test_the_delimiter_is_the_one_of_the_first_row(body: str) -> None:
    table = read_csv(body.encode())
    assert [(row.number, [cell.text for cell in row.cells]) for row in table.rows] == [
        (1, ["id", "name"]), (2, ["A-1", "x, y"]),
    ]  # fmt: skip


def test_a_delimiter_within_quotes_does_not_count() -> None:
    assert texts(read_csv(b'"id, ours, and theirs";name\nA-1;x\n')) == [["id, ours, and theirs", "name"], ["A-1", "x"]]


def test_rare_letters_in_much_text_are_gb18030() -> None:
    text = (
        "id,name\n" + "\n".join(f"{n},上海市浦东新区世纪大道一百号环球金融中心" for n in range(20)) + "\n99,喆堃璟𠮷\n"
    )
    assert read_csv(text.encode("gb18030")).encoding == "gb18030"


def test_wrong_and_unknown_declarations_are_refused_by_name() -> None:
    for charset, words in (("utf-8", "not utf-8"), ("klingon", "klingon is not one of")):
        with pytest.raises(FileUnreadable, match=words):
            read_csv(LINE.encode("gb18030"), charset)


def test_the_first_rows_show_which_encoding_it_is() -> None:
    shown = samples((CASES / "d1-big5.csv").read_bytes())
    assert shown["big5"][1] == ["BIG5-1", "雲棲酒店", "臺北", "中山北路一號"]
    assert "gb18030" not in shown, "letters of private use are no choice"
    assert "utf-8" not in shown


async def test_other_media_types_are_named() -> None:
    for kind in ("application/json", "", "text/plain"):
        with pytest.raises(FileUnreadable, match="send it as one of"):
            await SpreadsheetReader().read(kind, b"x")
    for kind in (XLS, ODS):
        assert texts(await SpreadsheetReader().read(kind, PLAIN)) == [["id", "name"]], "what it is, its bytes say"
