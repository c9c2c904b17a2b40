"""Latency when the server is half busy: requests come at even intervals, whoever is ready."""

from tests.bench.books import REDEEMED, audit, count, settle
from tests.bench.rounds import Asked, Result, alternate, busiest, compare, rates
from tests.bench.scene import ECHO, REDEEM, Scene


async def latency(scene: Scene) -> list[Result]:
    """p99 at half of the top rate of redemptions: how far ours lies above the echo's."""
    world, sizes = await scene.world(), scene.sizes
    before = await count(world.dsn, REDEEMED)
    async with scene.serving(world) as members:
        top = await alternate(
            {"top rate": lambda: members.wish_for_a_round(REDEEM, world.offers)}, min(sizes.rounds, 3)
        )
        rate = sorted(rates(top["top rate"]))[len(top["top rate"]) // 2] / 2

        def paced(path: str) -> Asked:
            return lambda: members.wish(path, world.offers, seconds=2 * sizes.seconds, warmup=sizes.warmup, rate=rate)

        found = await alternate(
            {"echo p99": paced(ECHO), "ours p99": paced(REDEEM)},
            sizes.rounds,
            lambda one: one.p99,
        )
    await settle(world.dsn, before, members.redeemed)
    await audit(world.dsn)
    ours, echo = found["ours p99"], found["echo p99"]
    return [
        compare(
            "latency at half of the top rate: p99 ours - echo",
            "ms, difference",
            [one.p99 for one in ours],
            [one.p99 for one in echo],
            must=25,
            stretch=10,
            at_most=True,
            difference=True,
            client_cpu=busiest(ours, echo),
            note=f"at {rate:,.0f} requests/s; median {ours[0].p50:.1f} ms, echo's {echo[0].p50:.1f} ms",
        )
    ]
