"""Migrations: twice is once, two at once are one after the other, and what stands in the way is one clear line."""

import asyncio
import sys
import tomllib
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import pytest

from marketplace.platform.postgres import migrate as migrations
from marketplace.platform.postgres import schema_files
from marketplace.platform.postgres.database import DB
from marketplace.platform.postgres.migrate import (
    MigrationFailedError,
    create_database,
    migrate,
    pending,
    shipped,
    unknown,
)
from marketplace.platform.runtime import doctor
from marketplace.platform.runtime.database_server import table_rights, with_database
from marketplace.settings import Settings


@pytest.fixture
async def empty(postgres: str) -> AsyncIterator[str]:
    name = f"m{uuid4().hex[:12]}"
    await create_database(postgres, name)
    yield with_database(postgres, name)
    connection = await asyncpg.connect(postgres)
    await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await connection.close()


async def test_an_empty_database_becomes_this_versions(empty: str, settings: Settings) -> None:
    tables = table_rights(settings)
    assert set(await pending(empty)) == shipped()
    assert set(await migrate(empty, settings.database_role, tables)) == shipped()
    assert await migrate(empty, settings.database_role, tables) == []
    assert await pending(empty) == []


async def test_a_database_of_another_edit_of_the_schema_is_refused(empty: str, settings: Settings) -> None:
    """Nothing is done to it, and the message says what to do."""
    tables = table_rights(settings)
    await migrate(empty, settings.database_role, tables)
    connection = await asyncpg.connect(empty)
    await connection.execute("UPDATE migration SET name = 'schema-0123456789ab' WHERE app_name = 'partners'")
    assert await unknown(empty) == ["partners:schema-0123456789ab"]
    with pytest.raises(MigrationFailedError, match=r"another edit of the schema.*partners:schema-0123456789ab"):
        await migrate(empty, settings.database_role, tables)
    found = await doctor._database(settings, empty)
    (said,) = [finding for finding in found if finding.what.startswith("migrations")]
    assert (said.good, "another edit of the schema" in said.remedy) == (False, True)
    await connection.execute(
        "UPDATE migration SET app_name = 'a_package_that_is_not_plugged_in' WHERE app_name = 'partners'"
    )
    assert await unknown(empty) == []
    await connection.close()


def test_an_edit_of_the_schema_has_another_name_and_a_comment_has_not() -> None:
    said = schema_files.digest("CREATE TABLE a (\n    b int  -- two\n);\n")
    assert said == schema_files.digest("-- One.\nCREATE TABLE a ( b int );")
    assert said != schema_files.digest("CREATE TABLE a (b bigint);")


def test_the_schema_files_are_installed_with_the_program() -> None:
    patterns = tomllib.loads(Path("pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]["*"]
    assert "**/*.sql" in patterns


GROWING = {
    "earning", "event", "hold", "idempotency", "limit_used", "lot", "points_posting", "redemption", "voucher", "wallet",
}  # fmt: skip
ONLY_ADDED = GROWING - {"hold", "lot", "wallet"}
BY_KEY_ALONE = {"event", "idempotency", "limit_used", "voucher"}


async def test_tables_that_grow_by_every_request_are_sampled_sparsely(database: str) -> None:
    """ANALYZE in the middle of a member day took a core for a second and a half."""
    rows = await DB.fetch(
        """SELECT c.relname, max(a.attstattarget) AS most, bool_or(a.attstattarget IS NULL) AS unset FROM pg_class c
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        WHERE c.relname = ANY($1::text[]) GROUP BY 1""",
        list(GROWING),
    )
    assert {row["relname"] for row in rows} == GROWING
    for row in rows:
        assert (row["most"], row["unset"]) == (1 if row["relname"] in BY_KEY_ALONE else 10, False), row["relname"]


async def test_tables_that_grow_by_every_request_are_analyzed_when_they_have_doubled(database: str) -> None:
    """It came every minute of a member day, to one after the other."""
    rows = await DB.fetch(
        "SELECT relname FROM pg_class WHERE reloptions::text LIKE '%analyze_scale_factor=1,%' "
        "OR reloptions::text LIKE '%analyze_scale_factor=1}%'"
    )
    assert {row["relname"] for row in rows} == GROWING


async def test_rows_that_are_only_added_are_vacuumed_late(database: str) -> None:
    """It came every minute of a member day."""
    rows = await DB.fetch(
        "SELECT relname FROM pg_class WHERE reloptions::text LIKE '%vacuum_insert_threshold=1000000%'"
    )
    assert {row["relname"] for row in rows} == ONLY_ADDED


async def test_a_user_without_the_right_is_told_what_to_run(empty: str, postgres: str) -> None:
    owner = await asyncpg.connect(postgres)
    user = f"poor_{uuid4().hex[:8]}"
    await owner.execute(f"CREATE USER {user}")
    await owner.execute(f"ALTER DATABASE {urlsplit(empty).path[1:]} OWNER TO {user}")
    await owner.close()
    parts = urlsplit(empty)
    dsn = urlunsplit(parts._replace(netloc=f"{user}@"))
    with pytest.raises(MigrationFailedError, match=r"CREATE ROLE nobody_yet NOLOGIN"):
        await migrate(dsn, "nobody_yet", [])


async def test_a_database_that_is_not_there_is_named() -> None:
    with pytest.raises(MigrationFailedError, match=r"^DATABASE_URL: "):
        await migrate("postgresql://x@127.0.0.1:1/x", "role", {})


async def test_two_migrators_do_not_race(empty: str, settings: Settings) -> None:
    """The second process waits for the first and finds nothing left to do."""
    program = (
        "import asyncio, sys; from marketplace.platform.postgres.migrate import migrate;"
        "print(len(asyncio.run(migrate(sys.argv[1], 'marketplace_app', {'points_posting': 'SELECT, INSERT'}))))"
    )

    both = [
        await asyncio.create_subprocess_exec(sys.executable, "-c", program, empty, stdout=asyncio.subprocess.PIPE)
        for _ in range(2)
    ]
    counts = sorted([int((await process.communicate())[0]) for process in both])
    assert counts == [0, len(shipped())]


async def test_a_migration_may_take_as_long_as_a_big_table_needs(
    empty: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But it does not wait for locks while members wait behind it."""
    seen = []

    async def inspect() -> None:
        seen.extend([await DB.fetchval(f"SHOW {name}") for name in ("statement_timeout", "lock_timeout")])

    monkeypatch.setattr(migrations, "_run_piccolo", inspect)
    with pytest.raises(asyncpg.UndefinedTableError):  # there is nothing to grant rights to
        await migrate(empty, settings.database_role, table_rights(settings))
    assert seen == ["0", "2s"]
