"""The checker: what it looks at and when, beside a desk that it never holds up, however it is interrupted."""

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import asyncpg
import msgspec
import pytest

from marketplace.kernel.clock import Clock
from marketplace.kernel.ids import bucket_of
from marketplace.platform.http.idempotency import Outcome
from marketplace.platform.invariants import checker
from marketplace.platform.invariants.checker import check_now, declared, run_checker
from marketplace.platform.invariants.checks import (
    BY_BUCKET,
    WHOLE,
    Check,
    CheckRange,
    Cut,
    Fetch,
    Invariant,
    RangeResult,
    gapless,
)
from marketplace.platform.invariants.report import report
from marketplace.platform.packages import Package, load_packages
from marketplace.platform.postgres.database import DB, unit_of_work
from marketplace.platform.postgres.database_time import database_time
from marketplace.settings import Settings
from tests.support.today import sql_now
from tests.support.world import World


class Counting:
    """A check that is always true, says how many rows it has, counts its looks, and may be told to wait in one."""

    stops_payouts = True

    def __init__(self, name: str = "counting", cut: Cut = BY_BUCKET, rows_of_a_bucket: int = 1) -> None:
        self.name = name
        self.cut = cut
        self.rows_of_a_bucket = rows_of_a_bucket
        self.looks: Counter[CheckRange] = Counter()
        self.looking = asyncio.Event()
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.inner: Check | None = None

    async def inspect(self, fetch: Fetch, part: CheckRange, memo: dict[str, Any] | None = None) -> RangeResult:
        self.looks[part] += 1
        if self.inner is not None:
            await self.inner.inspect(fetch, part)
        self.looking.set()
        await self.go_on.wait()
        if self.cut.key != "bucket":
            return RangeResult(1, 0)
        low, high = self.cut.bounds(part)
        return RangeResult((int(high) - int(low) + 1) * self.rows_of_a_bucket, 0)  # type: ignore[arg-type]


class Only(Package):
    """A package that brings checks and nothing else."""

    name = "only"

    def __init__(self, settings: Settings, *checks: Check) -> None:
        super().__init__(settings, Clock())
        self.invariants = checks  # type: ignore[misc]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """No rests between two looks, short ones between two tries."""
    monkeypatch.setattr(checker, "SHARE", 1)
    monkeypatch.setattr(checker, "_IDLE_S", 0.05)
    monkeypatch.setattr(checker, "_RETRY_S", 0.05)


async def _running(settings: Settings, checks: list[Check], until: Callable[[], bool], workers: int = 1) -> None:
    """Run as many checkers until that is so; fail if it is not soon."""
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        for _ in range(workers):
            group.create_task(run_checker([Only(settings, *checks)], stop))
        try:
            async with asyncio.timeout(20):
                while not until():
                    await asyncio.sleep(0.02)
        finally:
            stop.set()


async def _ranges(name: str) -> list[CheckRange]:
    rows = await DB.fetch("SELECT low, high FROM invariant_slice WHERE name = $1 ORDER BY low", name)
    return [CheckRange(**row) for row in rows]


async def _age(by: str) -> None:
    """Let time go by for the checker: everything it knows is that much older."""
    await DB.fetch(
        "UPDATE invariant_slice SET checked_at = checked_at - $1::interval, last_true_at = last_true_at - $1::interval,"
        " due_at = due_at - $1::interval, claimed_until = claimed_until - $1::interval,"
        " changed_at = changed_at - $1::interval",
        timedelta(seconds=float(by)),
    )
    # Since when the log was not looked at, whatever the age of the template that this database is a copy of.
    await DB.fetch(f"UPDATE invariant_watch SET noticed_at = {sql_now()} - interval '2 s'")


async def test_what_is_never_checked_is_not_known(database: str) -> None:
    counting = Counting()
    before = (await report([counting])).invariants[0]
    assert (before.holds, before.last_true, before.checked_at, before.slices) == (True, None, None, 0)
    after = (await check_now([counting])).invariants[0]
    assert (after.holds, after.rows, after.slices, after.due) == (True, 1024, 1, 0)
    assert after.last_true == after.checked_at is not None


