"""A member day's crowd: members whom the worker has never seen, each with a token that it has never verified."""

from tests.bench.books import REDEEMED, audit, count, settle
from tests.bench.plan import Measured
from tests.bench.rounds import Result, busiest, compare, rates, terminal
from tests.bench.scene import ECHO, REDEEM, Members, Scene

_WARM = 10
"""One of so many members warms a new worker up, and is not measured."""


async def arrivals(scene: Scene) -> list[Result]:
    """The first redemption of each member after a worker's start / the second."""
    world = await scene.world()
    before = await count(world.dsn, REDEEMED)
    redeemed: list[Measured] = []
    found: dict[str, list[Measured]] = {"first": [], "again": []}
    for number in range(scene.sizes.long_rounds):
        async with scene.stage.serving(world.dsn, 1) as server:
            warming, rest = world.split(len(world.tokens) // _WARM)
            warm = Members(scene, warming, server)
            await warm.request(ECHO, world.offers, total=len(warming.tokens), connections=64)
            await warm.request(REDEEM, world.offers, total=3 * len(warming.tokens))
            crowd = Members(scene, rest, server)
            for rounds in found.values():  # the same requests twice
                rounds.append(await crowd.request(REDEEM, world.offers, total=len(rest.tokens)))
        redeemed += warm.redeemed + crowd.redeemed
        shown = "   ".join(f"{name} [bold]{rounds[-1].rate:,.1f}[/]" for name, rounds in found.items())
        terminal.print(f"  [dim]round {number + 1} of {scene.sizes.long_rounds}[/]   {shown}", highlight=False)
    await settle(world.dsn, before, redeemed)
    await audit(world.dsn)
    return [
        compare(
            "a member's first redemption of a worker / the second", "redemptions/s", rates(found["first"]),
            rates(found["again"]), must=0.55, client_cpu=busiest(*found.values()),
        )
    ]  # fmt: skip
