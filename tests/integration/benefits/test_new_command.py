"""A new kind of command is a file of its own and a line of registration: this is such a file, and the batch takes it.

The toy makes points round: it credits what is missing to the next hundred, once for each member and name.
"""

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest

from benefits.desk.batch import PointsBatch
from benefits.desk.context import PointsCommand, PointsContext, PointsKind
from benefits.desk.registry import COMMANDS
from benefits.offers.cache import OfferCache
from benefits.points.commands import Gift
from benefits.points.domain import Account, LotPart, PointsPostingCode, Posting
from benefits.points.events import PointsCredited
from marketplace.kernel.clock import Clock
from marketplace.kernel.ids import bucket_of, uuid7
from marketplace.kernel.refusals import Kind, NotFound, Refusal
from marketplace.platform.batching.commands import CommandKind, CommandRead, Registry, ok
from marketplace.platform.batching.executor import BatchExecutor
from marketplace.platform.http.idempotency import Key, Outcome
from marketplace.platform.postgres.database import DB
from marketplace.platform.postgres.reads import Read
from marketplace.platform.postgres.writes import Write
from marketplace.settings import Settings
from tests.support.world import World, breaches

# --- what a package would keep in its commands.py

_BEFORE = Read(
    "bucket smallint, member_id uuid, name text",
    """SELECT ROW(e.member_id, e.reference, e.points) FROM {wanted}
    JOIN earning e ON e.bucket = wanted.bucket AND e.member_id = wanted.member_id AND e.reference = wanted.name""",
)

_ROUNDED = Write(
    "rounded",
    "bucket smallint, member_id uuid, reference text, transaction_id uuid, points bigint",
    """INSERT INTO earning (bucket, member_id, reference, transaction_id, points, kind, occurred_at, credited_by, credited_at)
    SELECT d.*, 'adjustment', {now}, 'toy', {now} FROM {rows}""",
)


class RoundUp(msgspec.Struct, frozen=True):
    """A member's balance is to be made a multiple of a hundred."""

    member_id: UUID
    name: str
    transaction_id: UUID
    key: Key
    language: str = "en"

    weight = 1

    @property
    def members(self) -> tuple[UUID, ...]:
        return (self.member_id,)


class RoundAlready(Refusal):
    """There is nothing to add."""

    kind = Kind.CONFLICT
    code = "round_already"
    zh = "无需补足。"
    en = "Nothing to add."


def _names(commands: Sequence[RoundUp]) -> list[tuple[int, UUID, str]]:
    return [(bucket_of(one.member_id), one.member_id, one.name) for one in commands]


def _by_name(rows: Sequence[Any]) -> dict[tuple[UUID, str], int]:
    return {(member_id, name): points for member_id, name, points in rows}


ROUNDED_BEFORE = CommandRead(_BEFORE, _names, _by_name)


def _round_up(command: RoundUp, batch: PointsContext) -> Outcome:
    member_id, before = command.member_id, batch.found(ROUNDED_BEFORE)
    if member_id not in batch.state.members:
        raise NotFound
    wallet = batch.state.members[member_id].wallet
    points = -wallet.balance % 100
    if not points or (member_id, command.name) in before:
        raise RoundAlready
    before[member_id, command.name] = points
    last = max(wallet.lots)
    wallet.put(LotPart(last, points))
    posting = Posting(
        command.transaction_id,
        member_id,
        PointsPostingCode.EARNING,
        Account.PROGRAMME,
        Account.WALLET,
        last,
        points,
        batch.now,
    )
    batch.post([posting])
    batch.record(_ROUNDED, (bucket_of(member_id), member_id, command.name, command.transaction_id, points))
    batch.publish(PointsCredited(member_id, command.transaction_id, command.name, "adjustment", points, batch.now))
    return ok({"points": points})


ROUND_UP = PointsKind(RoundUp, _round_up, reads=(ROUNDED_BEFORE,), writes=(_ROUNDED,))

# --- the line of registration

WITH_TOY: Registry[PointsKind[Any]] = Registry(COMMANDS.lock_order, *COMMANDS.kinds, ROUND_UP)


@pytest.fixture
async def world(database: str, settings: Settings, clock: Clock) -> World:
    return await World(settings, clock).open()


def round_up(world: World, member_id: UUID, name: str = "r", key: str | None = None) -> RoundUp:
    own = Key(bucket_of(member_id), f"member:{member_id}", key or uuid4().hex, name.encode())
    return RoundUp(member_id, name, uuid7(bucket_of(member_id), world.clock.unix_ms()), own)


