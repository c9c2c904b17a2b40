"""`marketplace close` and `marketplace export`, on a folder of a demo and beside a running one."""

import csv
import io
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from click.testing import CliRunner, Result

from marketplace.demo.oneid import DemoPerson, write_people
from marketplace.kernel.calendar import Month
from marketplace.kernel.ids import uuid7
from marketplace.platform.postgres.database import DB
from marketplace.platform.postgres.embedded import EmbeddedServer
from marketplace.platform.runtime.commands import DEMO_FILE, open_database, progress, run, settings_for
from marketplace.settings import SettingsError
from settlement.commands import close, export
from tests.support import today
from tests.support.settlement import Sale, record

pytestmark = pytest.mark.dates

PEOPLE = [
    DemoPerson("li.na", "李娜", "staff", "staff-7", ("finance",)),
    DemoPerson("lin", "林", "member", "m-1"),
]


@pytest.fixture(scope="module")
def last_month() -> Month:
    """The last month that is over."""
    now = today.now() + timedelta(hours=8)
    return Month(now.year, now.month).plus(-1)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory, last_month: Month) -> Iterator[Path]:
    """A demo's data folder whose server runs, with two partners that are owed something."""
    folder = tmp_path_factory.mktemp("demo")
    (folder / DEMO_FILE).write_text("{}")
    write_people(folder, PEOPLE)
    server = EmbeddedServer(folder)
    server.start()
    run(_fill(folder, last_month))
    yield folder
    assert server.is_running(), "a command stopped the server that it had joined"
    server.stop()


async def _fill(folder: Path, month: Month) -> None:
    at = datetime(month.year, month.month, 15, tzinfo=UTC)
    async with open_database(settings_for(folder)):
        partner = uuid7()
        await record(
            *(Sale(partner, amount_minor=1_000 + n).used(at) for n in range(3)), Sale(amount_minor=50).used(at)
        )


def invoke(command: Any, *arguments: object) -> Result:
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for variable in os.environ.keys() - today.variables().keys():
        if variable.startswith(("MARKETPLACE_", "DATABASE_URL")):
            monkeypatch.delenv(variable)
    monkeypatch.chdir(tmp_path)


async def _statements(folder: Path) -> list[tuple[str, int, str]]:
    async with open_database(settings_for(folder)):
        rows = await DB.fetch("SELECT id, total_minor, closed_by FROM statement ORDER BY total_minor DESC")
    return [(str(row["id"]), row["total_minor"], row["closed_by"]) for row in rows]


def test_close_and_export(demo: Path, last_month: Month, tmp_path: Path) -> None:
    first = invoke(close, "--month", last_month, "--as", "li.na", "--data", demo)
    assert first.exit_code == 0, first.output
    assert "30.03 CNY" in first.stdout
    assert f"{last_month}: 2 statements" in first.stdout
    statements = run(_statements(demo))
    assert [(total, who) for _, total, who in statements] == [(3_003, "admin:staff-7"), (50, "admin:staff-7")]
    again = invoke(close, "--month", last_month, "--data", demo)
    assert again.stdout == first.stdout
    assert run(_statements(demo)) == statements

    for ending in ("csv", "xlsx"):
        out = tmp_path / f"lines.{ending}"
        result = invoke(export, "--statement", statements[0][0], "--format", ending, "--out", out, "--data", demo)
        assert result.exit_code == 0, result.output
        assert "3 lines, 30.03 CNY" in result.stdout
    rows = list(csv.DictReader(io.StringIO((tmp_path / "lines.csv").read_bytes().decode("utf-8-sig"))))
    assert [int(row["金额（最小单位）"]) for row in rows] == sorted(
        int(row["金额（最小单位）"]) for row in rows
    ) or len(rows) == 3
    assert sum(int(row["金额（最小单位）"]) for row in rows) == 3_003
    assert openpyxl.load_workbook(tmp_path / "lines.xlsx").sheetnames == ["明细", "汇总"]


@pytest.mark.parametrize(
    ("command", "arguments", "message"),
    [
        (close, ["--month", "October"], "month such as 2026-10"),
        (close, ["--month", "9000-01"], "9000-01"),
        (close, [], "Give one of"),
        (close, ["--month", "2020-01", "--week", "2020-01-06"], "Give one of"),
        (close, ["--week", "2020-01-07"], "no weekly period begins on 2020-01-07"),
        (close, ["--ten-days", "2020-01-31"], "no ten_day period begins on 2020-01-31"),
        (close, ["--ten-days", "tomorrow"], "tomorrow"),
        (close, ["--ten-days", "9000-01-01"], "1 Jan 9000 to 10 Jan 9000"),
        (close, ["--month", "2020-01", "--as", "lin"], "finance people"),
        (close, ["--month", "2020-01", "--as", "nobody"], "finance people"),
        (export, ["--statement", "x", "--format", "csv", "--out", "x.csv"], ""),
        (export, ["--statement", uuid7(), "--format", "xlsx", "--out", "x.xlsx"], ""),
        (export, ["--statement", uuid7(), "--format", "pdf", "--out", "x.pdf"], "pdf"),
    ],
)
def test_wrong_arguments_are_one_clear_line(
    demo: Path, tmp_path: Path, command: Any, arguments: list[Any], message: str
) -> None:
    result = invoke(command, *arguments, "--data", demo)
    assert result.exit_code in {1, 2}
    assert isinstance(result.exception, SystemExit)
    assert message in result.output
    assert "Traceback" not in result.output
    assert list(tmp_path.iterdir()) == []


def test_an_unwritable_file_is_one_clear_line(demo: Path, last_month: Month, tmp_path: Path) -> None:
    invoke(close, "--month", last_month, "--data", demo)
    statement = run(_statements(demo))[0][0]
    out = tmp_path / "no" / "such" / "folder" / "x.csv"
    result = invoke(export, "--statement", statement, "--format", "csv", "--out", out, "--data", demo)
    assert result.exit_code == 1
    assert "No such file or directory" in result.output


def test_no_demo_in_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = invoke(close, "--month", "2026-10", "--data", tmp_path)
    assert result.exit_code == 1
    assert "there is no demo in" in result.output
    with pytest.raises(SettingsError, match="no demo in"):
        settings_for(None)
    # A production environment is taken as it is, with its own checks.
    monkeypatch.setenv("DATABASE_URL", "postgresql://nowhere/x")
    with pytest.raises(SettingsError, match="MARKETPLACE_SECRET_KEY"):
        settings_for(None)


def test_progress_is_plain_lines_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("Writing") as report:
        for done in range(9):
            report(done, 8)
    assert capsys.readouterr().err.splitlines() == [f"Writing: {done}/8" for done in (0, 2, 4, 6, 8)]
