"""Redemption: against the echo, spread against hot, and against row locks."""

from tests.bench.books import REDEEMED, audit, count, settle
from tests.bench.rounds import Result, alternate, busiest, compare, rates, written
from tests.bench.scene import ECHO, REDEEM, ROW_LOCKS, Scene


async def redeem(scene: Scene) -> list[Result]:
    """1,000 offers, 256 connections, 1 worker: ours / echo."""
    world = await scene.world()
    before = await count(world.dsn, REDEEMED)
    async with scene.serving(world) as members:
        found = await alternate(
            {
                "echo": lambda: members.request_for_a_round(ECHO, world.offers),
                "ours": lambda: members.request_for_a_round(REDEEM, world.offers),
            },
            scene.sizes.rounds,
        )
    await settle(world.dsn, before, members.redeemed)
    await audit(world.dsn)
    return [
        compare(
            "redeem: ours / echo", "redemptions/s", rates(found["ours"]), rates(found["echo"]), must=0.45, stretch=0.6,
            client_cpu=busiest(*found.values()), note=written(found["ours"]),
        )
    ]  # fmt: skip


async def hot(scene: Scene) -> list[Result]:
    """One hot offer against 1,000 offers, both ours."""
    world = await scene.world()
    before = await count(world.dsn, REDEEMED)
    async with scene.serving(world) as members:
        found = await alternate(
            {
                "spread": lambda: members.request_for_a_round(REDEEM, world.offers),
                "hot": lambda: members.request_for_a_round(REDEEM, world.offers[:1]),
            },
            scene.sizes.rounds,
        )
    await settle(world.dsn, before, members.redeemed)
    await audit(world.dsn)
    return [
        compare(
            "redeem, one hot offer: hot / spread", "redemptions/s", rates(found["hot"]), rates(found["spread"]),
            must=0.95, stretch=1.1, client_cpu=busiest(*found.values()),
        )
    ]  # fmt: skip


async def rowlocks(scene: Scene) -> list[Result]:
    """Ours against the usual handler, spread and hot."""
    world = await scene.world()
    before = await count(world.dsn, REDEEMED)
    async with scene.serving(world) as members:
        found = await alternate(
            {
                "row locks, spread": lambda: members.request_for_a_round(ROW_LOCKS, world.offers),
                "ours, spread": lambda: members.request_for_a_round(REDEEM, world.offers),
                "row locks, hot": lambda: members.request_for_a_round(ROW_LOCKS, world.offers[:1]),
                "ours, hot": lambda: members.request_for_a_round(REDEEM, world.offers[:1]),
            },
            scene.sizes.rounds,
        )
    await settle(world.dsn, before, members.redeemed)
    await audit(world.dsn)
    return [
        compare(
            f"redeem, {kind}: ours / row locks", "redemptions/s", rates(found[f"ours, {kind}"]),
            rates(found[f"row locks, {kind}"]), must=must, stretch=stretch,
            client_cpu=busiest(found[f"ours, {kind}"], found[f"row locks, {kind}"]),
        )
        for kind, must, stretch in (("spread", 3, 5), ("hot", 10, 20))
    ]  # fmt: skip
