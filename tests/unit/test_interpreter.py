"""Which Python was built for speed, and what `marketplace doctor` and the Makefile make of it."""

import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from marketplace.platform import interpreter
from marketplace.platform.doctor import _python

BUILDS = [
    ("'--enable-optimizations' '--with-lto'", "/opt/python", True),
    ("'--enable-shared'", "/root/.pyenv/versions/3.11.7", False),
    (None, "/opt/python", False),
    ("'--enable-shared' '--without-ensurepip'", "/usr", True),
]


@pytest.mark.parametrize(("asked", "prefix", "fast"), BUILDS)
def test_a_python_built_without_a_profile_is_told_of(
    monkeypatch: pytest.MonkeyPatch, asked: str | None, prefix: str, fast: bool
) -> None:
    monkeypatch.setattr(sysconfig, "get_config_var", {"CONFIG_ARGS": asked}.get)
    monkeypatch.setattr(sys, "base_prefix", prefix)
    assert interpreter.built_for_speed() is fast
    finding = _python()
    assert finding.good, "it works all the same"
    assert ("without optimizations" in finding.what, "--enable-optimizations" in finding.remedy) == (not fast, not fast)


def test_a_python_that_is_too_old_is_no_good(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 10, 13))
    finding = _python()
    assert (finding.good, finding.what) == (False, "Python 3.10.13")
    assert "3.11" in finding.remedy


def test_the_file_says_by_its_status_whether_to_take_this_python() -> None:
    wanted = interpreter.built_for_speed() and interpreter.can_make_environments()
    done = subprocess.run([sys.executable, "-I", str(Path(interpreter.__file__))], check=False)
    assert (done.returncode == 0) is wanted
