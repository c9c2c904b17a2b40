"""From settings to a database that is there: the embedded server if no DATABASE_URL names one."""

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
    """Return the server's address with another database's name in it."""
    parts = urlsplit(server_dsn)
    return urlunsplit(parts._replace(path=f"/{name}"))


def with_user(dsn: str, user: str) -> str:
    """Return the address for another user, who needs no password: of our own server."""
    parts = urlsplit(dsn)
    return urlunsplit(parts._replace(netloc=f"{user}@{parts.netloc.rpartition('@')[2]}"))


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


class Addresses(NamedTuple):
    """How the database is reached: by the user for serving, and by the owner of its tables, who migrates and makes sandboxes.

    They are the same where an operator gave only one. Then serving takes on the role at each connection, and could leave it.
    """

    serving: str
    owner: str


async def prepare(settings: Settings, server_dsn: str) -> tuple[Addresses, list[str]]:
    """Create the database if it is ours to create, migrate it, and return its addresses and the migrations that ran.

    Raises MigrationFailedError, and SettingsError when the secret key is not the database's: then nothing was changed.
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
    """Return what the role for serving may do with each table, the platform's and the packages'."""
    of_packages = [package.rights for package in package_classes(settings.packages)]
    return {table: right for rights in (PLATFORM, *of_packages) for table, right in rights.items()}
