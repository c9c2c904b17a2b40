"""Latency when the server is half busy: requests come at even intervals, whoever is ready.

A virtual machine whose host gives its processors to others for a while stands still meanwhile, and the requests of that while are
a round's slowest hundredth, whatever the program does. The kernel says how much was taken. A round in which it was more than
`_STOLEN` is measured again, at most `_TRIES` times, and the one of which least was taken counts, ours and the echo's alike. What
is looked at is what was taken, never what was measured; the note says how many rounds there were and what all of them came to.
"""

from statistics import median

from tests.bench.books import REDEEMED, audit, count, settle
from tests.bench.client import Measured
from tests.bench.rounds import Asked, Result, alternate, busiest, compare
from tests.bench.scene import ECHO, REDEEM, Scene

_STOLEN = 0.005
"""Of the processors' time: half of the hundredth that a p99 looks at."""

_TRIES = 4


async def undisturbed(ask: Asked, every: list[Measured]) -> Measured:
    """Return a round of which the host took little, or the one of which it took least; `every` gets all that were asked."""
    tried: list[Measured] = []
    while len(tried) < _TRIES and not any(one.stolen <= _STOLEN for one in tried):
        tried.append(await ask())
    every += tried
    return min(tried, key=lambda one: one.stolen)


async def latency(scene: Scene) -> list[Result]:
    """p99 at half of the top rate of redemptions: how far ours lies above the echo's."""
    world, sizes = await scene.world(), scene.sizes
    before = await count(world.dsn, REDEEMED)
    halves: list[float] = []
    every: dict[str, list[Measured]] = {REDEEM: [], ECHO: []}
    async with scene.serving(world) as members:

        async def top() -> Measured:
            # Anew in each round: a machine that others share does half as much again from one minute to the next, and half of
            # what it did then is no half now.
            found = await members.wish(REDEEM, world.offers, seconds=sizes.long / 2, warmup=sizes.warmup)
            halves.append(found.rate / 2)
            return found

        def paced(path: str) -> Asked:
            async def ask() -> Measured:
                return await members.wish(path, world.offers, seconds=sizes.long, warmup=sizes.warmup, rate=halves[-1])

            return lambda: undisturbed(ask, every[path])

        found = await alternate(
            {"p99 at the top rate": top, "ours at half of it": paced(REDEEM), "echo's at half of it": paced(ECHO)},
            sizes.long_rounds,
            lambda one: one.p99,
        )
    await settle(world.dsn, before, members.redeemed)
    await audit(world.dsn)
    ours, echo = found["ours at half of it"], found["echo's at half of it"]
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
            note=f"at {median(halves):,.0f} requests/s ({min(halves):,.0f}–{max(halves):,.0f}); "
            f"median {median(one.p50 for one in ours):.1f} ms, echo's {median(one.p50 for one in echo):.1f} ms; "
            f"all {len(every[REDEEM])} rounds, with those in which the host took more than {_STOLEN:.1%}: "
            f"p99 {median(one.p99 for one in every[REDEEM]):.1f} ms, echo's {median(one.p99 for one in every[ECHO]):.1f} ms",
        )
    ]
