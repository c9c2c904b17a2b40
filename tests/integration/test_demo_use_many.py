"""Vouchers taken in bulk are decided as at the counter: the same answers, the same events, the same rows."""

from datetime import timedelta
from uuid import uuid4

import pytest

from benefits.offers.cache import OfferCache
from benefits.redemptions.batch import redeem_batch
from benefits.redemptions.cancel import Rules, cancel
from benefits.redemptions.counter import UnknownVoucher, VoucherRefused, use
from benefits.redemptions.schemas import UsedVoucher, UseIn
from benefits.redemptions.use_many import Taken, use_many
from marketplace.kernel.clock import Clock
from marketplace.kernel.codes import new_code
from marketplace.platform.database import DB, unit_of_work
from marketplace.settings import Settings
from tests.support.world import World


@pytest.fixture
async def vouchers(database: str, settings: Settings, clock: Clock) -> tuple[World, list[str]]:
    """A world, and the codes of five vouchers of its partner."""
    world = await World(settings, clock).open()
    members = await world.members(5, points=1000)
    offer = await world.offer(voucher_days=1)
    wishes = [world.request(member, offer) for member in members]
    async with unit_of_work() as work:
        await redeem_batch(work, wishes, OfferCache(), world.calendar, clock)
    rows = await DB.fetch("SELECT code FROM voucher ORDER BY code")
    return world, [row["code"] for row in rows]


def _taken(world: World, code: str, reference: str = "till-1") -> Taken:
    return Taken(world.partner_id, UseIn(code=code, reference=reference, location_id="L-1"))


async def _cancel(world: World, code: str, clock: Clock) -> None:
    row = await DB.fetchrow("SELECT member_id, redemption_id FROM voucher WHERE code = $1", code)
    assert row is not None
    rules = Rules(world.calendar, 30, "restore")
    async with unit_of_work() as work:
        await cancel(work, row["member_id"], row["redemption_id"], "", rules, clock)


async def test_each_is_answered_as_at_the_counter(vouchers: tuple[World, list[str]], clock: Clock) -> None:
    """Good, named twice, used before, cancelled, another partner's, never issued, unreadable: one answer for each."""
    world, (good, used_before, cancelled, foreign, _) = vouchers
    async with unit_of_work() as work:
        await use(work, world.partner_id, UseIn(code=used_before, reference="earlier"), clock.now())
    await _cancel(world, cancelled, clock)
    stranger = Taken(uuid4(), UseIn(code=foreign, reference="x"))
    asked = [_taken(world, good), _taken(world, good, "again"), _taken(world, used_before), _taken(world, cancelled),
             stranger, _taken(world, new_code(7)), _taken(world, "not-a-code"), _taken(world, foreign.lower())]  # fmt: skip
    now = clock.now()
    async with unit_of_work() as work:
        answers = await use_many(work, asked, now)
    codes = [one.status if isinstance(one, UsedVoucher) else one.code for one in answers]
    assert codes == ["used", "already_used", "already_used", "cancelled", "unknown_voucher", "unknown_voucher",
                     "unknown_voucher", "used"]  # fmt: skip
    row = await DB.fetchrow("SELECT status, used_at, location_id, reference FROM voucher WHERE code = $1", good)
    assert tuple(row or ()) == ("used", now, "L-1", "till-1")
    assert await DB.fetchval("SELECT count(*) FROM event WHERE type = 'voucher.used'") == 3


async def test_it_leaves_what_the_counter_leaves(vouchers: tuple[World, list[str]], clock: Clock) -> None:
    """One voucher through each door: rows and events differ in nothing but the ids."""
    world, (one, many, *_) = vouchers
    now = clock.now()
    body = UseIn(code=one, reference="R", location_id="L-1")
    async with unit_of_work() as work:
        await use(work, world.partner_id, body, now)
        await use_many(work, [_taken(world, many, "R")], now)
    rows = await DB.fetch(
        "SELECT status, used_at, location_id, reference, quantity, revision FROM voucher WHERE code IN ($1, $2)",
        one,
        many,
    )
    assert tuple(rows[0]) == tuple(rows[1])
    events = await DB.fetch("SELECT payload FROM event WHERE type = 'voucher.used'")
    ids = {"redemption_id", "voucher_id", "member_id"}
    first, second = ({k: v for k, v in event["payload"].items() if k not in ids} for event in events)
    assert first == second


async def test_an_expired_one_is_refused_and_nothing_is_nothing(
    vouchers: tuple[World, list[str]], clock: Clock
) -> None:
    world, (code, *_) = vouchers
    async with unit_of_work() as work:
        assert await use_many(work, [], clock.now()) == []
        (answer,) = await use_many(work, [_taken(world, code)], clock.now() + timedelta(days=3))
    assert isinstance(answer, VoucherRefused)
    assert answer.code == "expired"
    assert not isinstance(answer, UnknownVoucher)
