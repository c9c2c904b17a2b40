"""Two workers against one, on the same database."""

from tests.bench.books import REDEEMED, audit, count, settle
from tests.bench.rounds import Result, alternate, busiest, compare, rates
from tests.bench.scene import REDEEM, Scene

_WORKERS = 2


async def workers(scene: Scene) -> list[Result]:
    """Two workers must not be slower than one, the hot offer included: its stock has a slice for each of them."""
    sizes = scene.sizes
    world = await scene.filled("sliced", sizes.members, sizes.offers, slices=_WORKERS)
    before = await count(world.dsn, REDEEMED)
    async with scene.serving(world) as alone, scene.serving(world, workers=_WORKERS) as pair:
        found = await alternate(
            {
                "one, spread": lambda: alone.request_for_a_round(REDEEM, world.offers),
                "two, spread": lambda: pair.request_for_a_round(REDEEM, world.offers),
                "one, hot": lambda: alone.request_for_a_round(REDEEM, world.offers[:1]),
                "two, hot": lambda: pair.request_for_a_round(REDEEM, world.offers[:1]),
            },
            sizes.rounds,
        )
    await settle(world.dsn, before, [*alone.redeemed, *pair.redeemed])
    await audit(world.dsn)
    await scene.forget("sliced")
    return [
        compare(
            f"redeem, {kind}: two workers / one",
            "redemptions/s",
            rates(found[f"two, {kind}"]),
            rates(found[f"one, {kind}"]),
            must=1.0,
            client_cpu=busiest(found[f"two, {kind}"], found[f"one, {kind}"]),
        )
        for kind in ("spread", "hot")
    ]
