"""Rounds that alternate (A B A B), medians, and what becomes of them."""

import sys
from collections.abc import Awaitable, Callable, Mapping
from statistics import median

import msgspec
from rich.console import Console

from tests.bench.plan import Measured

Asked = Callable[[], Awaitable[Measured]]
"""One round of one contender."""

terminal = Console(width=None if sys.stdout.isatty() else 150)


class Sizes(msgspec.Struct, frozen=True, kw_only=True):
    """How big everything is."""

    members: int = 10_000
    offers: int = 1_000
    connections: int = 256
    rounds: int = 11  # short and many: a machine that others share changes its speed by half within seconds
    narrow_rounds: int = 25  # of what lies near its bound: the middle of eleven is off by a tenth there
    seconds: float = 2.5
    warmup: float = 0.5
    long_rounds: int = 7
    long: float = 10.0  # seconds of a round whose slowest hundredth counts
    many_offers: int = 50_000
    few_offers: int = 500
    many_members: int = 2_000_000
    postings_each: int = 10
    calls: int = 1_000
    early: int = 10_000
    late: int = 1_000_000


QUICK = Sizes(
    members=300,
    offers=20,
    connections=16,
    rounds=1,
    narrow_rounds=1,
    seconds=0.4,
    warmup=0.1,
    long_rounds=1,
    long=0.8,
    many_offers=1_500,
    few_offers=100,
    many_members=3_000,
    calls=100,
    early=300,
    late=1_500,
)
"""Everything in seconds, to try the harness itself; the ratios mean nothing."""


class Result(msgspec.Struct, kw_only=True):
    """A line of build/bench.json. `spread` is the least and the most of the rounds; `at_most`: less is better.

    A figure without `must` is reported only, and always holds.
    """

    name: str
    ours: float
    yardstick: float
    unit: str
    ratio: float
    must: float | None
    stretch: float | None
    holds: bool
    at_most: bool
    spread: dict[str, list[float]]
    client_cpu: float
    note: str = ""


async def alternate(
    contenders: Mapping[str, Asked], rounds: int, figure: Callable[[Measured], float] = lambda one: one.rate
) -> dict[str, list[Measured]]:
    """Let the contenders take turns, and return each one's rounds. `figure` returns the number to show on the way."""
    found: dict[str, list[Measured]] = {name: [] for name in contenders}
    for number in range(rounds):
        for name, ask in contenders.items():
            found[name].append(await ask())
        shown = "   ".join(f"{name} [bold]{figure(found[name][-1]):,.1f}[/]" for name in contenders)
        terminal.print(f"  [dim]round {number + 1} of {rounds}[/]   {shown}", highlight=False)
    return found


def compare(
    name: str,
    unit: str,
    ours: list[float],
    yardstick: list[float],
    *,
    must: float | None = None,
    stretch: float | None = None,
    at_most: bool = False,
    difference: bool = False,
    client_cpu: float = 0.0,
    note: str = "",
) -> Result:
    """Return the medians held against each other: their quotient, or their difference."""
    one, other = median(ours), median(yardstick)
    ratio = one - other if difference else one / other
    return Result(
        name=name,
        ours=round(one, 3),
        yardstick=round(other, 3),
        unit=unit,
        ratio=round(ratio, 3),
        must=must,
        stretch=stretch,
        holds=must is None or (ratio <= must if at_most else ratio >= must),
        at_most=at_most,
        spread={"ours": [round(min(ours), 3), round(max(ours), 3)],
                "yardstick": [round(min(yardstick), 3), round(max(yardstick), 3)]},
        client_cpu=round(client_cpu, 2),
        note=note,
    )  # fmt: skip


def rates(measured: list[Measured]) -> list[float]:
    """Return answers a second, round by round."""
    return [one.rate for one in measured]


def busiest(*measured: list[Measured]) -> float:
    """Return the highest share of a core that the client took in any round."""
    return max((one.cpu for several in measured for one in several), default=0.0)


def written(measured: list[Measured]) -> str:
    """Return in words what PostgreSQL wrote to its log for each answer."""
    return f"{median(one.wal for one in measured) / 1024:.1f} KiB of WAL each"
