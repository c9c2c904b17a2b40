"""Piccolo's query builder on our table classes: inside a unit of work, outside of one, in a sandbox."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest

from marketplace.platform.postgres import database as databases
from marketplace.platform.postgres.database import (
    DB,
    Busy,
    DatabaseHandle,
    TransactionMisuseError,
    unit_of_work,
    using_database,
)
from marketplace.platform.postgres.migrate import create_database, migrate
from marketplace.platform.runtime.database_server import table_rights, with_database
from marketplace.platform.tables import InvariantSliceRow, OutgoingMailRow
from marketplace.settings import Settings
from partners.registry.tables import PartnerHistoryRow, PartnerRow
from tests.support import today


def a_partner(partner_id: UUID) -> PartnerRow:
    now = today.now()
    return PartnerRow(
        id=partner_id, status="applied", version=1, name_zh="华住", name_en="Huazhu", legal_name="华住集团", kind="hotel_group",
        registration_number="x", contact={"email": "li@huazhu.example", "name": "李娜"}, scenarios=["lodging", "dining"],
        description="", application_token_hash=b"x", applied_at=now, changed_at=now,
    )  # fmt: skip


async def test_a_query_is_part_of_the_unit_of_work(database: str) -> None:
    partner_id = uuid4()
    with pytest.raises(ZeroDivisionError):
        async with unit_of_work() as work:
            await PartnerRow.insert(a_partner(partner_id))
            assert await work.fetchval("SELECT count(*) FROM partner") == 1
            raise ZeroDivisionError
    assert await PartnerRow.count() == 0


async def test_a_query_handed_to_a_unit_of_work_runs_in_it_or_not_at_all(database: str) -> None:
    async with unit_of_work() as work:
        await work.run(PartnerRow.insert(a_partner(uuid4())))
        assert await work.run(PartnerRow.count()) == 1
    with pytest.raises(TransactionMisuseError):
        await work.run(PartnerRow.insert(a_partner(uuid4())))
    async with unit_of_work():
        with pytest.raises(TransactionMisuseError):
            await work.run(PartnerRow.insert(a_partner(uuid4())))
    assert await PartnerRow.count() == 1


async def test_values_come_back_as_they_went(database: str) -> None:
    """JSON as values, arrays as lists, ids as UUIDs; a column of the database's making is left to it."""
    partner_id, now = uuid4(), today.now()
    await PartnerRow.insert(a_partner(partner_id))
    row = await PartnerRow.select().where(PartnerRow.id == partner_id).first()
    assert row is not None
    assert (row["id"], row["contact"], row["scenarios"], row["website"], row["application_token_hash"]) == (
        partner_id, {"email": "li@huazhu.example", "name": "李娜"}, ["lodging", "dining"], None, b"x",
    )  # fmt: skip
    for action in ("apply", "approve"):
        await PartnerHistoryRow.insert(
            PartnerHistoryRow(partner_id=partner_id, at=now, actor="t", action=action, before=None, after="applied")
        )
    seen = await PartnerHistoryRow.select().order_by(PartnerHistoryRow.seq)
    assert [(one["seq"], one["action"]) for one in seen] == [(1, "apply"), (2, "approve")]
    assert InvariantSliceRow(name="x", low="").due_at is not None


async def test_a_row_that_lacks_a_value_is_refused_before_it_is_sent(database: str) -> None:
    with pytest.raises(ValueError, match="recipient wasn't provided"):
        OutgoingMailRow(id=uuid4())


async def test_whoever_finds_no_connection_is_told_so(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Piccolo's own way would wait until a connection comes free."""
    monkeypatch.setattr(databases, "ACQUIRE_TIMEOUT_S", 0.1)
    assert DB.pool is not None
    taken = [await DB.pool.acquire() for _ in range(DB.pool.get_max_size())]
    try:
        with pytest.raises(Busy):
            await asyncio.wait_for(PartnerRow.count().run(), timedelta(seconds=20).total_seconds())
    finally:
        for connection in taken:
            await DB.pool.release(connection)


@pytest.fixture
async def sandbox(postgres: str, settings: Settings) -> AsyncIterator[DatabaseHandle]:
    name, place = f"q{uuid4().hex[:12]}", DatabaseHandle(live=False)
    await create_database(postgres, name)
    with using_database(place):
        await migrate(with_database(postgres, name), settings.database_role, table_rights(settings))
        await DB.open(with_database(postgres, name), settings.database_role, 2)
    yield place
    with using_database(place):
        await DB.close()
    connection = await asyncpg.connect(postgres)
    await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await connection.close()


async def test_a_query_goes_to_the_database_where_its_task_works(database: str, sandbox: DatabaseHandle) -> None:
    await PartnerRow.insert(a_partner(uuid4()))
    with using_database(sandbox):
        assert await PartnerRow.count() == 0
        async with unit_of_work():
            await PartnerRow.insert(a_partner(uuid4()), a_partner(uuid4()))
        assert await PartnerRow.count() == 2
    assert await PartnerRow.count() == 1
