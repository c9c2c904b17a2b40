"""From settings to a running database: the embedded server if no DATABASE_URL is set."""

import contextlib
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple
from urllib.parse import urlsplit, urlunsplit

from marketplace.platform.encryption import secret_keys
from marketplace.platform.packages import package_classes
from marketplace.platform.postgres.embedded import EmbeddedServer, check_folder
from marketplace.platform.postgres.migrate import check_serving_user, connected, create_database, let_sign_in, migrate
from marketplace.platform.postgres.rights import PLATFORM
from marketplace.settings import Settings

DATABASE_NAME = "marketplace"


def with_database(server_dsn: str, name: str) -> str:
    """Return the server's address with another database name."""
    parts = urlsplit(server_dsn)
    return urlunsplit(parts._replace(path=f"/{name}"))


def with_user(dsn: str, user: str) -> str:
    """Return the address for another user, who needs no password: only for our own server."""
    parts = urlsplit(dsn)
    return urlunsplit(parts._replace(netloc=f"{user}@{parts.netloc.rpartition('@')[2]}"))


@contextmanager
def database_server(settings: Settings, *, own: bool = False, keep: bool = False) -> Iterator[str]:
    """Yield the address of a running server's `postgres` database, or DATABASE_URL itself; stop what was started.

    `own` is for a process with exclusive use of the data folder: a leftover embedded server is stopped at the end, too.
    `keep` is for a long-running process: an embedded server that dies is restarted.
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
    """Make SIGTERM act as Ctrl-C, and Ctrl-C work where the shell that started us had it ignored (`marketplace demo &`).

    Otherwise either would end the program, or not, with the PostgreSQL that it started still running.
    """
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # Through SIGINT: asyncio then cancels the running tasks instead of interrupting them anywhere.
    signal.signal(signal.SIGTERM, lambda _number, _frame: signal.raise_signal(signal.SIGINT))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Addresses(NamedTuple):
    """The addresses of the database: the serving user's, and the table owner's, who migrates and creates sandboxes.

    They are the same if an operator gave only one. Then serving takes on the role at each connection, and could leave it.
    """

    serving: str
    owner: str


async def prepare(settings: Settings, server_dsn: str) -> tuple[Addresses, list[str]]:
    """Create the database if it is ours to create, migrate it, and return its addresses and the migrations that ran.

    Raises MigrationFailedError, and SettingsError if the secret key does not belong to the database: then nothing was changed.
    """
    if not settings.database_url:
        await create_database(server_dsn, DATABASE_NAME)
    owner = settings.owner_url or settings.database_url or with_database(server_dsn, DATABASE_NAME)
    async with connected(owner) as connection:
        await secret_keys.check(connection, settings.keys)
    addresses, ran = await _migrated(settings, server_dsn)
    await secret_keys.settle(owner, settings)
    async with connected(owner) as connection:
        await secret_keys.load(connection, settings.keys)
    return addresses, ran


async def _migrated(settings: Settings, server_dsn: str) -> tuple[Addresses, list[str]]:
    role, rights = settings.database_role, table_rights(settings)
    if not settings.database_url:
        owner = with_database(server_dsn, DATABASE_NAME)
        ran = await migrate(owner, role, rights)
        await let_sign_in(owner, role)
        return Addresses(with_user(owner, role), owner), ran
    if not settings.owner_url:
        return Addresses(server_dsn, server_dsn), await migrate(server_dsn, role, rights)
    await check_serving_user(settings.database_url, role)
    ran = await migrate(settings.owner_url, role, rights, with_role=False)
    return Addresses(settings.database_url, settings.owner_url), ran


def table_rights(settings: Settings) -> dict[str, str]:
    """Return the serving role's privileges on each table, the platform's and the packages'."""
    of_packages = [package.rights for package in package_classes(settings.packages)]
    return {table: right for rights in (PLATFORM, *of_packages) for table, right in rights.items()}
