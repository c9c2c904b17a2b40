"""Migrations: twice is once, two at once are one after the other, and what stands in the way is one clear line."""

import asyncio
import sys
from collections.abc import AsyncIterator
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import pytest

from benefits.migrations import benefits_2026_11_26_analyze as benefits_analyze
from benefits.migrations import benefits_2026_11_26_samples as benefits_samples
from benefits.migrations import benefits_2026_11_26_vacuum as benefits_vacuum
from benefits.migrations import benefits_2026_11_27_voucher as benefits_voucher
from marketplace.platform import migrate as migrations
from marketplace.platform.database import DB
from marketplace.platform.migrate import MigrationFailedError, create_database, migrate, pending, shipped
from marketplace.platform.migrations import platform_2026_11_26_analyze as platform_analyze
from marketplace.platform.migrations import platform_2026_11_26_samples as platform_samples
from marketplace.platform.migrations import platform_2026_11_26_vacuum as platform_vacuum
from marketplace.platform.runtime import table_rights, with_database
from marketplace.settings import Settings
from tests.support.today import sql_now


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


async def test_tables_that_grow_by_every_request_are_sampled_sparsely(database: str) -> None:
    """ANALYZE in the middle of a member day took a core for a second and a half."""
    rows = await DB.fetch(
        """SELECT c.relname, max(a.attstattarget) AS most, bool_or(a.attstattarget IS NULL) AS unset FROM pg_class c
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        WHERE c.relname = ANY($1::text[]) GROUP BY 1""",
        [*benefits_samples.TABLES, *platform_samples.TABLES],
    )
    assert {row["relname"] for row in rows} == {*benefits_samples.TABLES, *platform_samples.TABLES}
    fewest = {*benefits_analyze.BY_KEY_ALONE, *platform_analyze.BY_KEY_ALONE}
    for row in rows:
        assert (row["most"], row["unset"]) == (1 if row["relname"] in fewest else 10, False), row["relname"]


async def test_tables_that_grow_by_every_request_are_analyzed_when_they_have_doubled(database: str) -> None:
    """It came every minute of a member day, to one after the other."""
    rows = await DB.fetch(
        "SELECT relname FROM pg_class WHERE reloptions::text LIKE '%analyze_scale_factor=1,%' "
        "OR reloptions::text LIKE '%analyze_scale_factor=1}%'"
    )
    assert {row["relname"] for row in rows} == {*benefits_analyze.TABLES, *platform_analyze.TABLES}


async def test_rows_that_are_only_added_are_vacuumed_late(database: str) -> None:
    """It came every minute of a member day."""
    rows = await DB.fetch(
        "SELECT relname FROM pg_class WHERE reloptions::text LIKE '%vacuum_insert_threshold=1000000%'"
    )
    assert {row["relname"] for row in rows} == {*benefits_vacuum.TABLES, *platform_vacuum.TABLES}


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
        "import asyncio, sys; from marketplace.platform.migrate import migrate;"
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

    async def look() -> None:
        seen.extend([await DB.fetchval(f"SHOW {name}") for name in ("statement_timeout", "lock_timeout")])

    monkeypatch.setattr(migrations, "_run_piccolo", look)
    with pytest.raises(asyncpg.UndefinedTableError):  # there is nothing to grant rights to
        await migrate(empty, settings.database_role, table_rights(settings))
    assert seen == ["0", "2s"]


async def test_a_redemption_of_an_earlier_version_learns_its_voucher(empty: str, settings: Settings) -> None:
    await migrate(empty, settings.database_role, table_rights(settings))
    connection = await asyncpg.connect(empty)
    try:
        await connection.execute("ALTER TABLE redemption DROP COLUMN voucher_id")
        await connection.execute("CREATE UNIQUE INDEX voucher_redemption ON voucher (bucket, redemption_id)")
        made = {uuid4(): uuid4() for _ in range(3)}
        for redemption_id, voucher_id in made.items():
            await connection.execute(
                "INSERT INTO redemption (bucket, id, member_id, offer_id, revision, partner_id, quantity, points, windows,"
                f" settlement, status, redeemed_at) VALUES (7, $1, $1, $1, 1, $1, 1, 10, '{{}}', '{{}}', 'issued', {sql_now()})",
                redemption_id,
            )
            await connection.execute(
                "INSERT INTO voucher (bucket, id, code, redemption_id, member_id, partner_id, offer_id, revision, quantity,"
                f" status, expires_at) VALUES (7, $2, $2::uuid::text, $1, $1, $1, $1, 1, 1, 'issued', {sql_now()})",
                redemption_id,
                voucher_id,
            )
        async with connection.transaction():
            for statement in benefits_voucher.STATEMENTS:
                await connection.execute(statement)
        found = await connection.fetch("SELECT id, voucher_id FROM redemption")
        assert {row["id"]: row["voucher_id"] for row in found} == made
    finally:
        await connection.close()