async def test_a_large_slice_is_divided_and_nothing_becomes_unknown(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checker, "MOST_ROWS", 100)
    counting = Counting()
    first = (await check_now([counting])).invariants[0]
    assert (first.slices, first.rows, first.last_true is not None) == (21, 1024, True)
    ranges = await _ranges("counting")
    assert gapless(ranges, BY_BUCKET)
    counting.looks.clear()
    again = (await check_now([counting])).invariants[0]
    assert (again.slices, again.rows) == (21, 1024)
    assert counting.looks == Counter(ranges)


async def test_several_share_the_work_and_none_is_done_twice(
    database: str, settings: Settings, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checker, "MOST_ROWS", 100)
    counting = Counting()
    await check_now([counting])
    ranges = set(await _ranges("counting"))
    await _age("400")
    counting.looks.clear()
    await _running(settings, [counting], lambda: counting.looks.keys() == ranges, workers=4)
    assert counting.looks == Counter(ranges)
    assert len(ranges) == 21


async def test_where_something_happened_comes_first(
    database: str, settings: Settings, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of many slices only those have their turn again in whose buckets, partners or offers something happened."""
    monkeypatch.setattr(checker, "MOST_ROWS", 40)
    world = await World(settings, clock).open()
    member, other = await world.members(2, points=500)
    offer = await world.offer(points=100, stock=5)
    by_bucket, whole = Counting("by bucket"), Counting("whole", WHOLE)
    by_partner = Counting(
        "by partner", Cut("partner_id", "SELECT id FROM partner WHERE id BETWEEN $1 AND $2 ORDER BY id")
    )
    await world.open()  # another one: a partner in whose range nothing happens
    checks = [by_bucket, whole, by_partner]
    by_name: dict[str, Check] = {check.name: check for check in checks}
    await check_now(checks)
    await checker._divide(by_partner, checker.Slice("by partner", *_bounds(by_partner), None, False, False), 2, None)
    await _age("60")
    await checker._notice(checks)  # what was before is noticed, and looked at once more
    await _drain(by_name)
    for check in checks:
        check.looks.clear()

    await _age("60")
    await checker._notice(checks)
    assert await checker._claim(checker._CLAIM_DUE, list(by_name)) is None, (
        "nothing happened: nobody has their turn yet"
    )
    desk = world.desk()
    assert isinstance(await desk.submit(world.request(member, offer)), Outcome)
    await _age("2")
    await checker._notice(checks)
    await _drain(by_name)
    (looked,) = by_bucket.looks
    assert looked.low <= f"{bucket_of(member):04d}" <= looked.high
    assert sum(by_bucket.looks.values()) == sum(whole.looks.values()) == sum(by_partner.looks.values()) == 1
    assert len(await _ranges("by bucket")) > 40
    (partner,) = by_partner.looks
    offered_by = await DB.fetchval("SELECT partner_id FROM offer WHERE id = $1", offer)
    assert partner.low <= str(offered_by) <= partner.high
    assert other != member


def _bounds(check: Check) -> tuple[str, str]:
    return check.cut.everything.low, check.cut.everything.high


async def _drain(by_name: dict[str, Check]) -> None:
    while (found := await checker._claim(checker._CLAIM_DUE, list(by_name))) is not None:
        await checker._step(by_name[found.name], found)


async def test_what_happens_during_a_look_is_not_forgotten(database: str, settings: Settings, clock: Clock) -> None:
    world = await World(settings, clock).open()
    (member,) = await world.members(1, points=500)
    offer = await world.offer(points=100)
    counting = Counting()
    await check_now([counting])
    await _age("400")
    counting.go_on.clear()
    counting.looking.clear()
    found = await checker._claim(checker._CLAIM_DUE, ["counting"])
    assert found is not None
    looking = asyncio.create_task(checker._step(counting, found))
    await counting.looking.wait()
    await world.desk().submit(world.request(member, offer))
    await checker._notice([counting])
    counting.go_on.set()
    await looking
    due_in = await DB.fetchval("SELECT extract(epoch FROM due_at - checked_at)::int FROM invariant_slice")
    assert due_in == 10, "that look may have begun before: the slice has its turn again soon"


async def test_a_look_holds_no_lock_and_holds_nobody_up(database: str, settings: Settings, clock: Clock) -> None:
    """While every invariant's look stands in its open transaction, redemptions of the same rows go through."""
    world = await World(settings, clock).open()
    (member,) = await world.members(1, points=1000)
    offer = await world.offer(points=100, stock=5, per_member=5)
    desk = world.desk()
    assert isinstance(await desk.submit(world.request(member, offer)), Outcome)
    own = declared(load_packages(settings, clock))
    await check_now(own)
    for inner in own:
        counting = Counting(cut=inner.cut)
        counting.inner = inner
        counting.go_on.clear()
        looking = asyncio.create_task(check_now([counting]))
        await counting.looking.wait()
        assert await _locks() <= {"AccessShareLock"}, inner.name
        async with asyncio.timeout(2):
            outcome = await desk.submit(world.request(member, offer))
        assert isinstance(outcome, Outcome)
        counting.go_on.set()
        await looking
        await DB.fetch("DELETE FROM invariant_slice WHERE name = 'counting'")
    assert (await check_now(own)).holds


async def _locks() -> set[str]:
    """The locks of whatever transaction stands open in the database, but for those on its own transaction's number."""
    rows = await DB.fetch(
        "SELECT DISTINCT l.mode FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE a.datname = current_database()"
        " AND a.state = 'idle in transaction' AND l.locktype <> 'virtualxid'"
    )
    return {row["mode"] for row in rows}


async def test_locks_of_others_do_not_hold_up_a_look(database: str, settings: Settings, clock: Clock) -> None:
    world = await World(settings, clock).open()
    await world.members(3, points=1000)
    await world.offer(points=100, stock=5)
    own = declared(load_packages(settings, clock))

    async def check() -> bool:
        return (await check_now(own)).holds

    async with unit_of_work() as work:
        await work.execute("SELECT FROM wallet FOR UPDATE")
        await work.execute("SELECT FROM stock FOR UPDATE")
        async with asyncio.timeout(5):
            assert await asyncio.create_task(_outside(check))


async def _outside(action: Callable[[], Any]) -> Any:
    """Run in a task that does not know of the unit of work that is open."""
    import contextvars

    return await asyncio.create_task(action(), context=contextvars.Context())


async def test_a_check_that_would_lock_or_write_is_refused(database: str) -> None:
    """The broken variant: a statement that locks what it looks at. The database refuses it, and the others go on."""
    locking = Invariant("locking", "SELECT true AS holds, 1 AS rows FROM (SELECT * FROM wallet FOR SHARE) w")
    wrong = Invariant("wrong", "SELECT true AS holds, 1 AS rows FROM no_such_table")
    counting = Counting()
    found = await check_now([locking, wrong, counting])
    errors = {one.name: (one.last_true, one.error) for one in found.invariants}
    assert "read-only transaction" in str(errors["locking"][1])
    assert "no_such_table" in str(errors["wrong"][1])
    assert errors["locking"][0] is errors["wrong"][0] is None
    assert errors["counting"][0] is not None


async def test_a_slice_that_takes_too_long_is_divided(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its share of the range decides how long a look takes; one that cannot be divided gets the longer time."""
    monkeypatch.setattr(checker, "_LOOK_MS", 150)
    slow = Invariant(
        "slow",
        "SELECT true AS holds, 1 AS rows, pg_sleep(0.0005 * (1 + $2::int - $1::int)) AS slept",
        BY_BUCKET,
    )
    found = (await check_now([slow])).invariants[0]
    assert found.holds
    assert found.last_true is not None
    assert found.error is None
    assert gapless(await _ranges("slow"), BY_BUCKET)
    assert found.slices >= 8

    whole = Invariant("whole", "SELECT true AS holds, 1 AS rows, pg_sleep(0.3)")
    late = (await check_now([whole])).invariants[0]
    assert "canceling statement" in str(late.error)
    assert late.last_true is None
    patient = (await check_now([whole])).invariants[0]
    assert patient.error is None
    assert patient.last_true is not None


async def test_a_claim_of_a_killed_worker_is_open_again(database: str) -> None:
    counting = Counting()
    await check_now([counting])
    await _age("400")
    assert await checker._claim(checker._CLAIM_DUE, ["counting"]) is not None
    assert await checker._claim(checker._CLAIM_DUE, ["counting"]) is None, "another worker looks at it"
    before = (await report([counting])).invariants[0].checked_at
    async with asyncio.timeout(2):
        now = (await check_now([counting])).invariants[0]
    assert now.checked_at is not None
    assert before is not None
    assert now.checked_at > before, "who wants to know now does not wait for the dead"
    await _age("400")
    assert await checker._claim(checker._CLAIM_DUE, ["counting"]) is not None


async def test_it_rests_between_looks_but_not_before_everything_is_known(database: str) -> None:
    counting = Counting()
    by_name: dict[str, Check] = {"counting": counting}
    await checker._declare([counting], all_of_them=True)
    assert await checker._go_on(by_name) == 0, "nobody has looked at it yet"
    assert await checker._go_on(by_name) == checker._IDLE_S, "nothing is due"
    await _age("400")
    assert await checker._go_on(by_name) > 0, "it rests for a multiple of what the look took"
    await _age("4000")
    assert await checker._go_on(by_name) == 0, "nobody has looked at it for an hour"
    assert counting.looks.total() == 3


async def test_a_late_finding_does_not_cover_a_newer_one(database: str) -> None:
    counting = Counting()
    await check_now([counting])
    found = await checker._claim(checker._CLAIM_OLDER, ["counting"], await database_time())
    assert found is not None
    late = await checker._check(counting, found)
    await check_now([counting])
    broken = msgspec.structs.replace(late, looked=RangeResult(1, 1, [{"old": "news"}]))
    assert not await checker._keep(found, broken)
    assert (await report([counting])).holds


async def test_the_checker_survives_a_database_that_goes_away(
    database: str, settings: Settings, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its connections are cut again and again, in the middle of a check too: it continues, and nothing stays stuck."""
    monkeypatch.setattr(checker, "MOST_ROWS", 40)
    monkeypatch.setattr(checker, "_LEASE_S", 1)
    monkeypatch.setattr(checker, "_CLAIM_DUE", checker._CLAIM_DUE.replace("'75 s'", "'0.5 s'"))
    counting = Counting()
    await check_now([counting])
    ranges = set(await _ranges("counting"))
    await _age("400")
    counting.looks.clear()
    owner = await asyncpg.connect(database)

    async def cut() -> None:
        for _ in range(12):
            await owner.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            await asyncio.sleep(0.05)

    cutting = asyncio.create_task(cut())
    await _running(settings, [counting], lambda: counting.looks.keys() >= ranges and cutting.done())
    await owner.close()
    await check_now([counting])
    assert (await report([counting])).invariants[0].due == 0


async def test_another_versions_checks_are_forgotten(database: str) -> None:
    old, new = Counting("as it was called"), Counting("as it is called")
    await check_now([old])
    await check_now([new])
    assert await DB.fetchval("SELECT count(*) FROM invariant_slice") == 2, "a package's own round leaves the others'"
    await check_now([new], all_of_them=True)
    assert await _ranges("as it was called") == []
    differently = Counting("as it is called", WHOLE)
    await check_now([differently], all_of_them=True)
    assert await _ranges("as it is called") == [CheckRange()]


BREACH = Invariant("breach", "SELECT n > 7 AS holds, 1 AS rows, n FROM generate_series(0, 9) AS n")


async def test_breaches_are_counted_shown_and_dated(database: str) -> None:
    first = (await check_now([BREACH])).invariants[0]
    assert (first.holds, first.broken, first.rows, first.last_true) == (False, 8, 10, None)
    assert first.breaches == [{"n": n} for n in range(5)]
    again = (await check_now([BREACH])).invariants[0]
    assert again.broken_since == first.broken_since == first.checked_at
    mended = msgspec.structs.replace(BREACH, compares="SELECT true AS holds, 1 AS rows, 1 AS n")
    after = (await check_now([mended])).invariants[0]
    assert (after.holds, after.breaches, after.broken_since) == (True, [], None)
    assert after.last_true == after.checked_at
    broken_again = (await check_now([BREACH])).invariants[0]
    assert broken_again.last_true == after.last_true, "when it was last true is not forgotten"
