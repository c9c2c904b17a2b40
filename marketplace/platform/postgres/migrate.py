"""Migrations: Piccolo's, under a lock, followed by the grants of the application's role."""

import asyncio
import contextlib
import io
import os
from collections.abc import AsyncIterator, Mapping

import asyncpg
from pgqueuer.db import AsyncpgDriver
from pgqueuer.queries import Queries
from piccolo.apps.migrations.commands.base import BaseMigrationManager
from piccolo.apps.migrations.commands.forwards import ForwardsMigrationManager

from marketplace.kernel.errors import OperatorError
from marketplace.piccolo_conf import APP_REGISTRY
from marketplace.platform.postgres.database import DB
from marketplace.platform.postgres.rights import grant

_LOCK = 0x4D4B5450
"""The advisory lock of the migrators (`MKTP`): two at once would race in Piccolo's bookkeeping."""


LIBC_LOCALE = "C.UTF-8"
_OWN_LOCALES = 17
"""The first PostgreSQL with built-in locales, which are the same on every machine."""


OTHER_SCHEMA = (
    "the database was made by another edit of the schema than this version's. Until 0.1.0 the schema is edited in place and there"
    " are no upgrades: use a new database (of the program's own server: a new data folder), or the version that made this one"
)


class MigrationFailedError(OperatorError):
    """A migration failed; its output is the message."""


async def create_database(server_dsn: str, name: str) -> None:
    """Create a database in which text sorts by code point and has the case of every script, unless it exists.

    That is C.UTF-8: PostgreSQL's own from 17 on, before that the operating system's. Where the system has none, ICU's root locale
    is used instead, which sorts as dictionaries do (docs/decisions/0028-older-postgresql.md).
    """
    connection = await asyncpg.connect(server_dsn)
    try:
        if await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", name):
            return
        create = f"CREATE DATABASE \"{name}\" TEMPLATE template0 ENCODING 'UTF8'"
        if connection.get_server_version().major >= _OWN_LOCALES:
            await connection.execute(f"{create} LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8'")
            return
        try:
            await connection.execute(f"{create} LOCALE_PROVIDER libc LOCALE '{LIBC_LOCALE}'")
        except asyncpg.WrongObjectTypeError:  # "invalid locale name"
            await connection.execute(f"{create} LOCALE_PROVIDER icu ICU_LOCALE 'und' LOCALE 'C'")
    finally:
        await connection.close()


async def migrate(dsn: str, role: str, rights: Mapping[str, str], *, with_role: bool = True) -> list[str]:
    """Create this version's tables where they are missing, and return the names of the migrations that ran.

    `with_role=False` is for an existing role, a user of its own, which the owner need not be able to take on.

    Safe to run twice, and concurrently. Raises MigrationFailedError.
    """
    guard = await _connect(dsn)
    try:
        await guard.execute("SELECT pg_advisory_lock($1)", _LOCK)
        encoding, remedy = await encoding_of(guard)
        if remedy:
            raise MigrationFailedError(f"DATABASE_URL: the database's encoding is {encoding}: {remedy}")
        before = await _applied(guard)
        if unknown := _unknown(before):
            raise MigrationFailedError(f"DATABASE_URL: {OTHER_SCHEMA} ({', '.join(unknown)})")
        await DB.open(dsn, pool_size=4, patient=True)
        try:
            await _run_piccolo()
            await _install_queue(guard)
        finally:
            await DB.close()
        await _grant(guard, role, rights, with_role=with_role)
        return sorted(await _applied(guard) - before)
    finally:
        await guard.close()