async def test_it_runs_in_a_batch_with_a_redemption(world: World) -> None:
    """In order of arrival, on the same wallet: what the one leaves, the other sees; one statement in and one out."""
    member, other = await world.members(2, points=250)
    offer = await world.offer(points=230)
    sizes: list[int] = []
    batch = PointsBatch(WITH_TOY, world.rules, OfferCache(), world.clock)

    async def decide(work: Any, commands: Sequence[PointsCommand]) -> Any:
        sizes.append(len(commands))
        return await batch.decide(work, commands)

    desk: BatchExecutor[PointsCommand] = BatchExecutor("points", decide, batch=256, queue=100)
    asked: list[PointsCommand] = [
        world.request(other, offer),
        round_up(world, member),
        world.request(member, offer),
        round_up(world, other, "s", key="k"),
        round_up(world, other, "s", key="k"),
        round_up(world, member, "r"),
        round_up(world, uuid4()),
    ]
    first, added, redeemed, other_added, again, refused, unknown = await asyncio.gather(*map(desk.submit, asked))
    await desk.close()
    assert sizes == [7]
    assert (first.status, redeemed.status) == (201, 201)
    assert [msgspec.json.decode(one.body) for one in (added, other_added)] == [{"points": 50}, {"points": 80}]
    assert again == msgspec.structs.replace(other_added, replayed=True)
    assert msgspec.json.decode(refused.body)["code"] == "round_already", "found by what this batch did, and stored"
    assert unknown.status == 404
    rows = await DB.fetch("SELECT member_id, balance FROM wallet")
    assert {row["member_id"]: row["balance"] for row in rows} == {member: 70, other: 100}
    assert await DB.fetchval("SELECT count(*) FROM earning WHERE credited_by = 'toy'") == 2
    assert await DB.fetchval("SELECT count(*) FROM event WHERE payload ->> 'kind' = 'adjustment'") == 2
    assert await DB.fetchval("SELECT count(*) FROM idempotency WHERE status IN (200, 404, 409)") == 4
    assert await breaches() == {}


async def test_its_own_read_finds_what_an_earlier_batch_wrote(world: World) -> None:
    (member,) = await world.members(1, points=250)
    offer = await world.offer(points=30)
    batch = PointsBatch(WITH_TOY, world.rules, OfferCache(), world.clock)
    desk: BatchExecutor[PointsCommand] = BatchExecutor("points", batch.decide, batch=256, queue=100)
    assert (await desk.submit(round_up(world, member))).status == 200
    assert (await desk.submit(world.request(member, offer))).status == 201
    again = await desk.submit(round_up(world, member))
    assert (again.status, msgspec.json.decode(again.body)["code"]) == (409, "round_already")
    assert (await desk.submit(round_up(world, member, "another"))).status == 200


async def test_what_is_not_registered_is_refused(world: World) -> None:
    (member,) = await world.members(1, points=250)
    with pytest.raises(KeyError):
        await world.desk().submit(round_up(world, member))
    silent = PointsKind(RoundUp, _round_up, reads=(ROUNDED_BEFORE,))  # it does not name its write
    batch = PointsBatch(Registry(COMMANDS.lock_order, silent), world.rules, OfferCache(), world.clock)
    desk: BatchExecutor[PointsCommand] = BatchExecutor("points", batch.decide, batch=256, queue=100)
    with pytest.raises(KeyError):
        await desk.submit(round_up(world, member))
    assert await DB.fetchval("SELECT balance FROM wallet") == 250


def test_a_lock_without_a_place_in_the_order_is_refused() -> None:
    read = Read("id uuid", "SELECT ROW(p.id) FROM {wanted} JOIN partner p USING (id) FOR UPDATE OF p", locks="partner")
    locking = CommandRead(read, lambda _: [], lambda rows: rows)
    with pytest.raises(ValueError, match="partner"):
        Registry(COMMANDS.lock_order, PointsKind(RoundUp, _round_up, reads=(locking,), writes=(_ROUNDED,)))
    with pytest.raises(ValueError, match="locks"):
        Read("id uuid", read.sql)
    twice: CommandKind[Any, Any] = CommandKind(RoundUp, _round_up)
    with pytest.raises(ValueError, match="a command has two kinds"):
        Registry((), twice, twice)
    another: CommandKind[Any, Any] = CommandKind(Gift, _round_up, reads=(ROUNDED_BEFORE,))
    with pytest.raises(ValueError, match="a read has two kinds"):
        Registry((), ROUND_UP, another)
