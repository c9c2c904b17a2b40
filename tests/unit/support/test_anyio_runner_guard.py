"""What holds the suite itself: a test that is cancelled fails alone, and one that hangs is stopped."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

LOOK = "from tests.support.anyio_runner_guard import pytest_runtest_makereport"

CONFTEST = f"""
import pytest
{LOOK}

@pytest.fixture(scope="session")
def anyio_backend():
    return "asyncio", {{"use_uvloop": True}}

@pytest.fixture(scope="session")
async def shared(anyio_backend):
    return 1
"""

CANCELLED = """
import asyncio

async def somewhere():
    future = asyncio.get_running_loop().create_future()
    future.cancel("out of the blue")
    await future

async def test_one(shared):
    await somewhere()

async def test_two(shared):
    await asyncio.sleep(0)
"""

HANGS = """
import asyncio

async def test_one(shared):
    await asyncio.sleep(3)
"""


def run(folder: Path, tests: str, conftest: str = CONFTEST, *arguments: str) -> subprocess.CompletedProcess[str]:
    (folder / "conftest.py").write_text(conftest)
    (folder / "test_it.py").write_text(tests)
    command = [sys.executable, "-m", "pytest", "-c", str(ROOT / "pyproject.toml"), "--rootdir", str(folder), *arguments]
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run([*command, str(folder)], cwd=folder, env=env, capture_output=True, text=True, check=False)


def test_a_test_that_is_cancelled_fails_alone_and_says_where(tmp_path: Path) -> None:
    printed = run(tmp_path, CANCELLED).stdout
    assert "1 failed, 1 passed" in printed
    assert "in somewhere" in printed
    # The broken variant: without the look at the plugin's task the next one fails with it.
    assert "2 failed" in run(tmp_path, CANCELLED, CONFTEST.replace(LOOK, "")).stdout


@pytest.mark.parametrize(("method", "stopped"), [((), True), (("--timeout-method", "signal"), False)])
def test_a_test_that_hangs_is_stopped(tmp_path: Path, method: tuple[str, ...], stopped: bool) -> None:
    """The other method, which the loop swallows, is the broken variant."""
    ended = run(tmp_path, HANGS, CONFTEST, "--timeout", "1", *method)
    assert (ended.returncode != 0) is stopped, ended.stdout
    assert ("Timeout" in ended.stdout + ended.stderr) is stopped
