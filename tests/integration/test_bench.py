"""The benchmarks' harness runs end to end, so that it cannot rot; what it measures so quickly means nothing."""

import json
import socketserver
import subprocess
import sys
import time
from pathlib import Path
from threading import Thread

import pytest
from click.testing import CliRunner

from tests.bench.__main__ import BENCHMARKS, main
from tests.bench.latency import undisturbed
from tests.bench.paced import paced
from tests.bench.plan import Measured, Plan, Product, quiet_windows

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
    ("quiet", "asked", "p99"),
    [
        ([7], 1, 10.0),
        ([2, 4, 9], 2, 20.0),  # enough together, whatever they measured
        ([1, 1, 1, 1, 9], 4, 40.0),  # too few, but all that there are
        ([0, 0, 0, 0], 4, 2000.0),  # none: the round of which least was taken, whole
    ],
)
async def test_half_seconds_in_which_nothing_was_taken_make_a_round(quiet: list[int], asked: int, p99: float) -> None:
    left = iter([_round(number, windows) for number, windows in enumerate(quiet, start=1)])
    every: list[Measured] = []

    async def ask() -> Measured:
        return next(left)

    found = await undisturbed(ask, every)
    assert found.p99 == p99
    assert len(every) == asked


def _round(number: int, quiet: int) -> Measured:
    """Return a round whose undisturbed requests took ten milliseconds times its number, and all of them a second times that."""
    return Measured(
        requests=100, seconds=1, statuses={"201": 100}, lost=0, cpu=0, p50=1, p95=1, p99=1000.0 * number, most=1,
        stolen=abs(number - 2) / 10, windows=20, quiet=quiet, undisturbed=[10.0 * number] * quiet,
    )  # fmt: skip


def test_a_half_second_is_quiet_when_nothing_was_taken_in_it_and_before_it() -> None:
    marks = [(0.0, 1.0), (0.4, 1.0), (1.02, 1.0), (1.7, 1.5), (2.3, 1.5), (2.6, 1.5), (3.1, 1.5)]
    # Taken between 1.02 and 1.7: the half seconds from 1.0 and 1.5 on, and the one after them, which begins with what waited.
    assert quiet_windows(marks, 0.5, 5) == [True, False, False, False, True]


def test_a_paced_client_asks_at_its_rate_and_counts_from_when_a_request_was_due() -> None:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Slow) as server:
        server.daemon_threads = True
        Thread(target=server.serve_forever, daemon=True).start()
        script = Product(heads=[b"GET / HTTP/1.1\r\n"], tails=[b"\r\n"])
        port = server.server_address[1]
        found = paced(Plan(port=port, script=script, connections=2, seconds=0.6, warmup=0.1, rate=100))
        server.shutdown()
    assert found.lost == 0
    assert found.statuses["200"] >= 69
    assert found.requests >= 59
    # Two connections that take 30 ms each time are asked a hundred times a second: of 35 answers each the eighteenth comes after
    # half a second, and was due after a third of one.
    assert found.most > found.p50 > 120
    assert found.windows == 2


class _Slow(socketserver.StreamRequestHandler):
    """Answers in two pieces, 30 ms after it was asked."""

    disable_nagle_algorithm = True  # the second piece would wait until the first was confirmed

    def handle(self) -> None:
        while self.request.recv(4096):
            time.sleep(0.03)
            self.request.sendall(b"HTTP/1.1 200 OK\r\nContent-")
            self.request.sendall(b"Length: 2\r\n\r\nok")
