"""An installation of the version before keeps its clients, their secrets and its signing key."""

import contextlib
import io
import os
from uuid import uuid4

import asyncpg
from piccolo.apps.migrations.commands.forwards import ForwardsMigrationManager

from marketplace.kernel.clock import Clock
from marketplace.kernel.ids import uuid7
from marketplace.platform.database import DB, unit_of_work
from marketplace.platform.migrate import create_database, migrate
from marketplace.platform.runtime import table_rights, with_database
from marketplace.settings import Settings
from partners.oauth.gate import SELECT, client_of
from partners.oauth.secrets import digest, secret_matches

BEFORE = "2026-11-22T00:00:00:000022"
"""The last migration of the partners' package before this one's."""


async def test_secrets_of_the_version_before_go_on_working(postgres: str, settings: Settings) -> None:
    name = f"m{uuid4().hex[:12]}"
    await create_database(postgres, name)
    dsn, secret = with_database(postgres, name), "mps_" + "x" * 43
    os.environ.setdefault("PICCOLO_CONF", "marketplace.piccolo_conf")
    try:
        await DB.open(dsn, pool_size=4, patient=True)
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                for app, until in (("platform", "all"), ("partners", BEFORE)):
                    assert (await ForwardsMigrationManager(app_name=app, migration_id=until).run()).success
            async with unit_of_work() as work:
                for number in (1, 2):
                    await work.execute(
                        "INSERT INTO oauth_client (client_id, name, audience, auth_method, secret_hash, scopes, status, demo,"
                        " created_at, created_by) VALUES ($1, 'DMS', 'points', 'client_secret_basic', $2, '{points:write}',"
                        " 'active', false, $3, 'test')",
                        f"points_{number}",
                        digest(secret + str(number)),
                        Clock().now(),
                    )
        finally:
            await DB.close()
        await migrate(dsn, settings.database_role, table_rights(settings))
        await DB.open(dsn, settings.database_role, 4)
        try:
            for number in (1, 2):
                client = client_of(await DB.fetchrow(f"{SELECT} WHERE c.client_id = $1", f"points_{number}"))
                (kept,) = client.secrets
                assert secret_matches(secret + str(number), kept.digest)
                assert kept.works(Clock().now())
                assert (client.kind, client.grant_types, client.livemode) == ("own", {"client_credentials"}, True)
                assert kept.id.version == uuid7().version
        finally:
            await DB.close()
    finally:
        connection = await asyncpg.connect(postgres)
        await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await connection.close()
