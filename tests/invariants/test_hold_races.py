"""A hold ends exactly once, also when all four ends race at two desks; whatever is drawn, the books add up."""

import asyncio
import random
from collections import Counter
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest

from benefits.desk.context import PointsCommand
from benefits.holds import commands
from benefits.holds.commands import EndHold, PlaceHold, new_end
from benefits.holds.domain import End
from benefits.points.commands import new_gift
from benefits.redemptions.commands import new_request
from marketplace.kernel.clock import Clock
from marketplace.kernel.ids import bucket_of
from marketplace.platform.batching.executor import BatchExecutor
from marketplace.platform.http.idempotency import Key, Outcome
from marketplace.platform.postgres.database import DB
from marketplace.settings import Settings
from tests.support.world import World, breaches


@pytest.fixture
async def world(database: str, settings: Settings, clock: Clock) -> World:
    return await World(settings, clock).open()


def key(member_id: UUID) -> Key:
    return Key(bucket_of(member_id), "oem:test", uuid4().hex, b"f")


def place(world: World, member: UUID, offer: UUID, quantity: int = 2, minutes: int = 10) -> PlaceHold:
    request = new_request(member, offer, quantity, world.clock.unix_ms())
    return PlaceHold(request, minutes, "cart", key(member), "en")


def end(world: World, member: UUID, hold_id: UUID, how: End, quantity: int | None = None) -> EndHold:
    whole = None if how == "expire" else key(member)
    return new_end(member, hold_id, how, whole, "en", world.clock.unix_ms(), quantity=quantity)


def body(outcome: Outcome) -> Any:
    return msgspec.json.decode(outcome.body)


async def tries(desk: BatchExecutor[PointsCommand], command: PointsCommand) -> str:
    """Return the answer's status or its problem's code."""
    found = body(await desk.submit(command))
    return str(found.get("code") or found.get("status"))


async def test_all_four_ends_race_and_one_wins(world: World, dice: random.Random) -> None:
    """Before the deadline an expiry loses; of the others one wins. After it only the expiry does, from the job or a caller."""
    offer = await world.offer(points=100, stock=500)
    members = await world.members(40, points=1000)
    desks = [world.desk(batch=3), world.desk(batch=5, number=1)]
    for late in (False, True):
        placed = [body(await desks[0].submit(place(world, member, offer))) for member in members]
        world.clock.offset += timedelta(minutes=10 if late else 0)
        asks = []
        for member, hold in zip(members, placed, strict=True):
            hold_id = UUID(hold["id"])
            ends = [end(world, member, hold_id, "post"), end(world, member, hold_id, "post", 1),
                    end(world, member, hold_id, "void"), end(world, member, hold_id, "expire")]  # fmt: skip
            dice.shuffle(ends)
            asks += [tries(desks[place_ % 2], one) for place_, one in enumerate(ends)]
        answers = Counter(await asyncio.gather(*asks))
        ended = Counter(row["status"] for row in await DB.fetch("SELECT status FROM hold WHERE status <> 'held'"))
        if late:
            assert ended["expired"] == 40
            assert set(answers) <= {"expired", "hold_ended"}
        else:
            assert answers["posted"] + answers["voided"] == 40
            assert answers["hold_ended"] == 120
        assert await breaches() == {}
    assert await DB.fetchval("SELECT count(*) FROM hold WHERE status = 'held'") == 0
    assert await DB.fetchval("SELECT count(*) FROM event WHERE type = 'hold.ended'") == 80
    assert await DB.fetchval("SELECT sum(held) FROM wallet") == 0


async def test_without_the_guard_in_the_write_a_second_end_is_seen(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The broken variant: a decision that forgets that a hold has ended meets the guard of its row."""
    built = commands._hold
    monkeypatch.setattr(commands, "_hold", lambda *row: msgspec.structs.replace(built(*row), status="held"))
    (member,) = await world.members(1, points=1000)
    offer = await world.offer(points=100)
    desk = world.desk()
    hold = UUID(body(await desk.submit(place(world, member, offer)))["id"])
    assert await tries(desk, end(world, member, hold, "void")) == "voided"
    with pytest.raises(Exception, match=r"(ended: 1 rows were to be written, 0 were|wallet_not_overdrawn)"):
        await desk.submit(end(world, member, hold, "post"))
    assert await breaches() == {}


async def test_holds_redemptions_gifts_and_expiries_drawn_at_random(
    world: World, dice: random.Random, soak: bool
) -> None:
    """Whatever is asked in whatever order at two desks: after each round the books add up and nothing is oversold."""
    offers = [await world.offer(points=50, stock=60, per_member=9), await world.offer(points=30)]
    members = await world.members(6, points=400)
    desks = [world.desk(batch=4), world.desk(number=1)]
    open_holds: list[tuple[UUID, UUID]] = []
    for _ in range(60 if soak else 8):
        asks: list[PointsCommand] = []
        for _ in range(25):
            member, offer = dice.choice(members), dice.choice(offers)
            what = dice.random()
            if what < 0.35:
                asks.append(place(world, member, offer, dice.randint(1, 3), dice.choice((1, 30))))
            elif what < 0.65 and open_holds:
                holder, hold_id = dice.choice(open_holds)
                how: End = dice.choice(("post", "void", "expire"))
                asks.append(end(world, holder, hold_id, how, 1 if how == "post" and dice.random() < 0.5 else None))
            elif what < 0.8:
                asks.append(world.request(member, offer))
            else:
                other = dice.choice([one for one in members if one != member])
                asks.append(new_gift(member, other, dice.randint(1, 90), key(member), "en", world.clock.unix_ms()))
        answers = await asyncio.gather(*(dice.choice(desks).submit(ask) for ask in asks), return_exceptions=True)
        assert [answer for answer in answers if not isinstance(answer, Outcome)] == []
        for ask, answer in zip(asks, answers, strict=True):
            if isinstance(ask, PlaceHold) and isinstance(answer, Outcome) and answer.status == 201:
                open_holds.append((ask.request.member_id, UUID(body(answer)["id"])))
        world.clock.offset += timedelta(seconds=dice.choice((0, 20, 61)))
        assert await breaches() == {}
    total = await DB.fetchval("SELECT sum(balance + held) FROM wallet")
    spent = await DB.fetchval("SELECT coalesce(sum(points), 0) FROM redemption")
    assert total + spent == 6 * 400
