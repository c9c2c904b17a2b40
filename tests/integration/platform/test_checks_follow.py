"""What the checks follow step by step: the audit chain, the count of what was sold; and that they read only their slice."""

import asyncio
import json
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from benefits.invariants import ALL
from benefits.offers.sold_projection import NAME, Sold
from marketplace.kernel.clock import Clock
from marketplace.platform.eventlog import audit
from marketplace.platform.eventlog.events import StoredEvent, catch_up, consume, tick
from marketplace.platform.http.idempotency import Outcome
from marketplace.platform.invariants.checker import check_now
from marketplace.platform.invariants.checks import _LOOK, AuditChain, EventsConsumed, Invariant, _reached
from marketplace.platform.invariants.report import InvariantResult
from marketplace.platform.postgres.database import DB, UnitOfWork, unit_of_work
from marketplace.settings import Settings
from settlement.invariants import INVARIANTS
from tests.support.owner import by_owner
from tests.support.today import sql_now
from tests.support.world import World

NOW = datetime(2026, 11, 1, 8, tzinfo=UTC)


async def _deeds(count: int) -> None:
    for number in range(count):
        async with unit_of_work() as work:
            await audit.record(work, "admin:ops", "offer.pause", f"offer-{number}", NOW)


async def _memo() -> dict[str, Any]:
    memo: dict[str, Any] = await DB.fetchval("SELECT memo FROM invariant_slice WHERE name = 'audit chain'")
    return memo


