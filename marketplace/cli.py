"""`marketplace …`: everything an operator does from a terminal. Packages add their own commands (close, export)."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import rich_click as click
from rich.console import Console

from marketplace import __version__
from marketplace.kernel.errors import OperatorError
from marketplace.platform.runtime.commands import data_option, run, settings_for
from marketplace.settings import VARIABLES, Settings, load_process, package_names

click.rich_click.TEXT_MARKUP = "rich"

out = Console()


class Program(click.RichGroup):
    """The command line. An error that the operator can fix is one line, not a traceback.

    The packages' commands are loaded on demand: importing every package takes seconds that `token` need not wait for.
    """

    def list_commands(self, context: click.Context) -> list[str]:
        """Return the names of all commands, including the packages'."""
        return sorted([*super().list_commands(context), *_package_commands()])

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """Return the command of that name: ours, or a package's."""
        return super().get_command(context, name) or _package_commands().get(name)

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments. Help is shown here because it names the packages' commands."""
        with _plainly():
            return super().parse_args(context, args)

    def invoke(self, context: click.Context) -> object:
        """Run the command."""
        with _plainly():
            return super().invoke(context)


@contextlib.contextmanager
def _plainly() -> Iterator[None]:
    """Print an OperatorError as one line and exit with status 1."""
    try:
        yield
    except click.UsageError:
        raise
    except (click.ClickException, OperatorError) as error:
        message = error.format_message() if isinstance(error, click.ClickException) else str(error)
        click.echo(f"marketplace: {message}", err=True)
        raise SystemExit(1) from error


def _configure_logs(settings: Settings) -> None:
    from marketplace.platform import logs

    logs.configure(settings)


def _package_commands() -> dict[str, click.Command]:
    from marketplace.platform.packages import package_classes

    names = package_names(os.environ)
    return {str(command.name): command for package in package_classes(names) for command in package.commands}


@click.group(cls=Program, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def main() -> None:
    """Partner-benefits marketplace: offers, points, redemptions, settlement."""


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535))
@click.option("--data", type=click.Path(path_type=Path), default=Path("data"), show_default=True, metavar="FOLDER")
@click.option(
    "--seed", default=1, show_default=True, type=click.IntRange(0), help="Seed of the sample data of the first start."
)
def demo(host: str, port: int, data: Path, seed: int) -> None:
    """Start everything in one process, on an embedded PostgreSQL, with realistic sample data."""
    from marketplace.demo.run import run_demo

    run_demo(host, port, data, seed)


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535))
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 64), help="Processes.")
def serve(host: str, port: int, workers: int) -> None:
    """Serve the API and the pages. Consumers and jobs run under `marketplace work`."""
    from marketplace.platform.runtime.database_server import database_server, prepare, stoppable
    from marketplace.serving import server

    settings = load_process()
    _configure_logs(settings)
    listener = server.reserve(host, port)
    with contextlib.suppress(KeyboardInterrupt), stoppable(), database_server(settings, keep=True) as address:
        addresses, _ = asyncio.run(prepare(settings, address))
        server.serve(listener, addresses, workers)


@main.command()
def work() -> None:
    """Run the consumers of the event log and the scheduled jobs. Any number of these processes may run."""
    settings = load_process()
    _configure_logs(settings)
    with contextlib.suppress(KeyboardInterrupt):
        run(_work(settings))


async def _work(settings: Settings) -> None:
    from marketplace.kernel.clock import Clock
    from marketplace.platform.packages import load_packages
    from marketplace.platform.runtime.commands import open_database
    from marketplace.platform.runtime.workers import work as keep_working

    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    async with open_database(settings, keep=True) as dsn:
        await keep_working(load_packages(settings, Clock()), settings, dsn, stop)


@main.command()
@data_option
def migrate(data: Path | None) -> None:
    """Upgrade the database to this version."""
    from marketplace.platform.runtime.database_server import database_server, prepare

    settings = settings_for(data)
    with database_server(settings) as address:
        _, ran = run(prepare(settings, address))
    out.print("\n".join(ran) if ran else "The database is up to date.")


