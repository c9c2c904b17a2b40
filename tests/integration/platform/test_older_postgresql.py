"""On the PostgreSQL that Debian has, 15: migrate, doctor, a journey and a sandbox; text sorts as on ours."""

from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import msgspec
import pytest

from marketplace.kernel.clock import Clock
from marketplace.platform.postgres.migrate import MigrationFailedError, create_database
from marketplace.platform.runtime.database_server import prepare, with_database, with_user
from marketplace.platform.runtime.doctor import _database
from marketplace.settings import Settings
from tests.journeys.test_application_to_payout import whole_chain
from tests.support.app import running_app
from tests.support.cluster import VARIABLE, cluster, programs
from tests.support.flow import Partner
from tests.support.sandboxes import sandboxed

PROGRAMS = programs()
NONE = f"no other PostgreSQL here: apt-get install postgresql-15, or name its bin folder in {VARIABLE}"
WORDS = ["酒店", "北京", "上海", "Zebra", "apple", "Éclair", "éclair", "a1", "a-b", "ab", "A", "_x", "10", "9"]


@pytest.fixture
async def server() -> AsyncIterator[str]:
    async with cluster(PROGRAMS or Path()) as address:
        yield address


async def sorted_by(dsn: str) -> list[str]:
    connection = await asyncpg.connect(dsn)
    try:
        rows = await connection.fetch("SELECT word FROM unnest($1::text[]) word ORDER BY word", WORDS)
        return [row["word"] for row in rows]
    finally:
        await connection.close()


async def folded(dsn: str) -> str:
    connection = await asyncpg.connect(dsn)
    try:
        return str(await connection.fetchval("SELECT lower('ÉCLAIR ŽIŽKA 酒店')"))
    finally:
        await connection.close()


@pytest.mark.skipif(PROGRAMS is None, reason=NONE)
async def test_text_sorts_and_folds_as_on_ours(server: str, dsn: str) -> None:
    await create_database(server, "older")
    older = with_database(server, "older")
    assert await sorted_by(older) == await sorted_by(dsn) == sorted(WORDS)
    assert await folded(older) == await folded(dsn) == "éclair žižka 酒店"


@pytest.mark.skipif(PROGRAMS is None, reason=NONE)
async def test_where_the_machine_lacks_the_locale_icu_is_taken(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("marketplace.platform.postgres.migrate.LIBC_LOCALE", "xx_XX.nowhere")
    await create_database(server, "by_icu")
    connection = await asyncpg.connect(server)
    row = await connection.fetchrow(
        "SELECT datlocprovider, daticulocale, encoding FROM pg_database WHERE datname = 'by_icu'"
    )
    await connection.close()
    assert (row["datlocprovider"], row["daticulocale"], row["encoding"]) == (b"i", "und", 6)
    assert await folded(with_database(server, "by_icu")) == "éclair žižka 酒店"


@pytest.mark.skipif(PROGRAMS is None, reason=NONE)
async def test_two_users_a_journey_and_a_sandbox(server: str, settings: Settings) -> None:
    admin = await asyncpg.connect(server)
    await admin.execute("CREATE ROLE shop_owner LOGIN CREATEDB; CREATE ROLE shop LOGIN")
    await admin.close()
    await create_database(with_user(server, "shop_owner"), "shop")
    dsn = with_database(server, "shop")
    two = msgspec.structs.replace(
        settings, database_url=with_user(dsn, "shop"), owner_url=with_user(dsn, "shop_owner"), database_role="shop"
    )
    addresses, ran = await prepare(two, two.database_url)
    assert ran
    findings = await _database(two, two.database_url)
    assert [one.what for one in findings if not one.good] == []
    async with running_app(two, addresses.serving) as api:
        partner = await Partner(api).open()
        engineer = await sandboxed(api, partner.id)
        assert (await engineer.get("/v1/partner/sandbox"))["members"]
        await engineer.offer(title={"zh-CN": "上海酒店一晚", "en": "A night in Shanghai"})
        found = await api.get("/v1/offers", params={"q": "酒店"}, headers=await engineer.member())
        assert "上海酒店一晚" in [offer["title"]["zh-CN"] for offer in found.json()["data"]]


@pytest.mark.skipif(PROGRAMS is None, reason=NONE)
async def test_from_application_to_paid_statement(server: str, settings: Settings, clock: Clock) -> None:
    """With redemptions, their cancellation and use, the close of a period, the approval and the payment."""
    await create_database(server, "whole")
    dsn = with_database(server, "whole")
    addresses, _ = await prepare(msgspec.structs.replace(settings, database_url=dsn), dsn)
    async with running_app(settings, addresses.serving, clock) as api:
        await whole_chain(api, settings, clock)


@pytest.mark.skipif(PROGRAMS is None, reason=NONE)
@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1", "EUC_CN"])
async def test_a_database_of_another_encoding_is_not_migrated(server: str, settings: Settings, encoding: str) -> None:
    admin = await asyncpg.connect(server)
    await admin.execute(f"CREATE DATABASE other ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0")
    await admin.close()
    other = with_database(server, "other")
    with pytest.raises(MigrationFailedError, match=f"encoding is {encoding}.*ENCODING 'UTF8'"):
        await prepare(msgspec.structs.replace(settings, database_url=other), other)
    found = await asyncpg.connect(other)
    assert await found.fetchval("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0
    await found.close()
