"""Programs from npm that we did not write, under a Node that is new enough for them: the tests' own, or the machine's."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

NODE_FOLDER = Path(__file__).parents[1] / "node"
_MODULES = NODE_FOLDER / "node_modules"
_OLDEST = (22, 18)


def node() -> str | None:
    """Return the path of a Node that runs the tools, or None."""
    own = sorted(_MODULES.glob("node-*/bin/node"))
    for found in [*map(str, own), *filter(None, [shutil.which("node")])]:
        printed = subprocess.run([found, "--version"], capture_output=True, text=True, check=False).stdout
        version = re.match(r"v([0-9]+)\.([0-9]+)", printed)
        if version is not None and (int(version[1]), int(version[2])) >= _OLDEST:
            return found
    return None


def why_not() -> str | None:
    """Return why the tools cannot be run, or None."""
    if not (_MODULES / "openapi-typescript").is_dir():
        return "the tools from npm are not installed, their tests are LEFT OUT: npm ci --prefix tests/node"
    if node() is None:
        return "no Node of version 22.18 or newer is there, the tests of its tools are LEFT OUT"
    return None


needs_tools = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))


def run_tool(package: str, name: str, *arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the program of a package in the folder, with nothing sent home."""
    declared = json.loads((_MODULES / package / "package.json").read_text())["bin"]
    program = _MODULES / package / (declared if isinstance(declared, str) else declared[name])
    quiet = {"REDOCLY_TELEMETRY": "off", "DO_NOT_TRACK": "1", "NO_COLOR": "1", "CI": "1"}
    return subprocess.run(
        [str(node()), str(program), *arguments],
        cwd=folder, env=os.environ | quiet, capture_output=True, text=True, check=False,
    )  # fmt: skip
