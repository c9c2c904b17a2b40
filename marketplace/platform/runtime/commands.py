"""Shared by the packages' commands: settings of a production or a demo folder, the open database, one-line errors."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import rich_click as click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from marketplace.kernel.errors import OperatorError
from marketplace.kernel.refusals import Refusal
from marketplace.kernel.states import TransitionRefusedError
from marketplace.kernel.text import preferred_language
from marketplace.settings import VARIABLES, Settings, SettingsError, load_process

DEMO_FILE = "demo.json"
"""The file that a demo writes into its data folder; in such a folder, commands work on that demo."""

Result = TypeVar("Result")

data_option = click.option(
    "--data",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="The demo's data folder; without it MARKETPLACE_DATA, or ./data.",
)


def settings_for(data: Path | None) -> Settings:
    """Return a command's settings: the demo's if the folder holds one, else the environment's.

    Raises SettingsError.
    """
    folder = data or Path(os.environ.get(VARIABLES["data"]) or "data").expanduser()
    overrides: dict[str, object] = {} if data is None else {"data": folder}
    configured = any(os.environ.get(VARIABLES[name]) for name in ("mode", "secret_key", "database_url"))
    if not configured and not (folder / DEMO_FILE).exists():
        raise SettingsError(
            VARIABLES["data"],
            f"there is no demo in {folder.resolve()}; run `marketplace demo` there once, or name its folder with --data",
        )
    if not configured:
        overrides["mode"] = "demo"
    return load_process(None, **overrides)


@asynccontextmanager
async def open_database(settings: Settings, *, keep: bool = False) -> AsyncIterator[str]:
    """Open the pool on the settings' database, migrated, and yield its address.

    An embedded server that already runs on the data folder, such as the demo's, is used and left running. `keep` is for
    long-running commands: an embedded server that dies is restarted.
    """
    # Imported late: they import the database's libraries, which a command that only reads a file need not wait for.
    from marketplace.platform.postgres.database import DB
    from marketplace.platform.runtime.database_server import database_server, prepare

    with database_server(settings, keep=keep) as server_dsn:
        (dsn, _), _ = await prepare(settings, server_dsn)
        await DB.open(dsn, settings.database_role, settings.pool_size)
        try:
            yield dsn
        finally:
            await DB.close()


def run(work: Coroutine[Any, Any, Result]) -> Result:
    """Run a command's work and return its result; an error that the user can fix becomes one line and exit status 1."""
    try:
        return asyncio.run(work)
    except Refusal as refusal:
        raise click.ClickException(refusal.message(preferred_language(_locale()))) from refusal
    except (OperatorError, TransitionRefusedError) as error:
        raise click.ClickException(str(error)) from error
    except OSError as error:
        raise click.ClickException(f"{error.filename or ''}: {error.strerror or error}".removeprefix(": ")) from error


def _locale() -> str:
    name = os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG") or "en"
    return "zh-CN" if name.lower().startswith("zh") else "en"


@contextmanager
def progress(what: str, total: int | None = None) -> Iterator[Callable[[int, int | None], None]]:
    """Yield a function that reports `(done, of)`: a bar on a terminal, a plain line for each quarter elsewhere.

    Both go to standard error, so that a command's output stays clean.
    """
    console = Console(stderr=True)
    if console.is_terminal:
        bar = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=console
        )
        with bar:
            task = bar.add_task(what, total=total)
            yield lambda done, of: bar.update(task, completed=done, total=of)
        return
    reported = -1

    def report(done: int, of: int | None) -> None:
        nonlocal reported
        quarter = 4 * done // of if of else 0
        if quarter > reported:
            reported = quarter
            sys.stderr.write(f"{what}: {done}/{of if of is not None else '?'}\n")

    yield report
