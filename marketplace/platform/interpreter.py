"""Was this Python built for speed? Run as a file (the Makefile does, with each one it finds) it says so by its exit status."""

import importlib.util
import sys
import sysconfig

LOWEST = (3, 11)


def built_for_speed() -> bool:
    """Return whether this Python was compiled with a profile of itself, which makes it a quarter faster here.

    `--enable-optimizations` says so (https://docs.python.org/3/using/configure.html#performance-options). Distributions do it by
    rules of their own, which do not stand in the configuration: what is installed under /usr comes from one.
    """
    return "--enable-optimizations" in (sysconfig.get_config_var("CONFIG_ARGS") or "") or sys.base_prefix == "/usr"


def can_make_environments() -> bool:
    """Return whether `-m venv` works: some distributions ship it as a package of its own."""
    return all(importlib.util.find_spec(name) is not None for name in ("venv", "ensurepip"))


if __name__ == "__main__":
    sys.exit(not (sys.version_info >= LOWEST and can_make_environments() and built_for_speed()))
