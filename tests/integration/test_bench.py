"""The benchmarks' harness runs end to end, so that it cannot rot; what it measures so quickly means nothing."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.bench.__main__ import BENCHMARKS, main
from tests.bench.client import Measured
from tests.bench.latency import undisturbed

ROOT = Path(__file__).parents[2]


def test_a_quick_benchmark_end_to_end(tmp_path: Path) -> None:
    out = tmp_path / "bench.json"
    command = [sys.executable, "-m", "tests.bench", "redeem", "--quick", "--out", str(out), "--data", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    (result,) = json.loads(out.read_text())["results"]
    assert result["name"] == "redeem: ours / echo"
    assert result["must"] == 0.45
    assert result["stretch"] == 0.6
    assert result["holds"] == (result["ratio"] >= result["must"])
    assert result["ratio"] == pytest.approx(result["ours"] / result["yardstick"], abs=0.002)
    assert not list(tmp_path.glob("marketplace-bench-*"))


def test_an_unknown_benchmark_is_refused_with_the_list() -> None:
    refused = CliRunner().invoke(main, ["redeme"])
    assert refused.exit_code == 2
    assert all(name in refused.output for name in BENCHMARKS)


@pytest.mark.parametrize(
    ("taken", "asked", "counts"),
    [
        ([0.0], 1, 0),
        ([0.02, 0.005, 0.0], 2, 1),  # the first that is quiet enough, whatever it measured
        ([0.04, 0.01, 0.02, 0.03, 0.0], 4, 1),  # none was: the one of which least was taken
    ],
)
async def test_a_round_whose_processors_were_taken_is_measured_again(
    taken: list[float], asked: int, counts: int
) -> None:
    rounds = [_round(stolen, p99=float(10 * number)) for number, stolen in enumerate(taken)]
    left, every = iter(rounds), list[Measured]()

    async def ask() -> Measured:
        return next(left)

    assert await undisturbed(ask, every) is rounds[counts]
    assert every == rounds[:asked]


def _round(stolen: float, p99: float) -> Measured:
    return Measured(
        requests=1, seconds=1, statuses={"201": 1}, lost=0, cpu=0, p50=1, p95=1, p99=p99, most=1, stolen=stolen
    )
