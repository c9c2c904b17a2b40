"""What stops payouts: a breach that is known, a breach of the partner's own that nobody knows yet, and not knowing."""

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from marketplace.kernel.clock import Clock
from marketplace.kernel.ids import uuid7
from marketplace.platform.postgres.database import DB
from marketplace.settings import Settings
from tests.support import today
from tests.support.app import Api, running_app
from tests.support.finance import NOVEMBER_10, approve, check_now, closed, pay
from tests.support.settlement import Sale, record_and_post
from tests.support.today import sql_now


@pytest.fixture
async def api(settings: Settings, dsn: str) -> AsyncIterator[Api]:
    """The application on the tenth of November 2026."""
    clock = Clock()
    clock.offset = NOVEMBER_10 - today.now()
    async with running_app(settings, dsn, clock) as running:
        yield running


@pytest.fixture
async def statement(api: Api, settings: Settings) -> dict[str, Any]:
    """An approved statement; the running checks have found everything true."""
    await record_and_post(settings, [Sale().used()])
    (statement,) = await closed(api)
    assert (await approve(api, statement["id"])).status_code == 200
    return statement


async def _as_owner(dsn: str, change: str) -> None:
    owner = await asyncpg.connect(dsn)
    try:
        await owner.execute(change)
    finally:
        await owner.close()


async def _stopped(api: Api, statement: dict[str, Any], code: str) -> dict[str, Any]:
    answer = await pay(api, statement["id"])
    assert (answer.status_code, answer.json()["code"]) == (503, code), answer.text
    assert await DB.fetchval("SELECT count(*) FROM payout") == 0
    problem: dict[str, Any] = answer.json()
    assert not {name for name in problem if name.startswith(("zh_", "en_"))}
    return problem


async def test_nothing_is_paid_while_nobody_has_checked(api: Api, statement: dict[str, Any]) -> None:
    await DB.fetch("DELETE FROM invariant_slice")
    problem = await _stopped(api, statement, "checks_too_old")
    assert problem["checked_at"] is None
    assert problem["hours"] == 2
    assert "尚无" in problem["title"]
    await check_now(api)
    assert (await pay(api, statement["id"])).status_code == 201


async def test_an_old_check_is_not_trusted(api: Api, statement: dict[str, Any]) -> None:
    """One invariant of the money that was not looked at for two hours is enough; points may be older."""
    await DB.fetch("UPDATE invariant_slice SET checked_at = checked_at - interval '9 hours' WHERE name LIKE 'wallet%'")
    name = "a reversal mirrors its original"
    await DB.fetch(
        f"UPDATE invariant_slice SET checked_at = {sql_now()} - interval '2 hours 1 minute' WHERE name = $1", name
    )
    problem = await _stopped(api, statement, "checks_too_old")
    assert problem["invariant"] == name
    assert problem["checked_at"] in problem["title"]
    await DB.fetch(
        f"UPDATE invariant_slice SET checked_at = {sql_now()} - interval '1 hour 59 minutes' WHERE name = $1", name
    )
    assert (await pay(api, statement["id"])).status_code == 201


async def test_a_breach_of_its_own_book_stops_the_payout_before_any_check_has_seen_it(
    api: Api, statement: dict[str, Any], dsn: str
) -> None:
    await _as_owner(dsn, "UPDATE settlement_period SET open_from = '2026-10-01'")
    problem = await _stopped(api, statement, "payouts_stopped")
    assert problem["invariant"] == "closed months have statements, open months none"
    await _as_owner(dsn, "UPDATE settlement_period SET open_from = '2026-11-01'")
    assert (await pay(api, statement["id"])).status_code == 201


async def test_a_known_breach_of_points_stops_payouts_too(api: Api, statement: dict[str, Any], dsn: str) -> None:
    """What members had is what partners are paid for."""
    member_id = uuid7()
    bucket = member_id.int & 1023
    await _as_owner(
        dsn, f"INSERT INTO wallet (bucket, member_id, balance, held) VALUES ({bucket}, '{member_id}', 5, 0)"
    )
    await check_now(api)
    problem = await _stopped(api, statement, "payouts_stopped")
    assert problem["invariant"] == "wallet = lots = postings, held = open holds"
    assert problem["since"] in problem["title"]
    await _as_owner(dsn, "DELETE FROM wallet")
    await _stopped(api, statement, "payouts_stopped")  # until somebody has looked again
    await check_now(api)
    assert (await pay(api, statement["id"])).status_code == 201


async def test_a_consumer_that_stands_still_stops_no_payout(api: Api, statement: dict[str, Any], dsn: str) -> None:
    """A month is closed after its consumer has caught up: what is closed can be paid."""
    await _as_owner(dsn, "UPDATE consumer_position SET error = 'boom'")
    assert not (await check_now(api))["holds"]
    assert (await pay(api, statement["id"])).status_code == 201
