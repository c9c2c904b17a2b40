"""What tools that we did not write say of openapi.yaml: linters find nothing, generators warn of nothing, clients compile."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.support.foreign_tools import needs_tools, run_tool

pytestmark = pytest.mark.xdist_group("openapi_tools")

ROOT = Path(__file__).parents[2]
FILE = str(ROOT / "openapi.yaml")


@needs_tools
def test_spectral_reports_nothing(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text('extends: ["spectral:oas"]\n')
    done = run_tool(
        "@stoplight/spectral-cli", "spectral", "lint", FILE, "-r", "rules.yaml", "-F", "hint", folder=tmp_path
    )
    assert done.returncode == 0, done.stdout + done.stderr


@needs_tools
def test_redocly_reports_nothing(tmp_path: Path) -> None:
    done = run_tool(
        "@redocly/cli", "redocly", "lint", FILE, "--extends", "recommended", "--format", "json", folder=tmp_path
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["problems"] == []


@needs_tools
def test_openapi_typescript_generates_what_compiles(tmp_path: Path) -> None:
    done = run_tool("openapi-typescript", "openapi-typescript", FILE, "-o", "api.d.ts", folder=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "warn" not in (done.stdout + done.stderr).lower()
    _compile(tmp_path, "api.d.ts")


@needs_tools
def test_hey_api_generates_what_compiles(tmp_path: Path) -> None:
    done = run_tool("@hey-api/openapi-ts", "openapi-ts", "-i", FILE, "-o", "client", folder=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "warn" not in (done.stdout + done.stderr).lower()
    _compile(tmp_path, "client/types.gen.ts")


def _compile(folder: Path, file: str) -> None:
    options = [
        "--noEmit",
        "--strict",
        "--skipLibCheck",
        "--target",
        "es2022",
        "--moduleResolution",
        "bundler",
        "--module",
        "esnext",
    ]
    done = run_tool("typescript", "tsc", *options, file, folder=folder)
    assert done.returncode == 0, done.stdout + done.stderr


GENERATOR = ROOT / ".venv-generator" / "bin"
needs_generator = pytest.mark.skipif(
    not (GENERATOR / "openapi-python-client").exists(),
    reason="openapi-python-client is not installed, its tests are LEFT OUT: make .venv-generator/.installed",
)


def generate(folder: Path) -> None:
    """Generate the Python client as the guide says, and fail on any warning."""
    arguments = [
        "generate",
        "--path",
        FILE,
        "--config",
        str(ROOT / "docs/openapi-python-client.yaml"),
        "--meta",
        "none",
    ]
    done = subprocess.run(
        [str(GENERATOR / "openapi-python-client"), *arguments, "--output-path", str(folder / "client"), "--fail-on-warning"],
        env=os.environ | {"PATH": f"{GENERATOR}{os.pathsep}{os.environ['PATH']}"},
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "warning" not in (done.stdout + done.stderr).lower()


@needs_generator
def test_openapi_python_client_generates_without_a_warning(tmp_path: Path) -> None:
    generate(tmp_path)
