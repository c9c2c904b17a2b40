"""From settings to a database that is there: the embedded server if no DATABASE_URL names one."""

import contextlib
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit

from marketplace.platform.embedded import EmbeddedServer, check_folder
from marketplace.platform.migrate import create_database, migrate
from marketplace.platform.package import package_classes
from marketplace.platform.rights import PLATFORM
from marketplace.settings import Settings

DATABASE_NAME = "marketplace"


def with_database(server_dsn: str, name: str) -> str:
    """Return the server's address with another database's name in it."""
    parts = urlsplit(server_dsn)
    return urlunsplit(parts._replace(path=f"/{name}"))


@contextmanager
def database_server(settings: Settings, *, own: bool = False, keep: bool = False) -> Iterator[str]:
    """Give the address of a running server's `postgres` database, or of DATABASE_URL itself; stop what was started.

    `own` is for who has the data folder to itself: an embedded server left over there is stopped in the end, too.
    `keep` is for who runs on: should an embedded server die, it is started again.
    """
    if settings.database_url:
        yield settings.database_url
        return
    check_folder(settings.data)
    server = EmbeddedServer(settings.data)
    try:
        address = server.start(own=own)
        with server.kept_alive() if keep else contextlib.nullcontext():
            yield address
    finally:
        server.stop()


@contextmanager
def stoppable() -> Iterator[None]:
    """Make SIGTERM what Ctrl-C is, and Ctrl-C work where the shell that started us had it ignored (`marketplace demo &`).

    Either would else end the program, or not, with the PostgreSQL that it started still running.
    """
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # By way of SIGINT, of which asyncio knows how to cancel what is under way instead of breaking into it.
    signal.signal(signal.SIGTERM, lambda _number, _frame: signal.raise_signal(signal.SIGINT))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


async def prepare(settings: Settings, server_dsn: str) -> tuple[str, list[str]]:
    """Create the database if it is ours to create, migrate it, and return its address and the migrations that ran."""
    dsn = server_dsn
    if not settings.database_url:
        await create_database(server_dsn, DATABASE_NAME)
        dsn = with_database(server_dsn, DATABASE_NAME)
    return dsn, await migrate(dsn, settings.database_role, table_rights(settings))


def table_rights(settings: Settings) -> dict[str, str]:
    """Return what the role for serving may do with each table, the platform's and the packages'."""
    of_packages = [package.rights for package in package_classes(settings.packages)]
    return {table: right for rights in (PLATFORM, *of_packages) for table, right in rights.items()}
