"""Checks that everything the program needs is present. Each finding says what to do."""

import asyncio
import sys
from datetime import timedelta
from pathlib import Path

import asyncpg

from marketplace.kernel.clock import WALL
from marketplace.platform.invariants.report import TRUSTED_H
from marketplace.platform.packages import package_classes
from marketplace.platform.postgres.database import connection_config
from marketplace.platform.postgres.embedded import EmbeddedServer, EmbeddedServerError, check_folder
from marketplace.platform.postgres.migrate import OTHER_SCHEMA, pending, unknown
from marketplace.platform.postgres.rights import differences, held
from marketplace.platform.runtime import doctor_checks
from marketplace.platform.runtime.commands import settings_for
from marketplace.platform.runtime.database_server import DATABASE_NAME, table_rights, with_database
from marketplace.platform.runtime.doctor_checks import Finding
from marketplace.settings import VARIABLES, Settings, SettingsError

LOWEST_PYTHON = (3, 11)
LOWEST_POSTGRESQL = 15


async def diagnose(data: Path | None, workers: int = 1) -> list[Finding]:
    """Check Python, settings, database, mail and ONE ID for that many workers of `serve`; changes nothing."""
    findings = [_python()]
    try:
        settings = settings_for(data)
        package_classes(settings.packages)
    except SettingsError as error:
        return [*findings, Finding(good=False, what="settings", remedy=str(error))]
    findings.append(Finding(good=True, what=f"settings ({settings.mode})"))
    findings += await asyncio.gather(doctor_checks.mail_server(settings), doctor_checks.one_id(settings))
    try:
        dsn = _address(settings)
    except EmbeddedServerError as error:
        return [*findings, Finding(good=False, what="database", remedy=str(error))]
    if dsn is None:
        remedy = "start it with `marketplace demo` or `marketplace serve`, or set DATABASE_URL"
        return [*findings, Finding(good=False, what="database: the embedded server is not running", remedy=remedy)]
    return [*findings, *await _database(settings, dsn, workers)]


def _python() -> Finding:
    version = ".".join(str(part) for part in sys.version_info[:3])
    if sys.version_info < LOWEST_PYTHON:
        return Finding(good=False, what=f"Python {version}", remedy="install 3.11 or newer")
    return Finding(good=True, what=f"Python {version}")


def _address(settings: Settings) -> str | None:
    if settings.database_url:
        return settings.database_url
    check_folder(settings.data)
    server = EmbeddedServer(settings.data)
    return with_database(server.start(), DATABASE_NAME) if server.is_running() else None


async def _database(settings: Settings, dsn: str, workers: int = 1) -> list[Finding]:
    try:
        connection = await asyncpg.connect(**connection_config(dsn))
    except (OSError, asyncpg.PostgresError) as error:
        return [Finding(good=False, what="database", remedy=f"cannot be reached: {error}")]
    try:
        number = connection.get_server_version().major
        enough = number >= LOWEST_POSTGRESQL
        found = [Finding(enough, f"PostgreSQL {number}", "" if enough else f"{LOWEST_POSTGRESQL} or newer is needed")]
        missing = await pending(dsn)
        remedy = "run `marketplace migrate`" if missing else ""
        if await unknown(dsn):
            remedy = OTHER_SCHEMA
        found.append(Finding(not remedy, f"migrations ({len(missing)} to run)", remedy))
        if not remedy:
            found += [await _role(connection, settings), await _users(connection, settings), await _checks(connection)]
            found += [await check(connection, settings) for check in doctor_checks.OF_DATABASE]
            found.append(await doctor_checks.connections(connection, settings, workers))
        return found
    finally:
        await connection.close()


async def _role(connection: asyncpg.Connection, settings: Settings) -> Finding:
    role = settings.database_role
    if not await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", role):
        return Finding(
            good=False, what=f"role {role}", remedy="run `marketplace migrate` as a user that may create roles"
        )
    wrong = sorted(differences(await held(connection, role), table_rights(settings)))
    remedy = f"its rights on {', '.join(wrong)} are not this version's; run `marketplace migrate`" if wrong else ""
    return Finding(not wrong, f"role {role} has the rights that serving needs, and no others", remedy)


async def _users(connection: asyncpg.Connection, settings: Settings) -> Finding:
    """Check that the serving user cannot become the owner of the tables. Our own server always has two users."""
    role, owner = settings.database_role, VARIABLES["owner_url"]
    row = await connection.fetchrow(
        "SELECT (r.rolsuper OR r.rolcreaterole OR pg_has_role(r.oid, t.tableowner, 'MEMBER')) AS mighty, t.tableowner AS owner"
        " FROM pg_roles r, pg_tables t WHERE r.rolname = $1 AND t.schemaname = 'public' AND t.tablename = 'event'",
        role,
    )
    if row["mighty"]:
        remedy = f"it is, or may become, {row['owner']}, who owns the tables: REVOKE {row['owner']} FROM {role};"
        return Finding(good=False, what=f"database users: {role} has more than serving needs", remedy=remedy)
    if settings.database_url and not settings.owner_url:
        remedy = (
            f"serving signs in as the owner of the tables: CREATE ROLE app LOGIN PASSWORD '…'; set {owner} to what DATABASE_URL"
            " is now, and DATABASE_URL to the new user; run `marketplace migrate`"
        )
        return Finding(good=settings.mode != "production", what="database users: one for everything", remedy=remedy)
    return Finding(good=True, what=f"database users: {role} serves, {row['owner']} owns")


async def _checks(connection: asyncpg.Connection) -> Finding:
    row = await connection.fetchrow(
        "SELECT count(DISTINCT name) AS known, count(DISTINCT name) FILTER (WHERE broken > 0) AS broken,"
        " min(name) FILTER (WHERE broken > 0) AS first,"
        " coalesce(min(checked_at) < $1, false) AS old,"
        " to_char(min(checked_at) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI UTC') AS since FROM invariant_slice",
        WALL.now() - timedelta(hours=TRUSTED_H),
    )
    if row["broken"]:
        remedy = (
            f"{row['first']}: GET /v1/admin/invariants shows the rows; payouts are stopped until they are explained"
        )
        return Finding(
            good=False, what=f"running checks ({row['broken']} of {row['known']} do not hold)", remedy=remedy
        )
    if row["old"]:
        remedy = "see that `marketplace work` is running; payouts are stopped until it has caught up"
        return Finding(good=False, what=f"running checks (not all since {row['since']})", remedy=remedy)
    return Finding(
        good=True, what=f"running checks ({row['known']} hold)" if row["known"] else "running checks (none yet)"
    )