@contextlib.asynccontextmanager
async def connected(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    """Yield a connection to the database. Raises MigrationFailedError if it cannot be reached."""
    connection = await _connect(dsn)
    try:
        yield connection
    finally:
        await connection.close()


async def encoding_of(connection: asyncpg.Connection) -> tuple[str, str]:
    """Return the database's encoding, and for one that lacks characters what to do about it."""
    found: str = await connection.fetchval("SHOW server_encoding")
    return found, "" if found == "UTF8" else "make the database again with ENCODING 'UTF8' TEMPLATE template0"


async def _connect(dsn: str) -> asyncpg.Connection:
    try:
        return await asyncpg.connect(dsn)
    except (OSError, asyncpg.PostgresError) as error:
        raise MigrationFailedError(f"DATABASE_URL: the database cannot be reached ({error})") from error


async def pending(dsn: str) -> list[str]:
    """Return the migrations of this version that the database lacks, as `app:id`."""
    connection = await asyncpg.connect(dsn)
    try:
        applied = await _applied(connection)
    finally:
        await connection.close()
    return sorted(shipped() - applied)


async def unknown(dsn: str) -> list[str]:
    """Return the migrations that the database has and this version's packages do not, as `app:id`."""
    async with connected(dsn) as connection:
        return _unknown(await _applied(connection))


def _unknown(applied: set[str]) -> list[str]:
    # Migrations of a package that is not configured now do not count.
    return sorted(name for name in applied - shipped() if name.partition(":")[0] in APP_REGISTRY.app_configs)


def shipped() -> set[str]:
    """Return this version's migrations as `app:id`."""
    _use_our_configuration()
    finder = BaseMigrationManager()
    found = set()
    for config in APP_REGISTRY.app_configs.values():
        modules = finder.get_migration_modules(config.resolved_migrations_folder_path)
        found |= {f"{config.app_name}:{migration_id}" for migration_id in modules}
    return found


async def _applied(connection: asyncpg.Connection) -> set[str]:
    if await connection.fetchval("SELECT to_regclass('migration')") is None:
        return set()
    rows = await connection.fetch("SELECT app_name, name FROM migration")
    return {f"{row['app_name']}:{row['name']}" for row in rows}


def _use_our_configuration() -> None:
    # Piccolo's commands find engine and apps through this variable.
    os.environ.setdefault("PICCOLO_CONF", "marketplace.piccolo_conf")


async def _run_piccolo() -> None:
    _use_our_configuration()
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        for name in APP_REGISTRY.app_configs:
            result = await ForwardsMigrationManager(app_name=name, migration_id="all").run()
            if not result.success:
                raise MigrationFailedError(f"{name}: {result.message}\n{printed.getvalue()}")


async def _install_queue(connection: asyncpg.Connection) -> None:
    queries = Queries(AsyncpgDriver(connection))
    if not await queries.has_table("pgqueuer"):
        await queries.install()
    else:
        await queries.upgrade()


async def let_sign_in(dsn: str, role: str) -> None:
    """Allow the role to log in to our own server, whose socket only this machine's user reaches."""
    connection = await _connect(dsn)
    try:
        if not await connection.fetchval("SELECT rolcanlogin FROM pg_roles WHERE rolname = $1", role):
            await connection.execute(f"ALTER ROLE {role} LOGIN")
    finally:
        await connection.close()


async def check_serving_user(dsn: str, role: str) -> None:
    """Raise MigrationFailedError unless the serving user exists and can log in."""
    try:
        connection = await asyncpg.connect(dsn)
    except (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidPasswordError) as error:
        raise MigrationFailedError(
            f"DATABASE_URL: the user {role} cannot sign in ({error}); have an administrator run"
            f" CREATE ROLE {role} LOGIN PASSWORD '…';"
        ) from error
    except (OSError, asyncpg.PostgresError) as error:
        raise MigrationFailedError(f"DATABASE_URL: the database cannot be reached ({error})") from error
    await connection.close()


async def _grant(connection: asyncpg.Connection, role: str, rights: Mapping[str, str], *, with_role: bool) -> None:
    try:
        if with_role:
            await _have_role(connection, role)
    except asyncpg.InsufficientPrivilegeError as error:
        raise MigrationFailedError(
            f"the database user may not make or take on the role {role}: have an administrator run"
            f" CREATE ROLE {role} NOLOGIN; GRANT {role} TO <the user of DATABASE_URL>;"
        ) from error
    await grant(connection, role, rights)


async def _have_role(connection: asyncpg.Connection, role: str) -> None:
    await connection.execute(
        # Roles belong to the whole server: another database's migrator may have created it a moment ago.
        f"DO $$ BEGIN IF to_regrole('{role}') IS NULL THEN CREATE ROLE {role} NOLOGIN; END IF;"
        " EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$"
    )
    for attempt in range(5):
        if await connection.fetchval("SELECT pg_has_role(current_user, $1, 'MEMBER')", role):
            return
        try:
            await connection.execute(f"GRANT {role} TO CURRENT_USER")
        except asyncpg.InternalServerError:  # "tuple concurrently updated": another migrator grants the same
            await asyncio.sleep(0.1 * (attempt + 1))
