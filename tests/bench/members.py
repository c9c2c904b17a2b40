"""A club of millions with its history against a club of ten thousand."""

from tests.bench.bigworld import big_world
from tests.bench.books import REDEEMED, audit, count, settle
from tests.bench.rounds import Result, alternate, busiest, compare, rates, written
from tests.bench.scene import REDEEM, Scene

_FIRST = 2
"""Redemptions of each member before anything is measured."""


async def members(scene: Scene) -> list[Result]:
    """Redeem with 2 million members and 20 million postings / with 10,000 members."""
    sizes = scene.sizes
    big = await big_world(scene.stage, "big", sizes)
    small = await scene.filled("small", sizes.members, sizes.offers)
    before = {world.dsn: await count(world.dsn, REDEEMED) for world in (big, small)}
    async with scene.serving(small) as few, scene.serving(big) as many:
        # Not measured: what the first touch of each member's pages costs after a checkpoint, when they are logged whole.
        for group in (few, many):
            await group.request(REDEEM, group.world.offers, total=_FIRST * len(group.world.tokens))
        found = await alternate(
            {
                f"{sizes.members:,} members": lambda: few.request_for_a_round(REDEEM, small.offers),
                f"{sizes.many_members:,} members": lambda: many.request_for_a_round(REDEEM, big.offers),
            },
            sizes.narrow_rounds,
        )
    for group in (few, many):
        await settle(group.world.dsn, before[group.world.dsn], group.redeemed)
        await audit(group.world.dsn)
    postings = await count(big.dsn, "SELECT count(*) FROM points_posting")
    if not scene.stage.kept:
        await scene.stage.drop_database("big")
    await scene.forget("small")
    at_few, at_many = found.values()
    return [
        compare(
            f"redeem with {sizes.many_members:,} members / with {sizes.members:,}", "redemptions/s", rates(at_many),
            rates(at_few), must=0.85, stretch=0.95, client_cpu=busiest(at_few, at_many),
            note=f"{postings:,} postings in the end; {written(at_many)}, with few {written(at_few)}",
        )
    ]  # fmt: skip
