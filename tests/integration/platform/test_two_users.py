"""Two users of the database: the owner migrates and makes sandboxes, and the user for serving cannot become it."""

import re
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import asyncpg
import msgspec
import pytest

from marketplace.platform.postgres.database import DB
from marketplace.platform.postgres.embedded import EmbeddedServer
from marketplace.platform.postgres.migrate import MigrationFailedError, create_database
from marketplace.platform.runtime.database_server import prepare, with_database, with_user
from marketplace.platform.runtime.doctor import _database
from marketplace.settings import Settings, SettingsError, load
from tests.support.app import running_app
from tests.support.flow import Partner
from tests.support.sandboxes import drop_sandboxes, sandboxed

BECOME_OWNER = (
    "RESET ROLE", "SET ROLE NONE", "SET ROLE {owner}", "SET SESSION AUTHORIZATION {owner}", "RESET SESSION AUTHORIZATION",
    "SET SESSION AUTHORIZATION DEFAULT", "GRANT {owner} TO {serving}", "ALTER ROLE {serving} SUPERUSER",
    "ALTER TABLE event OWNER TO {serving}", "CREATE ROLE another SUPERUSER", "ALTER ROLE {owner} PASSWORD 'x'",
)  # fmt: skip


async def cannot_become(dsn: str, owner: str, serving: str) -> None:
    """Whatever the session says, it may not delete what never changes, nor read more than it should."""
    connection = await asyncpg.connect(dsn)
    try:
        assert await connection.fetchval("SELECT session_user") == serving
        for statement in BECOME_OWNER:
            try:
                await connection.execute(statement.format(owner=owner, serving=serving))
            except (asyncpg.InsufficientPrivilegeError, asyncpg.InvalidParameterValueError):
                pass
            else:
                assert statement.startswith(("RESET", "SET ROLE NONE", "SET SESSION AUTHORIZATION DEFAULT")), statement
            assert await connection.fetchval("SELECT current_user") == serving, statement
            for forbidden in ("DELETE FROM event", "UPDATE statement SET total_minor = 0", "CREATE TABLE mine (x int)"):
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await connection.execute(forbidden)
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("CREATE DATABASE mine")
    finally:
        await connection.close()


@pytest.fixture
async def two(postgres: str, settings: Settings) -> AsyncIterator[Settings]:
    """The settings of an installation on somebody's PostgreSQL with two users, neither of them mighty."""
    name, admin = f"u{uuid4().hex[:10]}", await asyncpg.connect(postgres)
    owner, serving = f"{name}_owner", f"{name}_app"
    await admin.execute(f"CREATE ROLE {owner} LOGIN CREATEDB; CREATE ROLE {serving} LOGIN")
    await create_database(with_user(postgres, owner), name)
    dsn = with_database(postgres, name)
    yield msgspec.structs.replace(
        settings, database_url=with_user(dsn, serving), owner_url=with_user(dsn, owner), database_role=serving
    )
    await drop_sandboxes(postgres)
    await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await admin.execute(f"DROP ROLE {owner}; DROP ROLE {serving}")
    await admin.close()


async def test_serving_signs_in_as_itself_and_sandboxes_are_made_by_the_owner(two: Settings, postgres: str) -> None:
    addresses, ran = await prepare(two, two.database_url)
    assert (addresses.serving, addresses.owner) == (two.database_url, two.owner_url)
    assert ran
    assert (await prepare(two, two.database_url))[1] == []
    owner, serving = two.database_role.replace("_app", "_owner"), two.database_role
    await cannot_become(addresses.serving, owner, serving)
    async with running_app(two, addresses.serving) as api:
        partner = await Partner(api).open()
        engineer = await sandboxed(api, partner.id)
        assert (await engineer.get("/v1/partner/sandbox"))["members"]
        rows = await DB.fetch("SELECT DISTINCT usename FROM pg_stat_activity WHERE datname = current_database()")
        assert {row["usename"] for row in rows} == {serving}
        admin = await asyncpg.connect(postgres)
        made = await admin.fetchrow(
            "SELECT datname, datdba::regrole::text AS owner FROM pg_database WHERE datname LIKE $1 || '_sbx_%'",
            owner.removesuffix("_owner"),
        )
        await admin.close()
        assert made["owner"] == owner
        await cannot_become(with_database(two.database_url, made["datname"]), owner, serving)


