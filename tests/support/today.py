"""The day on which the tests run: the only place in tests that knows it.

`make test TODAY=2028-02-29T20:30` runs the suite at that instant of the business zone; without it the tests run now. Every clock
of a test process is moved, and so are the programs that tests start.
"""

import os
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec

from marketplace.kernel.clock import WALL, shift_process
from marketplace.settings import VARIABLES, Settings, load

ZONE = ZoneInfo(Settings().zone)


def begin() -> None:
    """Move the time of this process to TODAY, and tell the processes that it starts. Raises ValueError for another form."""
    wanted = os.environ.get("TODAY", "")
    if (
        wanted and VARIABLES["clock"] not in os.environ
    ):  # else the process that started this one has counted from its own start
        by = datetime.fromisoformat(wanted).replace(tzinfo=ZONE) - WALL.now()
        os.environ[VARIABLES["clock"]] = msgspec.to_builtins(by)
    shift_process(load(variables() | {VARIABLES["mode"]: "test"}).clock)


def variables() -> dict[str, str]:
    """Return what a program that a test starts has to be given, so that its time is that of the test."""
    name = VARIABLES["clock"]
    return {name: os.environ[name]} if name in os.environ else {}


def now() -> datetime:
    """Return the present instant."""
    return WALL.now()


def sql_now() -> str:
    """Return the present instant as an expression of SQL."""
    return f"timestamptz '{WALL.now().astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}+00'"


def at(instant: datetime) -> timedelta:
    """Return by how much a clock has to be moved to show the instant now."""
    return instant - WALL.now()
