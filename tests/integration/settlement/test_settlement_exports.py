"""CSV and XLSX, read back by other programs, equal the book to the fen."""

import csv
import io
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import openpyxl
import pytest

from marketplace.kernel.clock import Clock
from marketplace.kernel.ids import uuid7
from marketplace.platform.postgres.database import DB
from marketplace.settings import Settings
from settlement.books import statement_scope
from settlement.exports import xlsx_file
from settlement.exports.files import write_file
from settlement.statements.statements import find
from tests.support import today
from tests.support.app import Api, fresh_key, running_app
from tests.support.settlement import OCTOBER, Sale, record_and_post

PARTNER = uuid7()
EVIL = ["=cmd|' /C calc'!A0", "+1", "-1", "@x", '"quoted, text"', "多行\n文本", "\t=1", "普通"]


@pytest.fixture
async def api(settings: Settings, dsn: str) -> AsyncIterator[Api]:
    clock = Clock()
    clock.offset = datetime(2026, 11, 10, tzinfo=UTC) - today.now()
    async with running_app(settings, dsn, clock) as running:
        yield running


async def _statement(api: Api, settings: Settings) -> dict[str, Any]:
    events: list[Any] = []
    for number in range(40):
        sale = Sale(PARTNER, amount_minor=number * 137 + 1)
        events.append(sale.used(OCTOBER + timedelta(seconds=number), EVIL[number % len(EVIL)]))
    undone = Sale(PARTNER, basis="on_issue", amount_minor=3_333)
    events += [undone.issued(OCTOBER), undone.cancelled(OCTOBER + timedelta(days=1))]
    await record_and_post(settings, events)
    answer = await api.post(
        "/v1/finance/periods/close", json={"month": "2026-10"}, headers=api.staff("finance") | fresh_key()
    )
    statement: dict[str, Any] = answer.json()["statements"][0]
    return statement


async def _get(api: Api, statement: dict[str, Any], ending: str, language: str = "en") -> httpx.Response:
    path = f"/v1/finance/statements/{statement['id']}/lines.{ending}"
    answer = await api.get(path, headers=api.staff("finance") | {"Accept-Language": language})
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Disposition"] == (
        f'attachment; filename="statement-2026-10-CNY-{statement["id"]}.{ending}"'
    )
    return answer


async def _book() -> list[tuple[str, int, int]]:
    rows = await DB.fetch(
        "SELECT id, amount_minor, tax_minor, source FROM money_posting WHERE code <> 'payout' ORDER BY occurred_at, id"
    )
    return [
        (str(row["id"]), sign * row["amount_minor"], sign * row["tax_minor"])
        for row in rows
        for sign in [-1 if row["source"] == "partner:payable" else 1]
    ]


def _minor(printed: str) -> int:
    return int(printed.replace(".", ""))


async def test_csv_equals_the_book(api: Api, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statement_scope, "CHUNK", 7)  # several chunks, the last one not full
    statement = await _statement(api, settings)
    answer = await _get(api, statement, "csv")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.content.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))
    found = [(row["Line id"], int(row["Amount (minor units)"]), int(row["Tax (minor units)"])) for row in rows]
    assert found == await _book()
    assert [_minor(row["Amount (tax included)"]) for row in rows] == [amount for _, amount, _ in found]
    assert [_minor(row["Tax included"]) for row in rows] == [tax for _, _, tax in found]
    assert sum(amount for _, amount, _ in found) == statement["total_minor"]
    assert sum(tax for _, _, tax in found) == statement["tax_minor"]
    references = {row["Partner reference"] for row in rows} - {""}
    assert references == {"'=cmd|' /C calc'!A0", "'+1", "'-1", "'@x", '"quoted, text"', "多行\n文本", "'\t=1", "普通"}
    assert rows[0]["Occurred at (Asia/Shanghai)"] == "2026-10-15 12:00:00"