async def test_doctor_says_who_serves(two: Settings, postgres: str) -> None:
    await prepare(two, two.database_url)

    async def said(settings: Settings) -> tuple[bool, str, str]:
        found = [
            one for one in await _database(settings, settings.database_url) if one.what.startswith("database users")
        ]
        return found[0].good, found[0].what, found[0].remedy

    good, what, _ = await said(two)
    assert good
    assert what == f"database users: {two.database_role} serves, {two.database_role.replace('_app', '_owner')} owns"
    alone = msgspec.structs.replace(two, owner_url="", mode="production")
    good, what, remedy = await said(alone)
    assert (good, what) == (False, "database users: one for everything")
    assert "MARKETPLACE_OWNER_URL" in remedy
    admin = await asyncpg.connect(postgres)
    await admin.execute(f"GRANT {two.database_role.replace('_app', '_owner')} TO {two.database_role}")
    await admin.close()
    good, _, remedy = await said(two)
    assert not good
    assert "REVOKE" in remedy


async def test_a_user_that_is_not_there_is_named(two: Settings) -> None:
    missing = msgspec.structs.replace(
        two, database_url=with_user(two.database_url, "nobody_here"), database_role="nobody_here"
    )
    with pytest.raises(MigrationFailedError, match=r"DATABASE_URL: the user nobody_here cannot sign in.*CREATE ROLE"):
        await prepare(missing, missing.database_url)


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="marketplace-users-", dir="/tmp", ignore_cleanup_errors=True) as name:
        yield Path(name)


async def test_our_own_server_has_two_users(settings: Settings, folder: Path) -> None:
    server = EmbeddedServer(folder)
    try:
        addresses, _ = await prepare(settings, server.start())
        await cannot_become(addresses.serving, "postgres", settings.database_role)
        assert re.match(r"postgresql://marketplace_app@/", addresses.serving)
    finally:
        server.stop()


WRONG = [
    ({"MARKETPLACE_OWNER_URL": "postgresql://o@h/d"}, "DATABASE_URL"),
    ({"MARKETPLACE_OWNER_URL": "mysql://o@h/d", "DATABASE_URL": "postgresql://a@h/d"}, "MARKETPLACE_OWNER_URL"),
    ({"MARKETPLACE_OWNER_URL": "postgresql://o@h/d", "DATABASE_URL": "postgresql://h/d"}, "DATABASE_URL"),
    (
        {"MARKETPLACE_OWNER_URL": "postgresql://a:1@h/d", "DATABASE_URL": "postgresql://a:2@h/d"},
        "MARKETPLACE_OWNER_URL",
    ),
    (
        {
            "MARKETPLACE_OWNER_URL": "postgresql://o@h/d",
            "DATABASE_URL": "postgresql://a@h/d",
            "MARKETPLACE_DATABASE_ROLE": "b",
        },
        "MARKETPLACE_DATABASE_ROLE",
    ),
]


@pytest.mark.parametrize(("variables", "named"), WRONG)
def test_two_users_that_are_none_are_named(variables: dict[str, str], named: str) -> None:
    with pytest.raises(SettingsError) as refused:
        load({"MARKETPLACE_MODE": "test", **variables})
    assert refused.value.variable == named


def test_the_role_is_the_user_for_serving() -> None:
    two = {"MARKETPLACE_OWNER_URL": "postgresql://o@h/d", "DATABASE_URL": "postgresql://app:p%40@h/d"}
    assert load({"MARKETPLACE_MODE": "test", **two}).database_role == "app"
    two["DATABASE_URL"] = "postgresql://h/d?user=app"
    assert load({"MARKETPLACE_MODE": "test", **two}).database_role == "app"
    assert load({"MARKETPLACE_MODE": "test"}).database_role == "marketplace_app"
