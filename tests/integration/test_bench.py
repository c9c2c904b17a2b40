"""The benchmarks' harness runs end to end, so that it cannot rot; what it measures so quickly means nothing."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.bench.__main__ import BENCHMARKS, main

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
