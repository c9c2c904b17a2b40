"""The checks of `doctor` besides Python, settings and privileges: the database's own settings, mail and ONE ID."""

import asyncio
import smtplib
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import asyncpg
import httpx
import msgspec

from marketplace.kernel.clock import WALL
from marketplace.platform.encryption import secret_keys
from marketplace.platform.outbound import mail
from marketplace.platform.postgres.database_time import PRESENT
from marketplace.platform.postgres.migrate import encoding_of
from marketplace.platform.validation.foreign import UnreadableError, import_jwks, reading
from marketplace.settings import VARIABLES, Settings, SettingsError

DESKS = 4
"""Connections of a process's desks, besides its pool."""
SANDBOXES = 16
"""Connections of the sandboxes that one serving process may have open: four, each with a pool of three and its jobs."""
JOBS = 1

_CLOCKS_APART = timedelta(seconds=5)
"""Tokens allow ten seconds; the database's clock and ours should not use all of them up."""
_TIMEOUT_S = 10.0


class Finding(msgspec.Struct, frozen=True):
    """The result of one check."""

    good: bool
    what: str
    remedy: str = ""


async def secret_key(connection: asyncpg.Connection, settings: Settings) -> Finding:
    """Check that the secret key belongs to the database."""
    try:
        await secret_keys.check(connection, settings.keys)
    except SettingsError as error:
        return Finding(good=False, what="secret key", remedy=str(error))
    marks = await connection.fetchval("SELECT count(*) FROM secret_key_mark")
    remedy = f"something may be under an older key: run `{secret_keys.COMMAND}`" if marks > 1 else ""
    return Finding(
        good=True, what="secret key: the database's" if marks else "secret key: none used yet", remedy=remedy
    )


async def creates_databases(connection: asyncpg.Connection, _settings: Settings) -> Finding:
    """Check that the owner of the tables can create sandboxes' databases."""
    row = await connection.fetchrow(
        "SELECT t.tableowner AS owner, r.rolsuper OR r.rolcreatedb AS may FROM pg_tables t, pg_roles r"
        " WHERE r.rolname = t.tableowner AND t.schemaname = 'public' AND t.tablename = 'event'"
    )
    remedy = "" if row["may"] else f"no sandbox can be made: ALTER ROLE {row['owner']} CREATEDB;"
    return Finding(row["may"], f"sandboxes: {row['owner']} may create databases", remedy)


async def encoding(connection: asyncpg.Connection, _settings: Settings) -> Finding:
    """Check that the database accepts all characters."""
    found, remedy = await encoding_of(connection)
    return Finding(not remedy, f"encoding {found}", remedy)


async def clock(connection: asyncpg.Connection, _settings: Settings) -> Finding:
    """Compare the database's clock with ours; the query's duration is not counted."""
    before = WALL.now()
    theirs = WALL.shifted(await connection.fetchval(PRESENT))
    apart = max(before - theirs, theirs - WALL.now(), timedelta())
    good = apart <= _CLOCKS_APART
    remedy = "" if good else "let both machines follow a time server (chrony, systemd-timesyncd)"
    return Finding(good, f"clocks: the database's is {apart.total_seconds():.1f} s off ours", remedy)


async def connections(connection: asyncpg.Connection, settings: Settings, workers: int) -> Finding:
    """Compare max_connections with what the workers of `serve` and one `work` may open."""
    row = await connection.fetchrow(
        "SELECT sum(setting::int) FILTER (WHERE name = 'max_connections')"
        " - sum(setting::int) FILTER (WHERE name <> 'max_connections') AS free FROM pg_settings"
        " WHERE name IN ('max_connections', 'superuser_reserved_connections', 'reserved_connections')"
    )
    one = settings.pool_size + DESKS + JOBS
    needed = workers * (one + SANDBOXES) + one
    what = (
        f"connections: {row['free']} for {needed}, which are {workers} of `serve` (pool {settings.pool_size}, desks {DESKS},"
        f" jobs {JOBS}, sandboxes {SANDBOXES}) and one of `work` ({one})"
    )
    remedy = (
        ""
        if row["free"] >= needed
        else (
            f"raise max_connections by {needed - row['free']}, or lower {VARIABLES['pool_size']} or the number of workers"
        )
    )
    return Finding(row["free"] >= needed, what, remedy)


async def mail_server(settings: Settings) -> Finding:
    """Connect to the mail server, greet it and log in; nothing is sent."""
    if not settings.smtp_url:
        return Finding(good=True, what="mail: no server is named, messages wait")
    try:
        await asyncio.to_thread(_greet, settings.smtp_url)
    except (OSError, smtplib.SMTPException) as error:
        return Finding(good=False, what="mail", remedy=f"{VARIABLES['smtp_url']}: {error}")
    return Finding(good=True, what="mail: the server answers and lets us in")


def _greet(url: str) -> None:
    with mail.session(url) as server:
        server.ehlo_or_helo_if_needed()
        code, said = server.noop()
        if code >= 400:
            raise smtplib.SMTPResponseException(code, said)


async def one_id(settings: Settings, transport: httpx.AsyncBaseTransport | None = None) -> Finding:
    """Read ONE ID's discovery document and its keys."""
    if not settings.oneid_issuer:
        return Finding(good=True, what="ONE ID: the demo's own")
    issuer = settings.oneid_issuer
    try:
        async with httpx.AsyncClient(timeout=_TIMEOUT_S, transport=transport) as client:
            said = await _json(
                client, f"{issuer.rstrip('/')}/.well-known/openid-configuration", "the discovery document"
            )
            with reading("the discovery document"):
                named, where = said["issuer"], httpx.URL(said["jwks_uri"])
            if named != issuer:
                remedy = f"{VARIABLES['oneid_issuer']}: it calls itself {named!r}; set just that"
                return Finding(good=False, what="ONE ID", remedy=remedy)
            keys = import_jwks(await _json(client, str(where), "the key set"))
    except (httpx.HTTPError, httpx.InvalidURL, UnreadableError) as error:
        return Finding(good=False, what="ONE ID", remedy=f"{VARIABLES['oneid_issuer']}: {error or repr(error)}")
    return Finding(good=True, what=f"ONE ID: {issuer} answers ({len(keys.keys)} keys)")


async def _json(client: httpx.AsyncClient, url: str, what: str) -> Any:
    answer = await client.get(url)
    answer.raise_for_status()
    with reading(what):
        return answer.json()


OF_DATABASE: tuple[Callable[[asyncpg.Connection, Settings], Awaitable[Finding]], ...] = (
    secret_key, creates_databases, encoding, clock,
)  # fmt: skip
