"""Make the demo's world: each package builds its part through its own use cases, from the floor up."""

from collections.abc import Sequence

from marketplace.demo.manifest import Demo, people_lines
from marketplace.demo.oneid import write_people
from marketplace.demo.world import build_world
from marketplace.kernel.clock import Clock
from marketplace.platform.commands import progress
from marketplace.platform.package import Package, SeedContext
from marketplace.settings import Settings


async def make_world(settings: Settings, clock: Clock, packages: Sequence[Package], seed: int) -> Demo:
    """Build the world of that seed into the empty database and return what demo.json says; the pool must be open."""
    world = build_world(seed, clock.now(), settings.calendar)
    with progress("Making the world") as report:
        context = SeedContext(
            settings=settings,
            clock=clock,
            world=world,
            made={},
            progress=lambda _what, done, of: report(done, of),
        )
        for package in packages:
            await package.seed(context)
    write_people(settings.data, world.people)
    return Demo(
        base_url=settings.base_url,
        partners=context.made["clients"],
        oem_system=context.made["oem_client"],
        people=people_lines(world.people),
    )
