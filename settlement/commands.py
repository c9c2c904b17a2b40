"""`marketplace close` and `marketplace export`."""

import getpass
from datetime import date
from pathlib import Path

import rich_click as click

from marketplace.demo.oneid import UnknownPersonError, read_people
from marketplace.kernel.calendar import END, FIRST, Month, NotAMonthError, is_taken
from marketplace.kernel.clock import WALL
from marketplace.kernel.money import format_amount
from marketplace.kernel.periods import Period
from marketplace.platform.http.problems import parse_id
from marketplace.platform.runtime.commands import data_option, open_database, progress, run, settings_for
from marketplace.settings import Settings
from settlement.books.consumer import Books
from settlement.exports.files import FileFormat, write_file
from settlement.statements import close as closing
from settlement.statements.statements import Statement, find


@click.command()
@click.option("--month", metavar="YYYY-MM", help="The month to close, such as 2026-10.")
@click.option("--ten-days", metavar="YYYY-MM-DD", help="The ten days to close, by their first day.")
@click.option("--week", metavar="YYYY-MM-DD", help="The week to close, by its Monday.")
@click.option(
    "--as", "who", metavar="NAME",
    help="Who closes: a login of the demo, or a ONE ID subject. That person cannot approve the statements.",
)  # fmt: skip
@data_option
def close(month: str | None, ten_days: str | None, week: str | None, who: str | None, data: Path | None) -> None:
    """Close a month, or the ten days or the week of partners with such a cycle: one statement for each partner.

    Closing again changes nothing.
    """
    period = _period(month, ten_days, week)
    statements = run(_close(period, who, data))
    for statement in statements:
        amount = f"{format_amount(statement.total_minor, statement.currency)} {statement.currency}"
        click.echo(
            f"{statement.id}  {statement.partner_id}  {statement.lines:>8} lines  {amount:>20}  {statement.status}"
        )
    click.echo(f"{period.said('en')}: {len(statements)} statements")


def _period(month: str | None, ten_days: str | None, week: str | None) -> Period:
    given = {"--month": month, "--ten-days": ten_days, "--week": week}
    if len([text for text in given.values() if text is not None]) != 1:
        raise click.UsageError("Give one of --month, --ten-days and --week.")
    try:
        if month is not None:
            return Period("monthly", Month.parse(month).first_day)
        if ten_days is not None:
            return Period.beginning("ten_day", _day(ten_days))
        return Period.beginning("weekly", _day(str(week)))
    except NotAMonthError:
        raise click.BadParameter("must be a month such as 2026-10", param_hint="--month") from None
    except ValueError as error:  # no day, or none on which a period begins
        raise click.BadParameter(str(error), param_hint="--ten-days" if ten_days else "--week") from None


def _day(text: str) -> date:
    day = date.fromisoformat(text)
    if not is_taken(day):
        raise ValueError(f"must be a day of the years {FIRST.year} to {END.year - 1}")
    return day


async def _close(period: Period, who: str | None, data: Path | None) -> list[Statement]:
    settings = settings_for(data)
    closer = _actor(settings, who)
    async with open_database(settings):
        with progress(f"Closing {period.said('en')}") as report:
            return await closing.run(Books(settings.calendar), period, closer, WALL.now(), report)


def _actor(settings: Settings, who: str | None) -> str:
    """Return the name that the statements keep, the same that the person has over HTTP: nobody approves their own close."""
    if who is None:
        return f"cli:{getpass.getuser()}"
    if settings.mode != "demo":
        return f"admin:{who}"
    try:
        person = next((person for person in read_people(settings.data) if person.login == who), None)
    except UnknownPersonError as error:
        raise click.ClickException(str(error)) from error
    if person is None or "finance" not in person.roles:
        raise click.ClickException(f"--as: {who!r} is nobody of the demo's finance people")
    return f"admin:{person.subject}"


@click.command()
@click.option("--statement", required=True, metavar="ID", help="The statement's id, as `close` printed it.")
@click.option("--format", "file_format", type=click.Choice(["csv", "xlsx"]), required=True)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True, metavar="FILE")
@click.option("--language", type=click.Choice(["zh-CN", "en"]), default="zh-CN", show_default=True)
@data_option
def export(statement: str, file_format: FileFormat, out: Path, language: str, data: Path | None) -> None:
    """Write a statement's lines into a file, CSV or XLSX."""
    written = run(_export(statement, file_format, out, language, data))
    amount = f"{format_amount(written.total_minor, written.currency)} {written.currency}"
    click.echo(f"{out}: {written.lines} lines, {amount}")


async def _export(text: str, file_format: FileFormat, out: Path, language: str, data: Path | None) -> Statement:
    settings = settings_for(data)
    async with open_database(settings):
        statement = await find(parse_id(text))
        done = 0
        with progress(f"Writing {out.name}", statement.lines) as report:

            def advance(lines: int) -> None:
                nonlocal done
                done += lines
                report(done, statement.lines)

            await write_file(out, statement, file_format, language, settings.calendar.zone, advance)
        return statement
