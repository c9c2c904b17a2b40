"""`python -m tests.bench [ONLY…]`: measure ours against the yardsticks, side by side, in one run."""

import asyncio
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import rich_click as click
import uvloop

from tests.bench.arrivals import arrivals
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
from tests.bench.token import token, verified
from tests.bench.workers import workers

Benchmark = Callable[[Scene], Awaitable[list[Result]]]

BENCHMARKS: dict[str, Benchmark] = {
    "redeem": redeem,
    "hot": hot,
    "rowlocks": rowlocks,
    "latency": latency,
    "arrivals": arrivals,
    "earnings": earnings,
    "counter": counter,
    "browse": browse,
    "workers": workers,
    "token": token,
    "verified": verified,
    "members": members,
    "memory": memory,
}
"""In the order of a run: the long ones come last, and what is narrow first, so that a run that falls short says so soon."""


@click.command()
@click.argument("only", nargs=-1, type=click.Choice(list(BENCHMARKS)))
@click.option("--quick", is_flag=True, help="Small sizes, to try the harness: the ratios mean nothing.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("build/bench.json"), show_default=True)
@click.option("--data", type=click.Path(path_type=Path, file_okay=False), help="Where to keep the database meanwhile.")
@click.option(
    "--keep", type=click.Path(path_type=Path, file_okay=False), help="A folder whose club of millions is used again."
)
def main(only: tuple[str, ...], quick: bool, out: Path, data: Path | None, keep: Path | None) -> None:
    """Run all benchmarks, or those that ONLY names; end with status 1 if a must does not hold.

    A benchmark that goes wrong (books that do not add up, answers that nobody expected) has no result, and the status is 1.
    """
    results: list[Result] = []
    sizes = QUICK if quick else Sizes()
    try:
        wrong = uvloop.run(run(only or tuple(BENCHMARKS), sizes, results, out, data=data, keep=keep))
    except asyncio.CancelledError:  # by SIGTERM: all that was started has been stopped
        sys.exit(128 + signal.SIGTERM)
    show(results, out, quick=quick)
    if wrong:
        raise click.ClickException("; ".join(wrong))
    if not quick and not all(result.holds for result in results):
        sys.exit(1)


async def run(
    names: Sequence[str], sizes: Sizes, results: list[Result], out: Path, *, data: Path | None, keep: Path | None
) -> list[str]:
    """Run the named benchmarks on one stage, write each one's results at once, and return what went wrong."""
    wrong: list[str] = []
    stopping = asyncio.current_task()
    assert stopping is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.cancel)
    with scratch_folder(data, keep) as folder:
        async with open_stage(folder, kept=keep is not None) as stage:
            scene = Scene(stage, sizes)
            for name in names:
                started = time.monotonic()
                terminal.rule(f"[bold]{name}[/]: {BENCHMARKS[name].__doc__}", align="left")
                try:
                    results += await BENCHMARKS[name](scene)
                except HarnessError as error:
                    wrong.append(f"{name}: {error}")
                    terminal.print(f"  [red]{error}[/]", markup=True, highlight=False)
                write(out, results)
                terminal.print(f"  [dim]took {time.monotonic() - started:.0f} s[/]", highlight=False)
    return wrong


if __name__ == "__main__":
    main()
