"""What `make demo` says on a machine that lacks something: one line, with the way out."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def make(tmp_path: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run make as a person does: under `make test` it would inherit that run's level, flags and variables."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(
        ["make", "--no-print-directory", str(tmp_path / "new/.installed"), f"VENV={tmp_path / 'new'}", *arguments],
        cwd=ROOT, env=own | environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


def said(done: subprocess.CompletedProcess[str]) -> list[str]:
    """Return the lines for people: without make's own last word."""
    return [line for line in done.stderr.splitlines() if not line.startswith("make: ***")]


def test_a_python_without_venv_is_told_what_to_install(tmp_path: Path) -> None:
    poor = tmp_path / "python"
    poor.write_text(f'#!/bin/sh\ncase "$2" in *ensurepip*) exit 1;; esac\nexec {sys.executable} "$@"\n')
    poor.chmod(0o755)
    done = make(tmp_path, f"PYTHON={poor}")
    assert done.returncode != 0
    (line,) = said(done)
    assert "apt install python3-venv" in line
    assert not (tmp_path / "new").exists(), "nothing incomplete"


def test_packages_that_cannot_be_fetched_are_said_in_one_line(tmp_path: Path) -> None:
    nowhere = {
        "PIP_INDEX_URL": "http://127.0.0.1:9/",
        "PIP_RETRIES": "0",
        "PIP_NO_CACHE_DIR": "1",
        "PIP_CONFIG_FILE": os.devnull,
    }
    done = make(tmp_path, f"PYTHON={sys.executable}", **nowhere)
    assert done.returncode != 0
    (line,) = said(done)
    assert "run make again" in line
    assert "build/install.log" in line
    assert not (tmp_path / "new/.installed").exists(), "make begins again the next time"


def test_an_old_python_is_told_so(tmp_path: Path) -> None:
    old = tmp_path / "python"
    old.write_text(
        f'#!/bin/sh\nexec {sys.executable} -c "import sys; sys.version_info = (3, 10); exec(sys.argv[1])" "$2"\n'
    )
    old.chmod(0o755)
    (line,) = said(make(tmp_path, f"PYTHON={old}"))
    assert "Python 3.11 or newer" in line


@pytest.fixture(autouse=True)
def _needs_make() -> None:
    if subprocess.run(["which", "make"], capture_output=True, check=False).returncode:
        pytest.skip("no make here")
