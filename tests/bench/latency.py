"""Latency when the server is half busy: requests come at even intervals, independent of the responses.

A virtual machine whose host gives its processors to others for a while has fewer than two meanwhile: it stands still, and the
requests of that while are a round's slowest hundredth, whatever the program does. The kernel says when that was. So what counts
is the half seconds in which, and before which, nothing was taken, ours and the echo's alike; a round with few of them is asked
for again. What is looked at is what was taken, never what was measured; the note says what all rounds came to, whole.
"""

from statistics import median

from msgspec.structs import replace

from tests.bench.books import REDEEMED, audit, count, settle
from tests.bench.plan import Measured, within
from tests.bench.rounds import Asked, Result, alternate, busiest, compare
from tests.bench.scene import ECHO, REDEEM, Scene

_ENOUGH = 6
"""Half seconds that make a round: at 800 requests a second its slowest hundredth are two dozen."""

_TRIES = 4


async def undisturbed(ask: Asked, every: list[Measured]) -> Measured:
    """Return a round made of the half seconds of which the host took nothing; `every` gets all that were asked.

    If there is none in any of them, the one counts of which the host took least, as it is.
    """
    tried: list[Measured] = []
    while len(tried) < _TRIES and sum(one.quiet for one in tried) < _ENOUGH:
        tried.append(await ask())
    every += tried
    times = sorted(time for one in tried for time in one.undisturbed)
    if not times:
        return min(tried, key=lambda one: one.stolen)
    return replace(tried[-1], p50=within(times, 0.50), p95=within(times, 0.95), p99=within(times, 0.99), most=times[-1])


async def latency(scene: Scene) -> list[Result]:
    """p99 at half of the top rate of redemptions: how far ours lies above the echo's."""
    world, sizes = await scene.world(), scene.sizes
    before = await count(world.dsn, REDEEMED)
    halves: list[float] = []
    every: dict[str, list[Measured]] = {REDEEM: [], ECHO: []}
    async with scene.serving(world) as members:

        async def top() -> Measured:
            # Again in each round: a machine that others share does half as much again from one minute to the next, and half of
            # what it did then is no half now.
            found = await members.request(REDEEM, world.offers, seconds=sizes.long / 2, warmup=sizes.warmup)
            halves.append(found.rate / 2)
            return found

        def paced(path: str) -> Asked:
            async def ask() -> Measured:
                return await members.request(
                    path, world.offers, seconds=sizes.long, warmup=sizes.warmup, rate=halves[-1]
                )

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
            at_most=True,
            difference=True,
            client_cpu=busiest(ours, echo),
            note=f"at {median(halves):,.0f} requests/s ({min(halves):,.0f}–{max(halves):,.0f}); "
            f"median {median(one.p50 for one in ours):.1f} ms, echo's {median(one.p50 for one in echo):.1f} ms; "
            f"undisturbed half seconds: {_quiet(every[REDEEM])}, echo's {_quiet(every[ECHO])}; "
            f"all {len(every[REDEEM])} rounds, whole: "
            f"p99 {median(one.p99 for one in every[REDEEM]):.1f} ms, echo's {median(one.p99 for one in every[ECHO]):.1f} ms",
        )
    ]


def _quiet(every: list[Measured]) -> str:
    return f"{sum(one.quiet for one in every)} of {sum(one.windows for one in every)}"