async def test_the_chain_is_followed_from_where_it_was_left(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A look takes some entries, continues to the last one, and next time begins there; once a day with the first."""
    monkeypatch.setattr(audit, "_STRIDE", 4)
    chain = AuditChain()
    await _deeds(10)
    (found,) = (await check_now([chain])).invariants
    assert (found.holds, found.rows, (await _memo())["seq"]) == (True, 10, 10)
    await _deeds(3)
    owner = await asyncpg.connect(database)
    await owner.execute("UPDATE audit_entry SET action = 'offer.approve' WHERE seq = 5")
    async with unit_of_work("REPEATABLE READ") as work:
        looked = await chain.inspect(work.fetch, chain.cut.everything, await _memo())
    assert (looked.broken, looked.rows, looked.finished) == (0, 13, True), "what was verified is not read again"
    (now,) = (await check_now([chain])).invariants
    assert now.breaches == [{"entry": 5}], "who wants to know now has it read from the first entry"

    await owner.execute("UPDATE audit_entry SET action = 'offer.pause' WHERE seq = 5")
    assert (await check_now([chain])).holds
    await owner.execute("UPDATE audit_entry SET at = at + interval '1 s' WHERE seq = 5")
    await owner.execute("UPDATE invariant_slice SET memo = jsonb_set(memo, '{since}', '\"2026-01-01T00:00:00Z\"')")
    async with unit_of_work("REPEATABLE READ") as work:
        begun = await chain.inspect(work.fetch, chain.cut.everything, await _memo())
        after = await chain.inspect(work.fetch, chain.cut.everything, begun.memo)
    assert not begun.finished
    assert after.breaches == [{"entry": 5}]
    await owner.close()


async def test_an_end_that_was_cut_off_is_seen(database: str) -> None:
    await _deeds(3)
    owner = await asyncpg.connect(database)
    await owner.execute("DELETE FROM audit_entry WHERE seq = 3")
    assert await audit.first_break() == 3
    await owner.execute("DELETE FROM audit_entry")
    assert await audit.first_break() == 1
    await owner.close()


SOLD = next(invariant for invariant in ALL if invariant.consumer == NAME)


async def _sold() -> InvariantResult:
    return (await check_now([SOLD])).invariants[0]


async def test_sold_is_counted_once_whatever_the_consumer_has_taken(
    database: str, settings: Settings, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before, in the middle of and behind the consumer's window; killed between its effect and its position."""
    monkeypatch.setattr("marketplace.platform.eventlog.events.BATCH", 5)
    world = await World(settings, clock).open()
    members = await world.members(5, points=5000)
    offers = [await world.offer(points=10, stock=500), await world.offer(points=10)]
    desk = world.desk()

    async def redeem(count: int) -> None:
        wanted_ones = [world.request(members[n % 5], offers[n % 2], 1 + n % 3) for n in range(count)]
        outcomes = await asyncio.gather(*(desk.submit(wanted) for wanted in wanted_ones))
        assert all(isinstance(outcome, Outcome) and outcome.status == 201 for outcome in outcomes)

    await redeem(20)
    assert (await _sold()).holds, "nothing is counted yet"
    await catch_up(Sold())
    counted = await DB.fetchval("SELECT units FROM offer_sold")
    assert counted == await DB.fetchval("SELECT sold FROM stock") > 0
    await redeem(12)
    await tick()
    with pytest.raises(RuntimeError, match="dies"):
        await consume(Dying())
    assert await DB.fetchval("SELECT units FROM offer_sold") == counted
    assert (await _sold()).holds
    await consume(Sold())
    assert (await DB.fetchrow("SELECT tick > 0 AND seq > 0 FROM consumer_position WHERE consumer = $1", NAME))[0]
    assert (await _sold()).holds, "in the middle of a window"
    await redeem(3)
    assert (await _sold()).holds
    await catch_up(Sold())
    assert (await _sold()).holds
    assert await DB.fetchval("SELECT units FROM offer_sold") == await DB.fetchval("SELECT sold FROM stock")
    assert await DB.fetchval("SELECT count(*) FROM offer_sold") == 1, "only what comes from stock"


class Dying(Sold):
    """Dies between effect and position."""

    async def handle(self, work: UnitOfWork, events: list[StoredEvent]) -> None:  # type: ignore[override]
        await super().handle(work, events)
        raise RuntimeError("dies")


async def test_a_consumer_that_lags_or_never_began(database: str, settings: Settings, clock: Clock) -> None:
    check = EventsConsumed(("benefits.sold", "nobody"))
    assert (await check_now([check])).holds, "there is nothing to consume"
    world = await World(settings, clock).open()
    await world.members(1, points=10)
    assert (await check_now([check])).holds, "it has a minute"
    await by_owner("UPDATE event_tick SET at = at - interval '2 minutes'")
    found = (await check_now([check])).invariants[0]
    assert {breach["consumer"] for breach in found.breaches} == {"benefits.sold", "nobody"}
    await catch_up(Sold())
    found = (await check_now([check])).invariants[0]
    assert [(breach["consumer"], breach["error"]) for breach in found.breaches] == [("nobody", None)]


async def test_a_slice_reads_no_more_than_its_buckets(database: str, settings: Settings, clock: Clock) -> None:
    """However large the tables: each part of the plan that reads a member-side table does so by an index on the range."""
    await _fill(database)
    plans = {}
    for invariant in [*ALL, *INVARIANTS]:
        if invariant.cut.key == "bucket":
            plans[invariant.name] = await _plan(invariant, 96, 111)
    assert len(plans) >= 8
    for name, plan in plans.items():
        assert _unbounded(plan) == [], name


def test_a_plan_without_bounds_is_seen() -> None:
    """The broken variant: the same statement over everything."""
    plan = {"Plan": {"Node Type": "Aggregate", "Plans": [{"Node Type": "Seq Scan", "Relation Name": "wallet"}]}}
    assert _unbounded(plan) == ["Seq Scan on wallet"]


async def _plan(invariant: Invariant, low: int, high: int) -> Any:
    values: list[Any] = [low, high]
    async with unit_of_work("REPEATABLE READ") as work:
        if invariant.consumer:
            values += await _reached(work.fetch, invariant.consumer)
        await work.execute("SET LOCAL plan_cache_mode = force_custom_plan")
        explained = await work.fetchval("EXPLAIN (FORMAT JSON) " + _LOOK.format(compares=invariant.compares), *values)
    return json.loads(explained)[0] if isinstance(explained, str) else explained[0]


def _unbounded(plan: dict[str, Any]) -> list[str]:
    """The nodes of a plan that read a table otherwise than by an index whose condition holds the range, or one row's key."""
    found, waiting = [], [plan["Plan"]]
    while waiting:
        node = waiting.pop()
        waiting += node.get("Plans", [])
        table = node.get("Relation Name")
        if table is None:
            continue
        by_index = node["Node Type"] in {"Index Scan", "Index Only Scan"} and "Index Cond" in node
        by_bitmap = node["Node Type"] == "Bitmap Heap Scan" and "Recheck Cond" in node
        if not by_index and not by_bitmap:
            found.append(f"{node['Node Type']} on {table}")
    return found


async def _fill(dsn: str) -> None:
    """Give every bucket some rows of each kind, enough for the planner to care."""
    owner = await asyncpg.connect(dsn)
    await owner.execute(f"""
        CREATE TEMP TABLE m AS SELECT n % 1024 AS bucket, gen_random_uuid() AS id, n FROM generate_series(1, 40000) n;
        INSERT INTO wallet SELECT bucket, id, 10, 0 FROM m;
        INSERT INTO lot SELECT bucket, id, date '2030-01-01', 10 FROM m;
        INSERT INTO points_posting (bucket, transaction_id, line, member_id, code, source, destination, expires_on, points,
            occurred_at)
        SELECT bucket, id, line, id, 'earning', 'programme', 'wallet', date '2030-01-01', 5, {sql_now()}
        FROM m, generate_series(1, 2) line;
        INSERT INTO earning SELECT bucket, id, 'r', id, 10, 'service', {sql_now()}, {sql_now()}, 'x' FROM m;
        INSERT INTO redemption (bucket, id, member_id, offer_id, revision, partner_id, quantity, points, windows, settlement,
            status, redeemed_at, voucher_id)
        SELECT bucket, id, id, '{uuid4()}', 1, '{uuid4()}', 1, 10, '{{}}', '{{}}', 'issued', {sql_now()}, id FROM m;
        INSERT INTO voucher (bucket, id, code, redemption_id, member_id, partner_id, offer_id, revision, quantity, status,
            expires_at)
        SELECT bucket, id, id::text, id, id, '{uuid4()}', '{uuid4()}', 1, 1, 'issued', {sql_now()} FROM m;
        INSERT INTO limit_used SELECT bucket, id, '{uuid4()}', 'ever', 1 FROM m;
        INSERT INTO hold (bucket, id, member_id, offer_id, revision, partner_id, quantity, points, windows, voucher_days, coded,
            settlements, reference, status, held_at, deadline)
        SELECT bucket, id, id, '{uuid4()}', 1, '{uuid4()}', 1, 10, '{{}}', 1, false, '{{}}', 'r', 'held', {sql_now()},
               {sql_now()} FROM m;
        INSERT INTO event (bucket, type, aggregate, aggregate_id, payload, occurred_at)
        SELECT bucket, 'redemption.issued', 'redemption', id, '{{}}', {sql_now()} FROM m;
        INSERT INTO money_posting (partner_id, id, transaction_id, code, source, destination, amount_minor, tax_minor, currency,
            occurred_at, period, redemption_id, voucher_id, offer_id, revision, quantity, contract_id, contract_version,
            cycle, zone)
        SELECT '{uuid4()}', id, id, 'benefit_on_use', 'oem:benefits', 'partner:payable', 5, 0, 'CNY', {sql_now()},
               '2026-10-01', id, id,
            id, 1, 1, id, 1, 'monthly', '' FROM m;
        ANALYZE;
    """)
    await owner.close()
