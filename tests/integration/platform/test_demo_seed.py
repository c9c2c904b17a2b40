"""The demo's seed on a small world: made through the use cases, everything adds up, and a month is settled."""

from pathlib import Path

import msgspec
import pytest

from marketplace.demo.manifest import Demo, read_members
from marketplace.demo.oneid import read_people
from marketplace.demo.seed import fill
from marketplace.demo.world import build_world
from marketplace.demo.world_things import World
from marketplace.kernel.clock import Clock
from marketplace.kernel.periods import Period
from marketplace.platform.eventlog import audit
from marketplace.platform.eventlog.events import catch_up
from marketplace.platform.invariants.api import check_invariants
from marketplace.platform.packages import load_packages
from marketplace.platform.postgres.database import DB
from marketplace.settings import Settings
from settlement.books.consumer import Books
from settlement.statements import close
from settlement.statements.domain import EarlierPeriodOpen
from tests.support.today import sql_now

pytestmark = pytest.mark.dates


class Made(msgspec.Struct):
    """A world that was put into the database."""

    world: World
    demo: Demo
    settings: Settings


@pytest.fixture
async def made(database: str, settings: Settings, clock: Clock, tmp_path: Path) -> Made:
    settings = msgspec.structs.replace(settings, data=tmp_path)
    world = build_world(3, clock.now(), settings.calendar, members=60, redemptions=420)
    return Made(world, await fill(settings, clock, load_packages(settings, clock), world), settings)


async def test_a_small_world_adds_up(made: Made, clock: Clock) -> None:
    """All packages' invariants hold, the audit chain too; the older month is settled and the newer one open to close."""
    world, settings = made.world, made.settings
    checked = await check_invariants(load_packages(settings, clock))
    assert checked.holds, [result for result in checked.invariants if not result.holds]
    assert await audit.first_break() is None

    wanted = sum(len(moment.wanted) for moment in world.history)
    issued = await DB.fetchval("SELECT count(*) FROM redemption")
    assert wanted * 0.9 <= issued <= wanted, "nearly everything that was wanted could be had"
    statuses = {
        row["status"]: row["n"] for row in await DB.fetch("SELECT status, count(*) AS n FROM voucher GROUP BY 1")
    }
    assert {"issued", "used", "cancelled", "expired"} <= statuses.keys()
    assert statuses["used"] > 0.4 * issued
    assert await DB.fetchval("SELECT count(*) FROM earning") == sum(len(moment.earned) for moment in world.history)
    assert await DB.fetchval(f"SELECT max(occurred_at) < {sql_now()} FROM event")

    older, newer = (settings.calendar.month_of(clock.now()).plus(back) for back in (-2, -1))
    rows = await DB.fetch("SELECT period, status, closed_by, approved_by, total_minor FROM statement")
    assert {row["period"] for row in rows} == {older.first_day}
    assert len(rows) == sum(partner.agreement is not None for partner in world.partners)
    assert all(row["closed_by"] != row["approved_by"] for row in rows)
    assert {row["status"] for row in rows} - {"settled"} == {"paid", "approved", "closed"}
    assert all((row["status"] == "settled") <= (row["total_minor"] == 0) for row in rows)
    owed = await DB.fetchval(
        "SELECT sum(amount_minor) FROM money_posting WHERE code = 'benefit_on_use' AND period = $1", older.first_day
    )
    assert owed > 0
    await _close_the_newer(settings, clock, newer)


async def _close_the_newer(settings: Settings, clock: Clock, newer: object) -> None:
    month = settings.calendar.month_of(clock.now()).plus(-1)
    assert month == newer
    books, period = Books(settings.calendar), Period("monthly", month.first_day)
    with pytest.raises(EarlierPeriodOpen):  # the running month cannot go before it, if it were over
        later = settings.calendar.bounds(month.plus(1))[1]
        await close.run(books, period.following, "admin:staff-finance", later)
    await close.run(books, period, "admin:staff-finance", clock.now())
    booked = await DB.fetchval(
        "SELECT sum(CASE WHEN destination = 'partner:payable' THEN amount_minor ELSE -amount_minor END)"
        " FROM money_posting WHERE period = $1 AND code <> 'payout'",
        month.first_day,
    )
    stated = await DB.fetchval("SELECT sum(total_minor) FROM statement WHERE period = $1", month.first_day)
    assert stated == booked > 0
    checked = await check_invariants(load_packages(settings, clock))
    assert checked.holds, [result for result in checked.invariants if not result.holds]


async def test_what_the_seed_tells(made: Made) -> None:
    """Clients with secrets that are marked as the demo's, people to sign in as, the members' subjects for simulate."""
    demo, world, data = made.demo, made.world, made.settings.data
    assert {client.client_id for client in demo.partners} == {
        f"demo-{partner.key}" for partner in world.partners if partner.agreement
    }
    assert all(len(client.client_secret) >= 32 for client in [*demo.partners, demo.oem_system])
    assert await DB.fetchval("SELECT count(*) FROM oauth_client WHERE NOT demo") == 0
    assert [line.login for line in demo.people] == [person.login for person in read_people(data)]
    assert read_members(data) == [member.subject for member in world.members]
    known = await DB.fetchval("SELECT count(*) FROM member_subject WHERE subject = ANY($1)", read_members(data))
    assert known == len(world.members)
    states = {row["status"] for row in await DB.fetch("SELECT DISTINCT status FROM partner")}
    assert states == {"active", "applied", "rejected"}
    assert {row["status"] for row in await DB.fetch("SELECT DISTINCT status FROM offer")} == {
        "live", "draft", "in_review", "rejected", "paused",
    }  # fmt: skip
    soon = await DB.fetchval(
        "SELECT sum(l.points) FROM lot l JOIN member_subject s USING (member_id) WHERE s.subject = 'member-lin'"
        " AND l.expires_on = $1",
        made.settings.calendar.month_of(world.now).plus(1).first_day,
    )
    assert soon > 0, "a featured member has points that expire next month"


async def test_no_member_of_the_seed_is_named_to_a_partner(
    database: str, settings: Settings, clock: Clock, tmp_path: Path
) -> None:
    """Canaries among the seed's members: in nothing that is laid up for partners, and in no line of a statement."""
    settings = msgspec.structs.replace(settings, data=tmp_path)
    world = build_world(3, clock.now(), settings.calendar, members=20, redemptions=120)
    planted = [
        msgspec.structs.replace(one, name=f"金丝雀·{n}号", phone=f"+86 199 7311 {n:04d}", vehicle=f"金丝雀 {n}")
        for n, one in enumerate(world.members)
    ]
    world = msgspec.structs.replace(world, members=planted)
    packages = load_packages(settings, clock)
    await fill(settings, clock, packages, world)
    for package in packages:
        for consumer in package.consumers():
            await catch_up(consumer)
    assert await DB.fetchval("SELECT count(*) FROM member WHERE name LIKE '金丝雀%'") >= 20
    assert await DB.fetchval("SELECT count(*) FROM partner_event WHERE type = 'redemption.issued'") > 50
    for table in (
        "partner_event",
        "webhook_delivery",
        "money_posting",
        "statement",
        "payout",
        "event",
        "outgoing_mail",
    ):
        held = await DB.fetchval(
            f"SELECT count(*) FROM {table} t WHERE t::text LIKE '%金丝雀%' OR replace(t::text, ' ', '') LIKE '%1997311%'"
        )
        assert held == 0, table
