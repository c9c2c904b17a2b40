"""A sleep that an event can end."""

import asyncio
import contextlib


async def interruptible_sleep(stop: asyncio.Event, seconds: float) -> None:
    """Wait until `stop` is set, at most `seconds`.

    Not by `asyncio.timeout`, which the program does not use at all: up to Python 3.11.3 it ends with CancelledError in a task
    that was cancelled before and continued, and a task group whose child fails leaves its parent in that state. A retry would
    have ended silently. https://docs.python.org/3/whatsnew/changelog.html, gh-102780
    """
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
