"""The counter's desk: every kind of voucher answered, alone and together, and twice is once."""

import asyncio
from datetime import timedelta
from uuid import UUID, uuid4

import msgspec
import pytest

from benefits.redemptions.commands import new_cancel
from benefits.redemptions.counter_batch import CounterBatch
from benefits.redemptions.counter_commands import CounterCommand, Use, Verify
from benefits.redemptions.schemas import CancellationInput, VoucherUseInput, VoucherVerifyInput
from marketplace.kernel.clock import Clock
from marketplace.kernel.codes import new_code
from marketplace.kernel.keyring import KeyRing
from marketplace.platform.batching.executor import BatchExecutor
from marketplace.platform.http.idempotency import KeyReused, Outcome, key_for
from marketplace.platform.http.paging import Cursors
from marketplace.platform.postgres.database import DB, unit_of_work
from marketplace.settings import Settings
from tests.support.world import World


@pytest.fixture
async def vouchers(database: str, settings: Settings, clock: Clock) -> tuple[World, list[str]]:
    """A world, and the codes of five vouchers of its partner."""
    world = await World(settings, clock).open()
    offer = await world.offer(voucher_days=1)
    desk = world.desk()
    for member in await world.members(5, points=1000):
        await desk.submit(world.request(member, offer))
    return world, [row["code"] for row in await DB.fetch("SELECT code FROM voucher ORDER BY code")]


def use(world: World, code: str, reference: str = "till-1", partner_id: UUID | None = None) -> Use:
    body = VoucherUseInput(code=code, reference=reference)
    return Use(partner_id or world.partner_id, body, key_for("p", uuid4().hex, "use", body), "en")


async def take(world: World, *commands: CounterCommand) -> list[Outcome]:
    batch = CounterBatch(world.clock, Cursors(KeyRing("x" * 32)))
    async with unit_of_work() as work:
        decided = await batch.decide(work, commands)
        await decided.write()
    answers = list(decided.results)
    assert all(isinstance(answer, Outcome) for answer in answers)
    return answers  # type: ignore[return-value]


def words(answers: list[Outcome]) -> list[str]:
    """Return each answer's status, or its problem's code."""
    bodies = [msgspec.json.decode(answer.body) for answer in answers]
    return [body.get("code") or body["status"] for body in bodies]


async def test_each_is_answered_as_it_stands(vouchers: tuple[World, list[str]]) -> None:
    """Good, named twice, used before, cancelled, another partner's, never issued, unreadable: one answer for each."""
    world, (good, used_before, cancelled, foreign, _) = vouchers
    await take(world, use(world, used_before, "earlier"))
    row = await DB.fetchrow("SELECT member_id, redemption_id FROM voucher WHERE code = $1", cancelled)
    assert row is not None
    cancel = new_cancel(row["member_id"], row["redemption_id"], CancellationInput(), "k", "en", world.clock.unix_ms())
    await world.desk().submit(cancel)
    asked = [use(world, good), use(world, good, "again"), use(world, used_before), use(world, cancelled),
             use(world, foreign, partner_id=uuid4()), use(world, new_code(7)), use(world, "not-a-code"),
             use(world, foreign.lower()), Verify(world.partner_id, VoucherVerifyInput(code=good), "en")]  # fmt: skip
    assert words(await take(world, *asked)) == [
        "used", "already_used", "already_used", "cancelled", "unknown_voucher", "unknown_voucher", "unknown_voucher",
        "used", "used",
    ]  # fmt: skip
    row = await DB.fetchrow("SELECT status, location_id, reference FROM voucher WHERE code = $1", good)
    assert tuple(row or ()) == ("used", "", "till-1")
    assert await DB.fetchval("SELECT count(*) FROM event WHERE type = 'voucher.used'") == 3


async def test_the_same_key_is_the_same_answer_and_a_look_changes_nothing(vouchers: tuple[World, list[str]]) -> None:
    world, (code, *_) = vouchers
    inspect = Verify(world.partner_id, VoucherVerifyInput(code=code), "en")
    twice = use(world, code)
    before, first, again, after = await take(world, inspect, twice, twice, inspect)
    assert words([before, first, again, after]) == ["issued", "used", "used", "used"]
    assert (again.replayed, again.body) == (True, first.body)
    (later,) = await take(world, twice)
    assert (later.replayed, later.body) == (True, first.body)


async def test_an_expired_one_is_refused_and_nothing_is_nothing(vouchers: tuple[World, list[str]]) -> None:
    world, (code, *_) = vouchers
    assert await take(world) == []
    world.clock.offset = timedelta(days=3)
    assert words(await take(world, use(world, code))) == ["expired"]


async def test_one_key_for_two_vouchers_in_batches_that_overlap_is_used_once(
    vouchers: tuple[World, list[str]],
) -> None:
    """They share no lock but the key's own row, so the second is decided before the first has committed."""
    world, codes = vouchers
    counter = CounterBatch(world.clock, Cursors(KeyRing("x" * 32)))
    for _ in range(2):
        desk: BatchExecutor[CounterCommand] = BatchExecutor("counter", counter.decide, batch=1, queue=100)
        key = uuid4().hex
        both = [codes.pop(), codes.pop()]
        commands = []
        for code in both:
            body = VoucherUseInput(code=code, reference="till-1")
            commands.append(Use(world.partner_id, body, key_for("p", key, "use", body), "en"))
        answers = await asyncio.gather(*map(desk.submit, commands), return_exceptions=True)
        await desk.close()
        assert {type(answer) for answer in answers} == {Outcome, KeyReused}
    assert await DB.fetchval("SELECT count(*) FROM voucher WHERE status = 'used'") == 2
