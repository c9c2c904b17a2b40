"""Which project files a piece of work enters, in order: what a reader of the code has to open to follow it."""

import asyncio
import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

ROOT = Path(__file__).parents[2]
PACKAGES = ("marketplace", "partners", "benefits", "settlement")

_PREFIXES = tuple(f"{ROOT / package}/" for package in PACKAGES)


class Trace:
    """The project files that were entered, each once, in the order in which a function of theirs was first called."""

    def __init__(self) -> None:
        self._background = asyncio.all_tasks() - {asyncio.current_task()}
        self._entered: dict[str, None] = {}

    @property
    def files(self) -> list[str]:
        """Paths from the repository's root."""
        return [str(Path(name).relative_to(ROOT)) for name in self._entered]

    def enter(self, frame: FrameType, event: str, _: Any) -> None:
        """Note the file of a call. Tasks that ran before the trace began are other work."""
        if event != "call":
            return
        name = frame.f_code.co_filename
        if name in self._entered or not name.startswith(_PREFIXES):
            return
        try:
            if asyncio.current_task() in self._background:
                return
        except RuntimeError:  # a callback of the event loop belongs to no task
            pass
        self._entered[name] = None


@contextlib.contextmanager
def traced() -> Iterator[Trace]:
    """Trace this thread inside the block."""
    trace = Trace()
    sys.setprofile(trace.enter)
    try:
        yield trace
    finally:
        sys.setprofile(None)