async def test_xlsx_equals_the_book(api: Api, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statement_scope, "CHUNK", 7)
    statement = await _statement(api, settings)
    answer = await _get(api, statement, "xlsx")
    book = openpyxl.load_workbook(io.BytesIO(answer.content))
    assert book.sheetnames == ["Lines", "Summary"]
    header, *rows = book["Lines"].iter_rows()
    names = [cell.value for cell in header]
    *lines, totals = [dict(zip(names, row, strict=True)) for row in rows]
    found = [
        (line["Line id"].value, line["Amount (minor units)"].value, line["Tax (minor units)"].value) for line in lines
    ]
    assert found == await _book()
    assert [round(line["Amount (tax included)"].value * 100) for line in lines] == [amount for _, amount, _ in found]
    assert all("0.00" in line["Amount (tax included)"].number_format for line in lines)
    assert totals["Amount (minor units)"].value == statement["total_minor"]
    assert totals["Tax (minor units)"].value == statement["tax_minor"]
    assert round(totals["Amount (tax included)"].value * 100) == statement["total_minor"]
    # Texts are texts, as they were written, and nothing is a formula.
    assert {line["Partner reference"].value for line in lines} - {None} == set(EVIL)
    assert {cell.data_type for line in lines for cell in line.values()} <= {"s", "n", "d"}
    summary = {row[0].value: row[1].value for row in book["Summary"].iter_rows()}
    assert summary["Content hash (SHA-256)"] == statement["content_hash"]
    assert summary["Lines"] == 42


@pytest.mark.parametrize(
    ("language", "sheet", "header"), [("zh-CN", "明细", "金额（含税）"), ("en", "Lines", "Amount (tax included)")]
)
async def test_headers_follow_the_language(
    api: Api, settings: Settings, language: str, sheet: str, header: str
) -> None:
    statement = await _statement(api, settings)
    assert header in (await _get(api, statement, "csv", language)).content.decode("utf-8-sig").splitlines()[0]
    book = openpyxl.load_workbook(io.BytesIO((await _get(api, statement, "xlsx", language)).content))
    assert header in [cell.value for cell in next(book[sheet].iter_rows())]


async def test_a_nil_statement_is_a_file_with_a_header(api: Api, settings: Settings) -> None:
    from tests.support.partners import active_partner

    await active_partner(api)
    answer = await api.post(
        "/v1/finance/periods/close", json={"month": "2026-10"}, headers=api.staff("finance") | fresh_key()
    )
    [statement] = answer.json()["statements"]
    assert len((await _get(api, statement, "csv")).content.decode("utf-8-sig").splitlines()) == 1
    book = openpyxl.load_workbook(io.BytesIO((await _get(api, statement, "xlsx")).content))
    assert book["Lines"].max_row == 2


async def test_more_lines_than_a_sheet_holds(api: Api, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xlsx_file, "SHEET_ROWS", 15)
    statement = await _statement(api, settings)
    book = openpyxl.load_workbook(io.BytesIO((await _get(api, statement, "xlsx")).content))
    assert book.sheetnames == ["Lines", "Lines 2", "Lines 3", "Summary"]
    ids = [
        row[16].value
        for name in book.sheetnames[:-1]
        for row in book[name].iter_rows(min_row=2)
        if row[16].value is not None
    ]
    assert ids == [identifier for identifier, _, _ in await _book()]


async def test_a_file_appears_only_when_it_is_whole(api: Api, settings: Settings, tmp_path: Path) -> None:
    view = await _statement(api, settings)
    statement = await find(UUID(view["id"]))
    zone = settings.calendar.zone

    def fail(_lines: int) -> None:
        raise OSError(28, "No space left on device")

    for ending in ("csv", "xlsx"):
        target = tmp_path / f"out.{ending}"
        with pytest.raises(OSError, match="No space"):
            await write_file(target, statement, ending, "en", zone, fail)
        assert not any(tmp_path.iterdir())
        written: list[int] = []
        await write_file(target, statement, ending, "en", zone, written.append)
        assert sum(written) == 42
        target.unlink()
