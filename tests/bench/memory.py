"""Memory of a worker: after the first redemptions, and after very many."""

import asyncio

import psutil

from tests.bench.books import REDEEMED, audit, count, settle
from tests.bench.rounds import Result, compare, terminal
from tests.bench.scene import REDEEM, Members, Scene
from tests.bench.server import Serving

_STEPS = 10
_REST_S = 2.0


async def memory(scene: Scene) -> list[Result]:
    """Memory of a worker after 1,000,000 redemptions / after 10,000."""
    sizes = scene.sizes
    world = await scene.filled("memory", sizes.members, sizes.offers)
    before = await count(world.dsn, REDEEMED)
    async with scene.serving(world) as members:
        sizes_seen: list[float] = []
        done = 0
        for step in range(_STEPS + 1):
            upto = sizes.early + (sizes.late - sizes.early) * step // _STEPS
            rate = await _redeem(members, upto - done)
            done = upto
            sizes_seen.append(await resident(members.server))
            terminal.print(
                f"  [dim]{done:,} redemptions[/]   {rate:,.0f}/s   [bold]{sizes_seen[-1]:.1f} MiB[/]", highlight=False
            )
    await settle(world.dsn, before, members.redeemed)
    await audit(world.dsn)
    await scene.forget("memory")
    return [
        compare(
            f"memory of a worker after {sizes.late:,} redemptions / after {sizes.early:,}", "MiB",
            [sizes_seen[-1]], [sizes_seen[0]], must=1.1, stretch=1.02, at_most=True,
            client_cpu=max(one.cpu for one in members.redeemed),
            note="on the way: " + " ".join(f"{size:.0f}" for size in sizes_seen),
        )
    ]  # fmt: skip


async def _redeem(members: Members, total: int) -> float:
    return (await members.request(REDEEM, members.world.offers, total=total)).rate


async def resident(server: Serving) -> float:
    """Return the resident size of the one worker, in MiB, once it has come to rest."""
    await asyncio.sleep(_REST_S)
    (pid,) = await server.worker_pids()
    return psutil.Process(pid).memory_info().rss / 2**20
