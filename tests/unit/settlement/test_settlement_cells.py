"""Cells that a spreadsheet shows and never runs; amounts to the fen."""

import csv
import io
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from marketplace.kernel.money import in_units
from marketplace.kernel.text import Text
from settlement.books.domain import MoneyPostingCode, postings_for
from settlement.exports.columns import _TYPES, COLUMNS, CellValue, cells, headers
from settlement.exports.csv_file import csv_chunks, safe_text
from tests.support.settlement import Sale

ZONE = ZoneInfo("Asia/Shanghai")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("订单 7", "订单 7"),
        ("=1+1", "'=1+1"),
        ("+86 21", "'+86 21"),
        ("-5", "'-5"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        ("\n=1", "'\n=1"),
        ("＝1", "'＝1"),
        ("a=1", "a=1"),
    ],
)
def test_safe_text(text: str, expected: str) -> None:
    assert safe_text(text) == expected


@pytest.mark.parametrize(
    ("minor", "expected"),
    [
        (0, "0.00"),
        (1, "0.01"),
        (-1, "-0.01"),
        (12_900, "129.00"),
        (-(10**13), "-100000000000.00"),
        (10**15 + 1, "10000000000000.01"),
    ],
)
def test_amount(minor: int, expected: str) -> None:
    assert f"{in_units(minor, 'CNY'):f}" == expected
    assert in_units(minor, "CNY") * 100 == minor


async def test_csv_quotes_and_keeps_numbers_bare() -> None:
    async def rows() -> AsyncIterator[list[list[CellValue]]]:
        yield [["a,b", 'say "hi"', Decimal("-0.05"), -5, None, datetime(2026, 10, 31, 23, 59, 59)]]  # noqa: DTZ001
        yield [["=cmd|' /C calc'!A0", "line\nbreak", Decimal("1.00"), 1, "", None]]

    content = b"".join([piece async for piece in csv_chunks(["甲", "b", "c", "d", "e", "f"], rows())])
    assert content.startswith(b"\xef\xbb\xbf")
    read = list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    assert read == [
        ["甲", "b", "c", "d", "e", "f"],
        ["a,b", 'say "hi"', "-0.05", "-5", "", "2026-10-31 23:59:59"],
        ["'=cmd|' /C calc'!A0", "line\nbreak", "1.00", "1", "", ""],
    ]


@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_headers_in_both_languages(language: str) -> None:
    row = headers(language, ZONE)
    assert len(row) == len(set(row)) == len(COLUMNS)
    assert "Asia/Shanghai" in row[0]
    assert all(text.isascii() == (language == "en") for text in row)


def test_a_lines_cells() -> None:
    sale = Sale(basis="on_issue")
    [reversal] = postings_for(sale.cancelled(datetime(2026, 10, 31, 15, 59, 59, tzinfo=UTC)))
    row = cells(reversal, Text("双床房", "Twin room"), "en", ZONE)
    assert len(row) == len(COLUMNS)
    assert row[:9] == [
        datetime(2026, 10, 31, 23, 59, 59),  # noqa: DTZ001
        "Cancelled, reversed",
        "Twin room",
        1,
        Decimal("-129.00"),
        Decimal("-7.30"),
        "CNY",
        -12_900,
        -730,
    ]
    assert row[-1] == str(reversal.reverses)


def test_every_code_that_can_be_a_line_has_words() -> None:
    assert set(_TYPES) == set(MoneyPostingCode) - {MoneyPostingCode.PAYOUT}
