"""Builds the demo's world: each package builds its part through its own use cases, lower packages first."""

from collections.abc import Sequence
from datetime import datetime

from marketplace.demo.manifest import Demo, people_lines, write_members
from marketplace.demo.oneid import write_people
from marketplace.demo.world import build_world
from marketplace.demo.world_things import World
from marketplace.kernel.clock import Clock
from marketplace.platform.packages import Package, SeedContext
from marketplace.platform.runtime.commands import progress
from marketplace.settings import Settings

_WHOLE = 100


async def make_world(settings: Settings, clock: Clock, packages: Sequence[Package], seed: int) -> Demo:
    """Build the world of that seed in the empty database and return the content of demo.json; the pool must be open."""
    now: datetime = clock.now()
    return await fill(settings, clock, packages, build_world(seed, now, settings.calendar))


async def fill(settings: Settings, clock: Clock, packages: Sequence[Package], world: World) -> Demo:
    """Write the world into the empty database and its people into the data folder, and return the content of demo.json."""
    made: dict[str, object] = {}
    with progress("Making the world", _WHOLE) as report:
        for place, package in enumerate(packages):

            def report_part(_what: str, done: int, of: int, place: int = place) -> None:
                report(int(_WHOLE * (place + done / of) / len(packages)), _WHOLE)

            await package.seed(
                SeedContext(settings=settings, clock=clock, world=world, made=made, progress=report_part)
            )
        report(_WHOLE, _WHOLE)
    write_people(settings.data, world.people)
    write_members(settings.data, [member.subject for member in world.members])
    clients, oem = made["clients"], made["oem_client"]
    portal = made.get("portal", [])
    # What the packages made is known by name only: the foundation does not import them.
    return Demo(settings.base_url, clients, oem, people_lines(world.people), portal)  # type: ignore[arg-type]
