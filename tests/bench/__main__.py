"""`python -m tests.bench [ONLY…]`: measure ours against the yardsticks, side by side, in one run."""

import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import rich_click as click
import uvloop

from tests.bench.browse import browse
from tests.bench.counter import counter
from tests.bench.earnings import earnings
from tests.bench.latency import latency
from tests.bench.members import members
from tests.bench.memory import memory
from tests.bench.redeem import hot, redeem, rowlocks
from tests.bench.report import show, write
from tests.bench.rounds import QUICK, Result, Sizes, terminal
from tests.bench.scene import Scene
from tests.bench.server import HarnessError, open_stage, scratch_folder
from tests.bench.workers import workers

Benchmark = Callable[[Scene], Awaitable[list[Result]]]

BENCHMARKS: dict[str, Benchmark] = {
    "redeem": redeem,
    "hot": hot,
    "rowlocks": rowlocks,
    "latency": latency,
    "counter": counter,
    "browse": browse,
    "members": members,
    "earnings": earnings,
    "memory": memory,
    "workers": workers,
}


@click.command()
@click.argument("only", nargs=-1, type=click.Choice(list(BENCHMARKS)))
@click.option("--quick", is_flag=True, help="Small sizes, to try the harness: the ratios mean nothing.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("build/bench.json"), show_default=True)
@click.option("--data", type=click.Path(path_type=Path, file_okay=False), help="Where to keep the database meanwhile.")
def main(only: tuple[str, ...], quick: bool, out: Path, data: Path | None) -> None:
    """Run all benchmarks, or those that ONLY names; end with status 1 if a must does not hold."""
    sizes = QUICK if quick else Sizes()
    names = only or tuple(BENCHMARKS)
    try:
        results = uvloop.run(run(names, sizes, data))
    except HarnessError as error:
        raise click.ClickException(str(error)) from error
    write(out, results)
    show(results, out, quick=quick)
    if not quick and not all(result.holds for result in results):
        sys.exit(1)


async def run(names: tuple[str, ...], sizes: Sizes, data: Path | None) -> list[Result]:
    """Run the named benchmarks on one stage and return their results."""
    results: list[Result] = []
    with scratch_folder(data) as folder:
        async with open_stage(folder) as stage:
            scene = Scene(stage, sizes)
            for name in names:
                started = time.monotonic()
                terminal.rule(f"[bold]{name}[/]: {BENCHMARKS[name].__doc__}", align="left")
                results += await BENCHMARKS[name](scene)
                terminal.print(f"  [dim]took {time.monotonic() - started:.0f} s[/]", highlight=False)
    return results


if __name__ == "__main__":
    main()