@main.command("rotate-secret-key")
@data_option
def rotate_secret_key(data: Path | None) -> None:
    """Re-encrypt all stored secrets, in all sandboxes too, under the present MARKETPLACE_SECRET_KEY.

    Run it once every process has the new key. If it is interrupted, run it again. It ends by saying that the old keys may be
    removed.
    """
    from marketplace.platform.runtime.key_rotation import rotate_everything

    out.print(run(rotate_everything(settings_for(data))))


@main.command()
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 64), help="Those of `serve`.")
@data_option
def doctor(workers: int, data: Path | None) -> None:
    """Check Python, settings, database, secret key, mail and ONE ID, and say what to do."""
    from marketplace.platform.runtime.doctor import diagnose

    findings = run(diagnose(data, workers))
    for finding in findings:
        mark = "[green]✓[/]" if finding.good else "[red]✗[/]"
        out.print(f"{mark} {finding.what}" + (f"\n  [yellow]→ {finding.remedy}[/]" if finding.remedy else ""))
    if not all(finding.good for finding in findings):
        raise SystemExit(1)


@main.command()
@click.option("--as", "login", required=True, metavar="LOGIN", help="A login of one of the demo's people.")
@data_option
def token(login: str, data: Path | None) -> None:
    """Print an access token of the demo's ONE ID for one of its people."""
    from marketplace.demo.manifest import demo_settings, read_demo
    from marketplace.demo.oneid import OneId, UnknownPersonError

    folder = data or Path(os.environ.get(VARIABLES["data"]) or "data")
    try:
        settings = demo_settings(folder, read_demo(folder).base_url)
        click.echo(OneId(settings).mint(login))
    except (UnknownPersonError, FileNotFoundError) as error:
        raise click.ClickException(str(error)) from error


@main.command()
@click.option("--redemptions", default=5000, show_default=True, type=click.IntRange(1, 1_000_000))
@click.option(
    "--connections", default=64, show_default=True, type=click.IntRange(1, 1000), help="Number of concurrent requests."
)
@click.option("--seed", default=1, show_default=True, type=click.IntRange(0))
@data_option
def simulate(redemptions: int, connections: int, seed: int, data: Path | None) -> None:
    """Drive the running demo over HTTP like many members at once; print rate, latencies and refusals."""
    from marketplace.demo.manifest import read_demo
    from marketplace.demo.simulate import simulate as drive

    folder = data or Path(os.environ.get(VARIABLES["data"]) or "data")
    try:
        read_demo(folder)
    except FileNotFoundError as error:
        raise click.ClickException(str(error)) from error
    run(drive(folder, redemptions, connections, seed))


@main.command()
@click.option(
    "--out",
    "path",
    type=click.Path(path_type=Path),
    default=None,
    help="Write to this file instead of to the terminal.",
)
def openapi(path: Path | None) -> None:
    """Print the API description as YAML: the content of openapi.yaml."""
    from marketplace.app import create_app
    from marketplace.platform.openapi.document import export

    text = export(create_app(Settings(mode="test"), "").openapi_schema.to_schema())
    if path is None:
        click.echo(text, nl=False)
    else:
        path.write_text(text)


@main.command("settings")
@click.option(
    "--into", "path", type=click.Path(path_type=Path, exists=True, dir_okay=False), default=None, metavar="FILE",
    help="Write them between the marks of this file, such as docs/operating.md, instead of to the terminal.",
)  # fmt: skip
def list_settings(path: Path | None) -> None:
    """Print every environment variable, its default and its meaning, as Markdown."""
    from marketplace.settings.table import markdown, written_into

    table = markdown(package_names(os.environ))
    if path is None:
        click.echo(table, nl=False)
        return
    try:
        path.write_text(written_into(path.read_text(encoding="utf-8"), table), encoding="utf-8")
    except ValueError as error:
        raise click.ClickException(f"{path}: {error}") from error
